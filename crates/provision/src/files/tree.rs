//! The new root's files, made and removed. No link on the way to one leads out of the root: each path is
//! resolved as the running system will resolve it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Statx, Uid};
use rustix::fs::{chownat, fchmod, fchown, linkat, mkdirat, openat, renameat, symlinkat, unlinkat};
use rustix::io::Errno;
use settings_apply::{Root, remove_tree};

/// Permissions of folders that are made on the way.
pub const FOLDER_MODE: u32 = 0o755;
/// Permissions of files that no mode is given for.
pub const FILE_MODE: u32 = 0o644;
/// As many links as one path may lead over.
const LINKS_MAX: usize = 40;
/// What a file is called until it is whole.
const UNFINISHED: &str = ".ignition-unfinished";

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owner {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
}

/// What is at a path.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Its type.
    pub kind: FileType,
    /// Whose it is.
    pub owner: Owner,
    /// Its permissions.
    pub mode: u32,
    /// Device and number, which no other thing has.
    pub identity: (u32, u32, u64),
}

/// The new root.
pub struct Tree {
    root: Root,
}

impl Tree {
    /// Opens it.
    ///
    /// # Errors
    /// It is no folder.
    pub fn open(path: &Path) -> anyhow::Result<Tree> {
        Ok(Tree { root: Root::open(path)? })
    }

    /// The same, for what asks about accounts and the like.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Where a path leads: links of its folders are followed, one at its end is not. What is not there yet
    /// is taken as it is written.
    ///
    /// # Errors
    /// Links lead in a circle, or the path leads through what is no folder.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut here = PathBuf::from("/");
        let mut todo = parts(path);
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            // The last part is what is asked about; it is nobody's folder.
            let Some(found) = (if todo.is_empty() { None } else { self.look(&next)? }) else {
                here = next;
                continue;
            };
            match found.kind {
                FileType::Directory => here = next,
                FileType::Symlink => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Errno::LOOP.into());
                    }
                    let to = self.root.link(&next)?;
                    if to.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    todo.extend(parts(&to));
                }
                _ => {
                    let cause = format!("{} is no folder", next.display());
                    return Err(io::Error::new(ErrorKind::NotADirectory, cause));
                }
            }
        }
        Ok(here)
    }

    /// What is at a path; a link at its end is not followed. Nothing where nothing is.
    pub fn look(&self, path: &Path) -> io::Result<Option<Found>> {
        match self.root.look(path, false) {
            Ok(is) => Ok(Some(found(&is))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where a link leads.
    pub fn link(&self, path: &Path) -> io::Result<PathBuf> {
        self.root.link(path)
    }

    /// The folder that a path is in, and its name there. Folders that are missing are made, root's and with
    /// [`FOLDER_MODE`].
    pub fn parent(&self, path: &Path) -> io::Result<(OwnedFd, OsString)> {
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        Ok((self.folder(path.parent().unwrap_or(Path::new("/")), &mut |_| ())?, name))
    }

    /// Opens a folder, made as far as it is missing; each that is made is told.
    pub fn folder(&self, path: &Path, made: &mut dyn FnMut(&Path)) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.root.at(path, flags) {
            Err(error) if error.kind() == ErrorKind::NotFound && path.parent().is_some() => {
                let parent = self.folder(path.parent().unwrap_or(Path::new("/")), made)?;
                let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
                make_folder(&parent, name, FOLDER_MODE)?;
                made(path);
                self.root.at(path, flags)
            }
            opened => opened,
        }
    }

    /// Removes what is at a path, and all that is in it.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        match remove_tree(&folder, Path::new(&name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Makes a link, in the place of what is no folder.
    pub fn symlink(&self, path: &Path, to: &str) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        clear(&folder);
        symlinkat(to, &folder, UNFINISHED)?;
        Ok(put(&folder, &name)?)
    }

    /// Makes another name of a file. The file is not one's own where a link leads to it.
    pub fn hard_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        let above = self.root.at(target.parent().unwrap_or(Path::new("/")), OFlags::PATH)?;
        let file = target.file_name().ok_or(ErrorKind::InvalidInput)?;
        clear(&folder);
        linkat(above, file, &folder, UNFINISHED, AtFlags::empty())?;
        Ok(put(&folder, &name)?)
    }

    /// Makes a folder, but for one that is there.
    pub fn make_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        make_folder(&folder, &name, mode)
    }

    /// A new file beside its place, empty, and nobody's but root's.
    pub fn begin(&self, path: &Path) -> io::Result<Unfinished> {
        let (folder, name) = self.parent(path)?;
        clear(&folder);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(&folder, UNFINISHED, flags, Mode::RUSR | Mode::WUSR)?);
        Ok(Unfinished { folder, name, file, is_done: false })
    }

    /// Writes a whole file, in the place of what is no folder.
    pub fn write(&self, path: &Path, bytes: &[u8], owner: Owner, mode: u32) -> io::Result<()> {
        let mut new = self.begin(path)?;
        io::Write::write_all(&mut new.file, bytes)?;
        new.finish(owner, mode)
    }

    /// Reads a file.
    pub fn read(&self, path: &Path) -> io::Result<File> {
        Ok(File::from(self.root.at(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)?))
    }

    /// Gives a thing an owner; a link itself, not what it leads to.
    pub fn own(&self, path: &Path, owner: Owner) -> io::Result<()> {
        let node = self.root.at(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        let Owner { user, group } = owner;
        Ok(chownat(node, "", Some(Uid::from_raw(user)), Some(Gid::from_raw(group)), AtFlags::EMPTY_PATH)?)
    }

    /// Gives a folder permissions.
    pub fn permit_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        let folder = self.root.at(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)?;
        Ok(fchmod(folder, Mode::from_raw_mode(mode))?)
    }

    /// Renames a thing.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (old, old_name) = self.parent(from)?;
        let (new, new_name) = self.parent(to)?;
        Ok(renameat(old, &old_name, new, &new_name)?)
    }

    /// What is in a folder, by name.
    pub fn list(&self, path: &Path) -> Vec<PathBuf> {
        let mut names = self.root.list(path);
        names.sort();
        names
    }

    /// Has the disk take what was written to it.
    pub fn sync(&self) -> io::Result<()> {
        let folder = self.root.at(Path::new("/"), OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(rustix::fs::syncfs(folder)?)
    }
}

