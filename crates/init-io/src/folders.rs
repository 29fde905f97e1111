//! Folders that units ask for.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Makes a folder and those that it is in, as far as they are not there.
///
/// # Errors
/// The file system refuses, or something that is no folder is in the way.
pub fn make(path: &Path, mode: u32) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Makes the folder that a path is in.
///
/// # Errors
/// As for [`make`].
pub fn make_above(path: &Path, mode: u32) -> Result<()> {
    match path.parent() {
        Some(parent) if !parent.exists() => make(parent, mode),
        _ => Ok(()),
    }
}
