//! Files and folders, copied.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::fs::{chmod, chownat, futimens, makedev, mkdirat, mknodat, openat, readlinkat, symlinkat};
use rustix::io::Errno;
use settings::tmpfiles::{Argument, Item};

use super::walk::{self, Node};
use super::{DEPTH_MAX, Runner};
use crate::root::names;

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
        let copied =
            copy.node(source.as_fd(), name, parent.folder.as_fd(), Path::new(&parent.name), DEPTH_MAX);
        let Some(node) = parent.node()? else {
            return copied.context("cannot copy");
        };
        copied.with_context(|| format!("cannot copy {}", from.display()))?;
        let wanted = self.root.look(from, true).context("cannot look at the source")?;
        if FileType::from_raw_mode(wanted.stx_mode.into()) != node.kind() {
            // Something else is there already, and stays.
            return Ok(());
        }
        self.set_permissions(item, &node, path, is_new)
    }
}

impl Copy {
    /// Copies what has a name in one folder to a name in another.
    fn node(
        &self,
        from: BorrowedFd<'_>,
        name: &Path,
        to: BorrowedFd<'_>,
        new: &Path,
        depth: usize,
    ) -> Result<()> {
        let node = Node::open(from, name)?;
        let mode = Mode::from_raw_mode(node.mode());
        match node.kind() {
            FileType::Directory => return self.folder(&node, to, new, depth),
            FileType::RegularFile => return self.file(from, name, &node, to, new),
            FileType::Symlink => {
                let target = readlinkat(&node.handle, "", Vec::new())?;
                if exists(symlinkat(&target, to, new))? {
                    return Ok(());
                }
            }
            kind @ (FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice) => {
                let device = makedev(node.is.stx_rdev_major, node.is.stx_rdev_minor);
                if exists(mknodat(to, new, kind, mode, device))? {
                    return Ok(());
                }
            }
            _ => bail!("{} is a socket, which cannot be copied", name.display()),
        }
        self.own(&Node::open(to, new)?, &node)
    }

    fn folder(&self, source: &Node, to: BorrowedFd<'_>, new: &Path, depth: usize) -> Result<()> {
        if depth == 0 {
            bail!("{} is nested too deep", new.display());
        }
        let is_there = exists(mkdirat(to, new, Mode::RWXU))?;
        let target = Node::open(to, new)?;
        if target.kind() != FileType::Directory {
            return Ok(());
        }
        let open = |node: &Node| {
            openat(&node.handle, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        };
        let (inside, into) = (open(source)?, open(&target)?);
        if is_there && !self.merges && !names(&into).is_empty() {
            return Ok(());
        }
        for name in names(&inside) {
            let copied = self.node(inside.as_fd(), &name, into.as_fd(), &name, depth - 1);
            copied.with_context(|| format!("cannot copy {}", name.display()))?;
        }
        if is_there {
            return Ok(());
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
        let mut file = match openat(to, new, flags, Mode::RUSR | Mode::WUSR) {
            Err(Errno::EXIST) => return Ok(()),
            file => File::from(file?),
        };
        io::copy(&mut old, &mut file)?;
        let node = Node::of(file.try_clone()?.into())?;
        self.own(&node, source)?;
        keep_times(&file, source)
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
