//! The machine's record of updates; [`Store`] has the rest.

use anyhow::Result;
use update_state::State;

use crate::Store;

/// What is remembered. Without a record, and with one that makes no sense, that is nothing; the latter is told.
pub fn read() -> State {
    Store::system().read().unwrap_or_else(|error| {
        eprintln!("{error:#}; it is taken for empty");
        State::default()
    })
}

/// Changes it. When this returns the change is on the disk.
///
/// # Errors
/// It cannot be written.
pub fn change<T>(action: impl FnOnce(&mut State) -> T) -> Result<T> {
    Store::system().change(action)
}
