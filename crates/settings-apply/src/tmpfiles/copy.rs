//! Files and folders, copied.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid};
use rustix::fs::{chmod, chownat, futimens, makedev, mkdirat, mknodat, openat, readlinkat};
use rustix::fs::{renameat, renameat_with, symlinkat};
use rustix::io::Errno;
use settings::tmpfiles::{Argument, Item};

use super::remove::{self, open_folder};
use super::walk::{self, Node};
use super::{DEPTH_MAX, Runner};
use crate::root::names;

/// The folder beside their places in which copies are made: they get those when they are whole, since what is in its
/// place is taken as done for ever. One that is there was left by a power cut.
const UNFINISHED: &str = ".tmpfiles-unfinished";

/// How a tree is copied.
struct Copy {
    user: Option<u32>,
    group: Option<u32>,
    /// Whether a folder that is there, and not empty, gets what it lacks.
    merges: bool,
}

impl Runner<'_> {
    pub(super) fn copy(&mut self, item: &Item, path: &Path) -> Result<()> {
        let Argument::Path(from) = &item.argument else {
            bail!("there is no source");
        };
        let from = Path::new(from);
        if self.root.look(from, false).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(());
        }
        if self.is_dry {
            if self.look(path)?.is_none() || item.plus {
                self.say(format!("Would copy {} to {}", from.display(), path.display()));
            }
            return Ok(());
        }
        let parent = walk::parent(self.root, path, true)?;
        let above = from.parent().context("/ is no source")?;
        let source =
            self.root.at(above, OFlags::PATH | OFlags::DIRECTORY).context("cannot open the source")?;
        let copy = Copy { user: item.user.map(|o| o.id), group: item.group.map(|o| o.id), merges: item.plus };
        let name = Path::new(from.file_name().unwrap_or_default());
        let is_new = parent.node()?.is_none();
        let entry = [(name.to_owned(), PathBuf::from(&parent.name))];
        let copied = copy.place(source.as_fd(), &entry, parent.folder.as_fd(), DEPTH_MAX);
        copied.with_context(|| format!("cannot copy {}", from.display()))?;
        let node = parent.node()?.with_context(|| format!("{} is gone again", path.display()))?;
        let wanted = self.root.look(from, true).context("cannot look at the source")?;
        if FileType::from_raw_mode(wanted.stx_mode.into()) != node.kind() {
            // Something else is there already, and stays.
            return Ok(());
        }
        self.set_permissions(item, &node, path, is_new)
    }
}

