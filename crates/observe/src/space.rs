//! The space of a file system (statvfs(3)).

use serde::Serialize;

use crate::Root;

/// Space, in bytes, and files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Space {
    /// All.
    pub size: u64,
    /// What is free.
    pub free: u64,
    /// What is free for others than root.
    pub available: u64,
    /// How many files it may hold; 0 where that is not bounded.
    pub files: u64,
    /// How many more.
    pub files_free: u64,
}

impl Space {
    /// The space of the file system at a path; none where it cannot be asked.
    pub fn of(root: &Root, path: &str) -> Option<Space> {
        let state = rustix::fs::statvfs(root.path(path)).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(state.f_frsize);
        Some(Space {
            size: bytes(state.f_blocks),
            free: bytes(state.f_bfree),
            available: bytes(state.f_bavail),
            files: state.f_files,
            files_free: state.f_ffree,
        })
    }

    /// What is in use, in bytes.
    pub fn used(&self) -> u64 {
        self.size.saturating_sub(self.free)
    }
}