/// A file that is not whole yet; it goes again where it is not finished.
pub struct Unfinished {
    folder: OwnedFd,
    name: OsString,
    /// To write to.
    pub file: File,
    is_done: bool,
}

impl Unfinished {
    /// Adds what is in another file.
    pub fn append(&mut self, other: &mut File) -> io::Result<()> {
        other.seek(SeekFrom::Start(0))?;
        self.file.seek(SeekFrom::End(0))?;
        io::copy(other, &mut self.file).map(drop)
    }

    /// A file without a name on the same file system.
    pub fn scratch(&self) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        if let Ok(file) = openat(&self.folder, ".", flags, mode) {
            return Ok(file.into());
        }
        // Not every file system has such (vfat).
        const NAME: &str = ".ignition-part";
        _ = unlinkat(&self.folder, NAME, AtFlags::empty());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, NAME, flags, mode)?;
        unlinkat(&self.folder, NAME, AtFlags::empty())?;
        Ok(file.into())
    }

    /// Puts it in its place.
    pub fn finish(mut self, owner: Owner, mode: u32) -> io::Result<()> {
        let Owner { user, group } = owner;
        fchown(&self.file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?;
        // After the owner: to change that takes set-user-ID away.
        fchmod(&self.file, Mode::from_raw_mode(mode))?;
        put(&self.folder, &self.name)?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_done {
            clear(&self.folder);
        }
    }
}

/// Removes what a run that broke off left.
fn clear(folder: impl AsFd) {
    _ = unlinkat(folder, UNFINISHED, AtFlags::empty());
}

/// Gives what is unfinished its name.
fn put(folder: impl AsFd, name: &OsStr) -> rustix::io::Result<()> {
    let put = renameat(&folder, UNFINISHED, &folder, name);
    // Of two names of one file, rename(2) leaves both.
    clear(folder);
    put
}

fn make_folder(parent: impl AsFd, name: &OsStr, mode: u32) -> io::Result<()> {
    match mkdirat(&parent, name, Mode::RWXU) {
        Err(Errno::EXIST) => return Ok(()),
        made => made?,
    }
    // Not by mkdir's mode: that one is subject to the umask.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fchmod(openat(parent, name, flags, Mode::empty())?, Mode::from_raw_mode(mode))?)
}

fn found(is: &Statx) -> Found {
    Found {
        kind: FileType::from_raw_mode(is.stx_mode.into()),
        owner: Owner { user: is.stx_uid, group: is.stx_gid },
        mode: u32::from(is.stx_mode) & 0o7777,
        identity: (is.stx_dev_major, is.stx_dev_minor, is.stx_ino),
    }
}

/// The parts of a path, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect()
}
