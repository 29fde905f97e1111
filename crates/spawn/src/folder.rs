//! Folders below one that is root's, where services may have put links: PID 1 follows none of those.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::fs::{CWD, Mode, OFlags, fstat, mkdirat, openat, readlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// How a folder is opened; whatever else is there is not.
pub const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// As many links may lead from one to the next.
const LINKS_MAX: usize = 32;
/// The permissions of folders that are made on the way.
const ON_THE_WAY: u32 = 0o755;
/// What others than a file's owner would need to write to it.
const OTHERS_WRITE: u32 = 0o022;

/// A folder, held open so that it stays the same whatever its path comes to be.
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl Folder {
    /// Opens a folder that only root can have led elsewhere.
    pub fn open(path: &Path) -> Result<Folder> {
        let handle = openat(CWD, path, OPEN, Mode::empty());
        let handle = handle.with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Folder { handle, path: path.to_owned() })
    }

    /// Makes a folder in this one, if there is none yet, and opens it.
    pub fn make(&self, name: &str, mode: u32) -> Result<Folder> {
        match mkdirat(self, name, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => self.enter(name),
            Err(error) => {
                Err(error).with_context(|| format!("cannot make {}", self.path.join(name).display()))
            }
        }
    }

    /// Makes a path of folders below this one, and opens the last.
    pub fn make_all(&self, path: &str) -> Result<Folder> {
        parts(path).try_fold(self.enter(".")?, |folder, name| folder.make(name, ON_THE_WAY))
    }

    /// Opens a folder in this one; a link to one only where nobody but root can have put it.
    pub fn enter(&self, name: &str) -> Result<Folder> {
        self.step(OsStr::new(name), 0)
    }

    /// Opens a path of folders below this one.
    pub fn enter_all(&self, path: &str) -> Result<Folder> {
        parts(path).try_fold(self.enter(".")?, |folder, name| folder.enter(name))
    }

    /// Whether both are the same, by whatever way they were come to.
    pub fn is(&self, other: &Folder) -> Result<bool> {
        let (one, other) = (fstat(self)?, fstat(other)?);
        Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
    }

    fn step(&self, name: &OsStr, links: usize) -> Result<Folder> {
        let path = self.path.join(name);
        let error = match openat(self, name, OPEN | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(handle) => return Ok(Folder { handle, path }),
            Err(error) => error,
        };
        let shown = path.display();
        let Ok(target) = readlinkat(self, name, Vec::new()) else {
            return Err(error).with_context(|| format!("cannot open {shown}"));
        };
        ensure!(
            self.is_closed()?,
            "{shown} is a link in a folder that not only root writes to, and is not followed: remove it"
        );
        ensure!(links < LINKS_MAX, "{shown}: links lead to links more than {LINKS_MAX} times");
        // Root's own link may lead to where others may put one.
        let target = Path::new(OsStr::from_bytes(target.as_bytes()));
        let from = match target.is_absolute() {
            true => Folder::open(Path::new("/"))?,
            false => self.step(OsStr::new("."), links)?,
        };
        let steps =
            target.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
        steps.map(Component::as_os_str).try_fold(from, |folder, part| folder.step(part, links + 1))
    }

    /// Whether only we, who are root in PID 1, put anything into it.
    fn is_closed(&self) -> Result<bool> {
        let is = fstat(self).with_context(|| format!("cannot look at {}", self.path.display()))?;
        Ok(is.st_uid == geteuid().as_raw() && is.st_mode & OTHERS_WRITE == 0)
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}
