//! Files that come to be whole or not at all, and last.

use anyhow::{Context as _, Result, bail};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

/// What everybody may read.
const PUBLIC: u32 = 0o644;
/// What its owner alone may read.
const PRIVATE: u32 = 0o600;

/// Puts a file in its place at once: readers see what was there before, or all of the new.
pub(crate) fn place(path: &Path, content: &[u8]) -> Result<()> {
    place_as(path, content, PUBLIC)
}

/// The same for a file that its owner alone may read.
pub(crate) fn place_private(path: &Path, content: &[u8]) -> Result<()> {
    place_as(path, content, PRIVATE)
}

fn place_as(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    sys::file::replace_synced(path, content, mode)?;
    sync_folder_of(path)
}

/// Makes a rename or a removal in the folder of `path` last.
pub(crate) fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(sys::file::sync_folder(folder)?)
}

/// Makes a folder and those above it.
pub(crate) fn folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// Names in a folder, sorted; none where the folder is not there. Those that begin with a dot are left out.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let listing = || format!("listing {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries.with_context(listing)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(listing)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Keeps a folder from a second writer for as long as it lives.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(".lock");
        let locking = || format!("locking {}", path.display());
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(&path).with_context(locking)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("another program writes to {}: try again when it has ended", folder.display())
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(locking),
        }
    }
}
