//! Folders for machines' files. One goes away with its value; one whose process was killed is
//! cleared away by the next process that makes any.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use tempfile::TempDir;

use crate::{Error, Result};

/// Start of every folder's name. The whole path is short, as those of Unix sockets must be.
const PREFIX: &str = "berth-vm-";
/// A file that the owner holds a lock on for as long as it lives.
const LOCK: &str = "owner";
/// A younger folder may be one that its owner is just making.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder for a machine's files.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// A new, empty folder (but for a file that tells that its owner lives).
    pub fn new() -> Result<Self> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep(&std::env::temp_dir()));
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .map_err(Error::io("make a folder in", std::env::temp_dir()))?;
        let path = folder.path().join(LOCK);
        let lock = File::create(&path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(Error::io("lock", path))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes what owners that were killed have left. What cannot be removed, or is another user's,
/// stays: it is in nobody's way.
fn sweep(place: &Path) {
    for folder in left_in(place) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Folders of ours in `place` that have no owner any more.
fn left_in(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .filter(|folder| is_old(folder) && !is_owned(folder))
        .collect()
}

fn is_old(folder: &Path) -> bool {
    let made = fs::metadata(folder.join(LOCK)).and_then(|lock| lock.modified());
    made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > YOUNG))
}

fn is_owned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_err(),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn only_what_is_old_and_has_no_owner_is_cleared_away() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, age: u64| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).unwrap();
            let lock = File::create(folder.join(LOCK)).unwrap();
            lock.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            lock
        };
        make("berth-vm-left", 3600);
        make("berth-vm-young", 1);
        make("another-left", 3600);
        let owner = make("berth-vm-owned", 3600);
        owner.lock().unwrap();
        assert_eq!(left_in(place.path()), [place.path().join("berth-vm-left")]);
        sweep(place.path());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_folder_is_owned_while_it_lives_and_then_gone() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        assert!(is_owned(&path));
        drop(folder);
        assert!(!path.exists());
    }
}
