//! Units from text.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]
#![allow(dead_code, reason = "each test file uses some of it")]

use std::sync::Arc;

use unit::load::{LoadError, UnitFiles};
use unit::text::file::Source;
use unit::text::specifier::Host;
use unit::{Unit, UnitName};

pub fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

pub fn host() -> Host {
    Host {
        machine_id: "0123456789abcdef0123456789abcdef".into(),
        boot_id: "fedcba9876543210fedcba9876543210".into(),
        hostname: "node1".into(),
        kernel_release: "6.12.0".into(),
    }
}

/// Loads a unit of several files, the main one first.
pub fn try_load(unit: &str, texts: &[&str]) -> Result<Unit, LoadError> {
    let sources = texts.iter().enumerate().map(|(index, text)| {
        let path = if index == 0 { format!("/u/{unit}") } else { format!("/u/{unit}.d/{index}.conf") };
        Source { path: Arc::from(path), text: (*text).to_owned() }
    });
    let files = UnitFiles { sources: sources.collect(), ..UnitFiles::default() };
    unit::load::load(&name(unit), &files, &host())
}

pub fn load(unit: &str, text: &str) -> Unit {
    try_load(unit, &[text]).unwrap()
}
