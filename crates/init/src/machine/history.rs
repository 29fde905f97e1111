//! The record of the last boots. It is small, and replaced whole.

use std::fs;
use std::path::Path;

use anyhow::Result;
use boots::History;
use event::ShutdownKind;

use super::{boot_id, version};

/// Everybody may read it.
const MODE: u32 = 0o644;

/// This boot begins.
pub fn begin() -> Result<()> {
    change(|history, now| history.begin(&boot_id(), now, &version()))
}

/// This boot ends; whether because it has failed.
pub fn end(kind: ShutdownKind, failed: bool) -> Result<()> {
    change(|history, now| history.end(&boot_id(), now, kind, failed))
}

/// This boot has failed, and why.
pub fn unfit(reason: &str) -> Result<()> {
    change(|history, _| history.unfit(&boot_id(), reason))
}

fn change(action: impl FnOnce(&mut History, u64)) -> Result<()> {
    let path = Path::new(layout::path::BOOTS);
    // What is there may be anything; it was written by this, or by nobody.
    let text = fs::read(path).unwrap_or_default();
    let mut history = History::parse(&String::from_utf8_lossy(&text));
    action(&mut history, sys::machine::wall_clock().as_secs());
    Ok(sys::file::replace(path, history.encode().as_bytes(), MODE)?)
}
