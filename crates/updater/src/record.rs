//! The record of updates on the disk. One at a time changes it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use layout::path::{UPDATE, UPDATE_STATE};
use update_state::State;

/// Root's alone.
const FOLDER_MODE: u32 = 0o700;
const MODE: u32 = 0o600;

/// What is remembered. Without a record, and with one that makes no sense, that is nothing; the latter is told.
pub fn read() -> State {
    match fs::read_to_string(UPDATE_STATE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
        text => text
            .map_err(anyhow::Error::from)
            .and_then(|text| Ok(State::from_json(&text)?))
            .with_context(|| format!("{UPDATE_STATE} is taken for empty"))
            .unwrap_or_else(|error| {
                eprintln!("{error:#}");
                State::default()
            }),
    }
}

/// Changes it. When this returns the change is on the disk.
///
/// # Errors
/// It cannot be written.
pub fn change<T>(action: impl FnOnce(&mut State) -> T) -> Result<T> {
    let folder = Path::new(UPDATE);
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .with_context(|| format!("make {UPDATE}"))?;
    let lock = folder.join("lock");
    let file = File::options().write(true).create(true).truncate(false).mode(MODE).open(&lock);
    let file = file.with_context(|| format!("open {}", lock.display()))?;
    file.lock().with_context(|| format!("lock {}", lock.display()))?;
    let mut state = read();
    let before = state.clone();
    let done = action(&mut state);
    if state != before {
        sys::file::replace_synced(Path::new(UPDATE_STATE), state.to_json().as_bytes(), MODE)?;
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("sync {UPDATE}"))?;
    }
    Ok(done)
}
