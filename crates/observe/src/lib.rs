//! Layer: effects. What a running machine says of itself.
//!
//! Each module reads one of the kernel's tables: a function without effects takes the text apart, and
//! a thin one fetches it. All paths are below a [`Root`], so that tests bring their own.

#![forbid(unsafe_code)]

pub mod block;
pub mod etc;
pub mod group;
pub mod memory;
pub mod mounts;
pub mod net;
pub mod pressure;
pub mod processor;
pub mod slot;
pub mod space;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How much of a file is read, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// Where the machine's files are.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// This machine.
    pub fn of_machine() -> Root {
        Root(PathBuf::from("/"))
    }

    /// Another place, with `proc`, `sys` and what else is asked for in it.
    pub fn at(path: impl Into<PathBuf>) -> Root {
        Root(path.into())
    }

    /// A path of the machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// The beginning of a file as text; empty where it cannot be read.
    pub fn text(&self, path: &str) -> String {
        self.read(path).unwrap_or_default()
    }

    /// The beginning of a file as text.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &str) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.path(path))?.take(FILE_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// This boot's id, without dashes; empty where the kernel does not tell.
    pub fn boot_id(&self) -> String {
        self.text(layout::path::BOOT_ID).trim().replace('-', "")
    }

    /// Names in a folder, in order; none where it cannot be read.
    pub fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    fn as_path(&self) -> &Path {
        &self.0
    }
}
