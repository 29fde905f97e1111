//! What is there, adjusted: owners, permissions, attributes.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Gid, IFlags, Mode, OFlags, Uid, XattrFlags};
use rustix::fs::{chmod, chownat, getxattr, ioctl_getflags, ioctl_setflags, openat, setxattr};
use rustix::io::Errno;
use settings::tmpfiles::acl::{self, Acl};
use settings::tmpfiles::attributes::{Attributes, FOLDERS_ONLY};
use settings::tmpfiles::{Argument, Item, Owner};

use super::walk::{self, Node};
use super::{DEPTH_MAX, Runner};
use crate::root::names;

/// The largest access control list that is read.
const ACL_MAX: usize = 64 << 10;

impl Runner<'_> {
    pub(super) fn adjust_at(&mut self, item: &Item, path: &Path) -> Result<()> {
        let node = walk::node(self.root, path, false)?;
        self.adjust_node(item, &node, path)
    }

    pub(super) fn adjust_below(&mut self, item: &Item, path: &Path) -> Result<()> {
        let node = walk::node(self.root, path, false)?;
        self.adjust_tree(item, &node, path, DEPTH_MAX)
    }

    /// Adjusts something and all that is in it. One that cannot be does not keep the others from it.
    fn adjust_tree(&mut self, item: &Item, node: &Node, path: &Path, depth: usize) -> Result<()> {
        let mut outcome = self.adjust_node(item, node, path);
        if node.kind() != FileType::Directory {
            return outcome;
        }
        if depth == 0 {
            bail!("{} is nested too deep", path.display());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(&node.handle, ".", flags, Mode::empty());
        let folder = folder.with_context(|| format!("cannot open {}", path.display()))?;
        for name in names(&folder) {
            let below = path.join(&name);
            let done = match Node::open(&folder, &name) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error).with_context(|| format!("cannot open {}", below.display())),
                Ok(node) => self.adjust_tree(item, &node, &below, depth - 1),
            };
            outcome = outcome.and(done);
        }
        outcome
    }

    fn adjust_node(&mut self, item: &Item, node: &Node, path: &Path) -> Result<()> {
        match &item.argument {
            Argument::Xattrs(xattrs) => self.set_xattrs(xattrs, node, path),
            Argument::Attributes(attributes) => self.set_attributes(*attributes, node, path),
            Argument::Acl(acl) => self.set_acl(item, acl, node, path),
            _ => self.set_permissions(item, node, path, false),
        }
    }

    /// Gives something the owner and the permissions of a line.
    pub(super) fn set_permissions(
        &mut self,
        item: &Item,
        node: &Node,
        path: &Path,
        is_new: bool,
    ) -> Result<()> {
        if item.mode.is_none() && item.user.is_none() && item.group.is_none() {
            return Ok(());
        }
        self.refuse_links(node, path)?;
        let id =
            |owner: Option<Owner>, now| owner.filter(|owner| is_new || !owner.only_new).map_or(now, |o| o.id);
        let (user, group) = (id(item.user, node.is.stx_uid), id(item.group, node.is.stx_gid));
        let old = node.mode();
        let wanted = item.mode.filter(|mode| is_new || !mode.only_new);
        let new = wanted.map_or(old, |mode| mode.over(old, node.kind() == FileType::Directory));
        let owner_changes = (user, group) != (node.is.stx_uid, node.is.stx_gid);
        let is_link = node.kind() == FileType::Symlink;
        let shown = path.display();
        let set_mode = |mode: u32| {
            let set = chmod(node.path(), Mode::from_raw_mode(mode));
            set.with_context(|| format!("cannot give {shown} the mode {mode:04o}"))
        };
        if owner_changes {
            let what = || format!("give {shown} to user {user} and group {group}");
            self.act(what, || {
                // At no time may the old owner do what only the new one is to, nor the other way round.
                if !is_link && new & old != old {
                    set_mode(new & old)?;
                }
                let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(group));
                let changed = chownat(&node.handle, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH);
                changed.with_context(|| format!("cannot {}", what()))
            })?;
        }
        // A new owner takes the bits of other owners' rights away: they are set again.
        if !is_link && (new != old || (owner_changes && !self.is_dry)) {
            self.act(|| format!("give {shown} the mode {new:04o}"), || set_mode(new))?;
        }
        Ok(())
    }

    /// Refuses a file that may be another's under a second name.
    fn refuse_links(&self, node: &Node, path: &Path) -> Result<()> {
        let are_safe = || {
            let protected = std::fs::read_to_string("/proc/sys/fs/protected_hardlinks");
            protected.is_ok_and(|text| text.trim() == "1")
        };
        let has_several = node.kind() != FileType::Directory && node.is.stx_nlink > 1;
        if has_several && !*self.links_are_safe.get_or_init(are_safe) {
            bail!(
                "{} has several names, and fs.protected_hardlinks is off: one may be another user's",
                path.display()
            );
        }
        Ok(())
    }

    fn set_xattrs(&mut self, xattrs: &[(String, Vec<u8>)], node: &Node, path: &Path) -> Result<()> {
        for (name, value) in xattrs {
            let what = || format!("set {name}={} on {}", String::from_utf8_lossy(value), path.display());
            self.act(what, || {
                let set = setxattr(node.path(), name.as_str(), value, XattrFlags::empty());
                set.with_context(|| format!("cannot {}", what()))
            })?;
        }
        Ok(())
    }

    /// Sets attributes, as far as the file system has them; what it has not is told.
    fn set_attributes(&mut self, wanted: Attributes, node: &Node, path: &Path) -> Result<()> {
        let is_folder = node.kind() == FileType::Directory;
        if !is_folder && node.kind() != FileType::RegularFile {
            bail!("{} is neither a file nor a folder: it has no attributes", path.display());
        }
        let value = if is_folder { wanted.value } else { wanted.value & !FOLDERS_ONLY };
        let what = || format!("set the attributes {value:#x} of {:#x} on {}", wanted.mask, path.display());
        let mut told = None;
        self.act(what, || {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = openat(rustix::fs::CWD, node.path(), flags, Mode::empty())?;
            told = change_flags(&file, wanted.mask, value).err();
            Ok(())
        })?;
        if let Some(error) = told {
            self.say(format!("cannot {}: {error}", what()));
        }
        Ok(())
    }

    fn set_acl(&mut self, item: &Item, wanted: &Acl, node: &Node, path: &Path) -> Result<()> {
        self.refuse_links(node, path)?;
        if node.kind() == FileType::Symlink {
            return Ok(());
        }
        let is_folder = node.kind() == FileType::Directory;
        let read = |name: &str| {
            let mut bytes = vec![0; ACL_MAX];
            let length = getxattr(node.path(), name, &mut bytes[..]).ok()?;
            acl::decode(&bytes[..length])
        };
        let (has_own, has_default) = wanted.lists();
        let own = has_own.then(|| {
            let current = read(acl::ACCESS).unwrap_or_default();
            (acl::ACCESS, wanted.of_path(&current, node.mode(), is_folder, item.plus))
        });
        let default = (has_default && is_folder).then(|| {
            let current = read(acl::DEFAULT).unwrap_or_default();
            (acl::DEFAULT, wanted.of_content(&current, node.mode(), item.plus))
        });
        for (name, list) in own.into_iter().chain(default) {
            let what = || format!("set the list {} on {}", acl::show(&list), path.display());
            self.act(what, || match setxattr(node.path(), name, &acl::encode(&list), XattrFlags::empty()) {
                // A file system without lists has nothing to set.
                Err(Errno::OPNOTSUPP) => Ok(()),
                set => set.with_context(|| format!("cannot {}", what())),
            })?;
        }
        Ok(())
    }
}

/// Changes attributes all at once, or those that the file system has, one by one.
fn change_flags(file: impl std::os::fd::AsFd, mask: u32, value: u32) -> rustix::io::Result<()> {
    let old = ioctl_getflags(&file)?.bits();
    let new = old & !mask | value & mask;
    if new == old {
        return Ok(());
    }
    let all = ioctl_setflags(&file, IFlags::from_bits_retain(new));
    let mut now = old;
    if all.is_err() {
        for bit in (0..u32::BITS).map(|bit| 1 << bit).filter(|bit| (old ^ new) & bit != 0) {
            if ioctl_setflags(&file, IFlags::from_bits_retain(now ^ bit)).is_ok() {
                now ^= bit;
            }
        }
    }
    all
}