impl Copy {
    /// Copies what has names in one folder to names in another, each whole or not at all. What is there stays; a
    /// folder may get what it lacks.
    fn place(
        &self,
        from: BorrowedFd<'_>,
        entries: &[(PathBuf, PathBuf)],
        to: BorrowedFd<'_>,
        depth: usize,
    ) -> Result<()> {
        remove_unfinished(to)?;
        let (mut missing, mut there) = (Vec::new(), Vec::new());
        for (name, new) in entries {
            match Node::open(to, new) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push((name, new)),
                target => there.push((name, target?)),
            }
        }
        if !missing.is_empty() {
            let placed = self.place_missing(from, &missing, to, depth);
            let removed = remove_unfinished(to);
            placed?;
            removed?;
        }
        for (name, target) in there {
            let completed = self.complete(&Node::open(from, name)?, &target, depth);
            completed.with_context(|| format!("cannot copy {}", name.display()))?;
        }
        Ok(())
    }

    /// Makes all copies before the first gets its place.
    fn place_missing(
        &self,
        from: BorrowedFd<'_>,
        entries: &[(&PathBuf, &PathBuf)],
        to: BorrowedFd<'_>,
        depth: usize,
    ) -> Result<()> {
        mkdirat(to, UNFINISHED, Mode::RWXU)?;
        let copies = open_folder(to, UNFINISHED)?;
        for (name, new) in entries {
            let copied = self.node(from, name, copies.as_fd(), new, depth);
            copied.with_context(|| format!("cannot copy {}", name.display()))?;
        }
        for (_, new) in entries {
            let put = match renameat_with(&copies, *new, to, *new, RenameFlags::NOREPLACE) {
                // Not every file system can say so (NFS). Nothing was there when it was looked at.
                Err(Errno::INVAL) => renameat(&copies, *new, to, *new),
                put => put,
            };
            // What somebody else made meanwhile stays.
            exists(put)?;
        }
        Ok(())
    }

    /// Has a folder that is there hold what it lacks, where it is to be so: it merges, is empty, or was to be filled
    /// when the power went.
    fn complete(&self, source: &Node, target: &Node, depth: usize) -> Result<()> {
        if source.kind() != FileType::Directory || target.kind() != FileType::Directory {
            return Ok(());
        }
        let (inside, into) = (open_folder(&source.handle, ".")?, open_folder(&target.handle, ".")?);
        let held = names(&into);
        if !self.merges && !held.is_empty() && !held.iter().any(|name| name == Path::new(UNFINISHED)) {
            return Ok(());
        }
        let entries: Vec<_> = names(&inside).into_iter().map(|name| (name.clone(), name)).collect();
        self.place(inside.as_fd(), &entries, into.as_fd(), deeper(depth)?)
    }

    /// Copies what has a name in one folder to a name in another, where nothing is.
    fn node(
        &self,
        from: BorrowedFd<'_>,
        name: &Path,
        to: BorrowedFd<'_>,
        new: &Path,
        depth: usize,
    ) -> Result<()> {
        let node = Node::open(from, name)?;
        match node.kind() {
            FileType::Directory => return self.folder(&node, to, new, depth),
            FileType::RegularFile => return self.file(from, name, &node, to, new),
            FileType::Symlink => symlinkat(&readlinkat(&node.handle, "", Vec::new())?, to, new)?,
            kind @ (FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice) => {
                let device = makedev(node.is.stx_rdev_major, node.is.stx_rdev_minor);
                mknodat(to, new, kind, Mode::from_raw_mode(node.mode()), device)?;
            }
            _ => bail!("{} is a socket, which cannot be copied", name.display()),
        }
        self.own(&Node::open(to, new)?, &node)
    }

    fn folder(&self, source: &Node, to: BorrowedFd<'_>, new: &Path, depth: usize) -> Result<()> {
        let depth = deeper(depth)?;
        mkdirat(to, new, Mode::RWXU)?;
        let target = Node::open(to, new)?;
        let (inside, into) = (open_folder(&source.handle, ".")?, open_folder(&target.handle, ".")?);
        for name in names(&inside) {
            let copied = self.node(inside.as_fd(), &name, into.as_fd(), &name, depth);
            copied.with_context(|| format!("cannot copy {}", name.display()))?;
        }
        self.own(&target, source)?;
        keep_times(&into, source)
    }

    fn file(
        &self,
        from: BorrowedFd<'_>,
        name: &Path,
        source: &Node,
        to: BorrowedFd<'_>,
        new: &Path,
    ) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut old = File::from(openat(from, name, flags, Mode::empty())?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(to, new, flags, Mode::RUSR | Mode::WUSR)?);
        io::copy(&mut old, &mut file)?;
        let node = Node::of(file.try_clone()?.into())?;
        self.own(&node, source)?;
        keep_times(&file, source)?;
        // A power cut may otherwise leave the name without the content.
        Ok(file.sync_all()?)
    }

    /// Gives a copy its owner, and then the permissions of what it is a copy of.
    fn own(&self, node: &Node, source: &Node) -> Result<()> {
        let user = Uid::from_raw(self.user.unwrap_or(source.is.stx_uid));
        let group = Gid::from_raw(self.group.unwrap_or(source.is.stx_gid));
        if (node.is.stx_uid, node.is.stx_gid) != (user.as_raw(), group.as_raw()) {
            chownat(&node.handle, "", Some(user), Some(group), AtFlags::EMPTY_PATH)?;
        }
        if node.kind() != FileType::Symlink {
            chmod(node.path(), Mode::from_raw_mode(source.mode()))?;
        }
        Ok(())
    }
}

/// As deep as may be gone one folder further in.
fn deeper(depth: usize) -> Result<usize> {
    depth.checked_sub(1).context("it is nested too deep")
}

fn remove_unfinished(folder: BorrowedFd<'_>) -> io::Result<()> {
    match remove::tree(folder, UNFINISHED) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether something of the name was there already.
fn exists(made: rustix::io::Result<()>) -> io::Result<bool> {
    match made {
        Ok(()) => Ok(false),
        Err(Errno::EXIST) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn keep_times(file: impl AsFd, source: &Node) -> Result<()> {
    let time =
        |time: rustix::fs::StatxTimestamp| Timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec.into() };
    let times =
        Timestamps { last_access: time(source.is.stx_atime), last_modification: time(source.is.stx_mtime) };
    Ok(futimens(file, &times)?)
}
