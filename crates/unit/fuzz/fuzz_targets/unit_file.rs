//! A unit file of any type: it makes a unit or an error, never a fault.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use unit::UnitName;
use unit::load::{self, UnitFiles};
use unit::text::file::Source;
use unit::text::specifier::Host;

const NAMES: [&str; 8] =
    ["a.service", "t@i.service", "a.socket", "a-b.mount", "a.path", "a.timer", "a-b.slice", "dev-x.swap"];

fuzz_target!(|data: (u8, &str, &str)| {
    let (which, text, drop_in) = data;
    let Ok(name) = UnitName::parse(NAMES[usize::from(which) % NAMES.len()]) else { return };
    let source = |path: &str, text: &str| Source { path: Arc::from(path), text: text.to_owned() };
    let files = UnitFiles { sources: vec![source("/u", text), source("/u.d/x.conf", drop_in)], ..UnitFiles::default() };
    if let Ok(unit) = load::load(&name, &files, &Host::default()) {
        _ = unit::describe::sections(&name, &unit, &files, &Host::default());
    }
});
