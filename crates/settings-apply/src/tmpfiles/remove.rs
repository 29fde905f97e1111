//! What is there, removed.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxAttributes, openat, unlinkat};
use rustix::io::Errno;
use settings::tmpfiles::{Item, Kind};

use super::clean::Sweep;
use super::walk::{self, Node};
use super::{DEPTH_MAX, Runner};
use crate::root::names;

impl Runner<'_> {
    pub(super) fn remove(&mut self, item: &Item) -> Result<()> {
        match item.kind {
            Kind::EmptiedFolder => self.remove_below(Path::new(&item.path), false),
            Kind::Remove => self.for_each(item, |runner, _, path| runner.remove_at(path)),
            Kind::RemoveAll => self.for_each(item, |runner, _, path| runner.remove_below(path, true)),
            _ => Ok(()),
        }
    }

    pub(super) fn purge(&mut self, item: &Item) -> Result<()> {
        match item.kind {
            kind if !item.purges || !kind.can_purge() => Ok(()),
            kind if kind.takes_pattern() => {
                self.for_each(item, |runner, _, path| runner.remove_below(path, true))
            }
            _ => self.remove_below(Path::new(&item.path), true),
        }
    }

    /// Removes a file or an empty folder.
    fn remove_at(&mut self, path: &Path) -> Result<()> {
        let parent = walk::parent(self.root, path, false)?;
        let Some(node) = parent.node()? else { return Ok(()) };
        let what = || format!("remove {}", path.display());
        let flags = if node.kind() == FileType::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        self.act(what, || match unlinkat(&parent.folder, &parent.name, flags) {
            Err(Errno::NOENT) => Ok(()),
            removed => removed.with_context(|| format!("cannot {}", what())),
        })
    }

    /// Removes what is in a folder, but for what other lines are about, and then perhaps the folder.
    fn remove_below(&mut self, path: &Path, with_itself: bool) -> Result<()> {
        let parent = match walk::parent(self.root, path, false) {
            Err(error) if error.is_missing() => return Ok(()),
            parent => parent?,
        };
        let Some(node) = parent.node()? else { return Ok(()) };
        if node.kind() != FileType::Directory {
            return if with_itself { self.remove_at(path) } else { Ok(()) };
        }
        let folder = open_folder(&parent.folder, &parent.name)?;
        self.sweep(folder, path, &Sweep::all(&node), DEPTH_MAX)?;
        if !with_itself {
            return Ok(());
        }
        let what = || format!("remove directory {}", path.display());
        self.act(what, || match unlinkat(&parent.folder, &parent.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot {}", what())),
        })
    }
}

/// Opens a folder without its age changing; a link is not followed.
pub(super) fn open_folder(folder: impl AsFd, name: impl rustix::path::Arg + Copy) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Only the owner may leave the age as it is.
    let opened = match openat(&folder, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM | Errno::ACCESS) => openat(&folder, name, flags, Mode::empty()),
        opened => opened,
    };
    Ok(opened?)
}

/// Removes something and all that is in it. What is mounted there is in the way.
pub fn tree(folder: impl AsFd, name: impl rustix::path::Arg + Copy) -> io::Result<()> {
    let node = Node::open(&folder, name)?;
    if node.is.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Err(Errno::BUSY.into());
    }
    if node.kind() != FileType::Directory {
        return Ok(unlinkat(&folder, name, AtFlags::empty())?);
    }
    let inside = open_folder(&folder, name)?;
    for name in names(&inside) {
        tree(&inside, name.as_path())?;
    }
    Ok(unlinkat(&folder, name, AtFlags::REMOVEDIR)?)
}
