//! The ESP.

use std::path::PathBuf;

use anyhow::Result;
use slots::Esp;

/// Where the ESP is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EspSource {
    /// A device with a FAT, mounted while it is used.
    Device(PathBuf),
    /// A folder that stands for one; for tests.
    Folder(PathBuf),
}

/// What is on it.
pub fn list(source: &EspSource) -> Result<Esp> {
    anyhow::bail!("not built yet: {source:?}")
}
