//! What can go wrong with a journal.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the log store. Each says what was being done, and to what.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        cause: io::Error,
    },
    /// Another process writes to this journal.
    #[error("{} is being written by another process; stop that first", .0.display())]
    Locked(PathBuf),
    /// The kernel's boot id is not 32 hexadecimal digits.
    #[error("{0:?} is not a boot id: 32 hexadecimal digits were expected")]
    BadBootId(String),
    /// The query names a boot that the journal does not hold.
    #[error("the journal has no boot {0}; `journalctl --list-boots` shows those it has")]
    NoSuchBoot(String),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { action, path, cause }
    }
}
