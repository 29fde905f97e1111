//! The error of this crate: what was being done, to what, and the kernel's answer.

use std::fmt;
use std::io;
use std::path::Path;

/// A kernel interface refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}: {cause}")]
pub struct Error {
    action: String,
    cause: io::Error,
}

/// What the functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `action` completes "cannot ...", for example "mount erofs on /sysroot/usr".
    pub fn new(action: impl fmt::Display, cause: impl Into<io::Error>) -> Self {
        Self { action: action.to_string(), cause: cause.into() }
    }

    /// The kernel's answer.
    pub fn io(&self) -> &io::Error {
        &self.cause
    }
}

/// Turns a kernel's answer into an [`Error`] that says what was being done.
pub(crate) trait Doing<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T>;

    fn doing_to(self, verb: &str, path: &Path) -> Result<T>
    where
        Self: Sized,
    {
        self.doing(|| format!("{verb} {}", path.display()))
    }
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::new(action(), cause))
    }
}
