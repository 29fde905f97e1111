//! The record of the last boots. It is small, and replaced whole.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use boots::History;
use event::ShutdownKind;

use super::{boot_id, version};

/// This boot begins.
pub fn begin() -> Result<()> {
    change(|history, now| history.begin(&boot_id(), now, &version()))
}

/// This boot ends; whether because it has failed.
pub fn end(kind: ShutdownKind, failed: bool) -> Result<()> {
    change(|history, now| history.end(&boot_id(), now, kind, failed))
}

fn change(action: impl FnOnce(&mut History, u64)) -> Result<()> {
    let path = Path::new(layout::path::BOOTS);
    let doing = || format!("cannot write {}", path.display());
    // What is there may be anything; it was written by this, or by nobody.
    let text = fs::read(path).unwrap_or_default();
    let mut history = History::parse(&String::from_utf8_lossy(&text));
    action(&mut history, sys::machine::wall_clock().as_secs());
    let new = path.with_extension("new");
    fs::write(&new, history.encode()).with_context(doing)?;
    fs::rename(&new, path).with_context(doing)
}
