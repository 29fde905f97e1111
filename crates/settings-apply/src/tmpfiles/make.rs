//! What is not there, made.

use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ftruncate, makedev, mkdirat, mknodat, openat, readlinkat};
use rustix::fs::{renameat, symlinkat, unlinkat};
use rustix::io::Errno;
use settings::tmpfiles::{Argument, Item, Kind};

use super::walk::{self, Node, Parent};
use super::{Runner, remove};

/// How a file is opened that is written to.
const TO_WRITE: OFlags = OFlags::WRONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl Runner<'_> {
    pub(super) fn make(&mut self, item: &Item) -> Result<()> {
        let path = Path::new(&item.path);
        if item.replaces {
            self.clear_the_way(item, path)?;
        }
        match item.kind {
            Kind::File if item.plus => self.truncated_file(item, path),
            Kind::File => self.file(item, path),
            Kind::Copy => self.copy(item, path),
            Kind::Fifo | Kind::Link | Kind::CharDevice | Kind::BlockDevice => self.special(item, path),
            _ => self.folder(item, path),
        }
    }

    /// The parent of a path, whose folders are made as far as they are not there.
    fn parent(&self, path: &Path) -> Result<Parent> {
        Ok(walk::parent(self.root, path, true)?)
    }

    fn file(&mut self, item: &Item, path: &Path) -> Result<()> {
        if self.is_dry {
            return match self.look(path)? {
                Some(node) => self.is_file(item, node, path),
                None => self.told(format!("Would create file {}", path.display())),
            };
        }
        let parent = self.parent(path)?;
        let flags = TO_WRITE | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        match openat(&parent.folder, &parent.name, flags, Mode::from_raw_mode(item.creation_mode())) {
            Ok(file) => {
                let mut file = File::from(file);
                file.write_all(content(item)).context("cannot write the file")?;
                self.set_permissions(item, &Node::of(file.into())?, path, true)
            }
            Err(Errno::EXIST) => {
                let node = Node::open(&parent.folder, &parent.name)?;
                self.is_file(item, node, path)
            }
            Err(error) => Err(error).context("cannot create the file"),
        }
    }

    /// What is there already must be a file.
    fn is_file(&mut self, item: &Item, node: Node, path: &Path) -> Result<()> {
        if node.kind() != FileType::RegularFile {
            bail!("it is there, and no regular file");
        }
        self.set_permissions(item, &node, path, false)
    }

    fn truncated_file(&mut self, item: &Item, path: &Path) -> Result<()> {
        if self.is_dry {
            self.say(format!("Would create or truncate file {}", path.display()));
            return Ok(());
        }
        let parent = self.parent(path)?;
        let mode = Mode::from_raw_mode(item.creation_mode());
        let open = |flags| openat(&parent.folder, &parent.name, TO_WRITE | OFlags::NOFOLLOW | flags, mode);
        let (file, is_new) = match open(OFlags::empty()) {
            Err(Errno::NOENT) => (open(OFlags::CREATE), true),
            other => (other, false),
        };
        let node = match file {
            // On a file system that is read only, one that is as it is to be will do.
            Err(Errno::ROFS) => {
                let node = parent.node()?.context("cannot create the file: the file system is read only")?;
                if node.is.stx_size > 0 || !content(item).is_empty() {
                    bail!("cannot truncate the file: the file system is read only");
                }
                node
            }
            other => Node::of(other.context("cannot open the file")?)?,
        };
        if node.kind() != FileType::RegularFile {
            bail!("it is there, and no regular file");
        }
        let node = match content(item) {
            [] if node.is.stx_size == 0 => node,
            content => {
                ftruncate(&node.handle, 0).context("cannot truncate the file")?;
                let mut file = File::from(node.handle);
                file.write_all(content).context("cannot write the file")?;
                Node::of(file.into())?
            }
        };
        self.set_permissions(item, &node, path, is_new)
    }

    /// `w`: writes to what is there, through links.
    pub(super) fn write(&mut self, item: &Item, path: &Path) -> Result<()> {
        let node = match walk::node(self.root, path, true) {
            Err(error) if error.is_missing() => return Ok(()),
            node => node?,
        };
        let mode = if item.plus { OFlags::APPEND } else { OFlags::empty() };
        let what = || format!("write to {}", path.display());
        self.act(what, || {
            let file = openat(rustix::fs::CWD, node.path(), TO_WRITE | mode, Mode::empty());
            let mut file = File::from(file.with_context(|| format!("cannot {}", what()))?);
            file.write_all(content(item)).with_context(|| format!("cannot {}", what()))
        })?;
        match self.is_dry {
            true => Ok(()),
            false => self.set_permissions(item, &node, path, false),
        }
    }

    fn folder(&mut self, item: &Item, path: &Path) -> Result<()> {
        if path == Path::new("/") {
            return self.set_permissions(item, &walk::node(self.root, path, true)?, path, false);
        }
        if self.is_dry {
            return match self.look(path)? {
                Some(node) => self.is_folder(item, &node, path, false),
                None => self.told(format!("Would create directory {}", path.display())),
            };
        }
        let parent = self.parent(path)?;
        let made = mkdirat(&parent.folder, &parent.name, Mode::from_raw_mode(item.creation_mode()));
        match parent.node()? {
            Some(node) => self.is_folder(item, &node, path, made.is_ok()),
            None => made.context("cannot create the folder"),
        }
    }

    fn is_folder(&mut self, item: &Item, node: &Node, path: &Path, is_new: bool) -> Result<()> {
        if node.kind() != FileType::Directory {
            self.say(format!("{}: {} is there, and no folder", item.at, path.display()));
            return Ok(());
        }
        self.set_permissions(item, node, path, is_new)
    }

    /// `e`: a folder that is there, through links.
    pub(super) fn folder_at(&mut self, item: &Item, path: &Path) -> Result<()> {
        match walk::node(self.root, path, true) {
            Err(error) if error.is_missing() => Ok(()),
            node => self.is_folder(item, &node?, path, false),
        }
    }

    fn special(&mut self, item: &Item, path: &Path) -> Result<()> {
        if let (true, Argument::Path(target)) = (item.needs_target, &item.argument)
            && let Err(error) = walk::node(self.root, Path::new(target), false)
        {
            return if error.is_missing() { Ok(()) } else { Err(error.into()) };
        }
        if self.is_dry {
            return match self.look(path)? {
                Some(node) if is_as_wanted(item, &node) => self.set_permissions(item, &node, path, false),
                Some(_) if item.plus => {
                    self.told(format!("Would replace {} by {}", path.display(), name(item)))
                }
                Some(_) => Ok(()),
                None => self.told(format!("Would create {} {}", name(item), path.display())),
            };
        }
        let parent = self.parent(path)?;
        let made = make_node(item, &parent, parent.name.as_bytes());
        let mut is_new = made.is_ok();
        let node = match (parent.node()?, made) {
            (Some(node), _) => node,
            // A container may make no devices, and needs none.
            (None, Err(Errno::PERM)) if is_device(item) => return Ok(()),
            (None, made) => return made.with_context(|| format!("cannot create {}", name(item))),
        };
        let node = match is_as_wanted(item, &node) {
            true => node,
            false if item.plus => {
                is_new = true;
                replace(item, &parent, &node)
                    .with_context(|| format!("cannot replace it by {}", name(item)))?
            }
            false if item.kind == Kind::Link => return Ok(()),
            false => {
                return self.told(format!(
                    "{}: {} is there, and not {}",
                    item.at,
                    path.display(),
                    name(item)
                ));
            }
        };
        self.set_permissions(item, &node, path, is_new)
    }

    /// `=`: removes what stands in the way of the path, its parents included, and is of another type.
    fn clear_the_way(&mut self, item: &Item, path: &Path) -> Result<()> {
        let mut ancestors: Vec<&Path> = path.ancestors().filter(|path| path.parent().is_some()).collect();
        ancestors.reverse();
        for at in ancestors {
            let is_last = at == path;
            let parent = match walk::parent(self.root, at, false) {
                Err(error) if error.is_missing() => return Ok(()),
                parent => parent?,
            };
            let Some(node) = parent.node()? else { return Ok(()) };
            let is_right = match is_last {
                true => node.kind() == kind(item) || item.kind == Kind::Copy,
                // A link to a folder will do.
                false => match walk::node(self.root, at, true) {
                    Err(error) if error.is_missing() => false,
                    there => there?.kind() == FileType::Directory,
                },
            };
            if !is_right {
                self.say(format!("{}: {} is of the wrong type", item.at, at.display()));
                self.act(
                    || format!("remove {}", at.display()),
                    || Ok(remove::tree(&parent.folder, &parent.name)?),
                )?;
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What a file gets.
fn content(item: &Item) -> &[u8] {
    match &item.argument {
        Argument::Bytes(bytes) => bytes,
        _ => &[],
    }
}

/// The type that a line makes.
fn kind(item: &Item) -> FileType {
    match item.kind {
        Kind::File => FileType::RegularFile,
        Kind::Fifo => FileType::Fifo,
        Kind::Link => FileType::Symlink,
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        _ => FileType::Directory,
    }
}

fn name(item: &Item) -> &'static str {
    match item.kind {
        Kind::Fifo => "the fifo",
        Kind::Link => "the symlink",
        Kind::CharDevice => "the character device",
        _ => "the block device",
    }
}

fn is_device(item: &Item) -> bool {
    matches!(item.kind, Kind::CharDevice | Kind::BlockDevice)
}

/// Whether what is there is what the line makes; of a link also where it leads.
fn is_as_wanted(item: &Item, node: &Node) -> bool {
    let leads_there = |target: &str| {
        readlinkat(&node.handle, "", Vec::new()).is_ok_and(|to| to.to_bytes() == target.as_bytes())
    };
    node.kind() == kind(item)
        && match &item.argument {
            Argument::Path(target) => leads_there(target),
            _ => true,
        }
}

fn make_node(item: &Item, parent: &Parent, name: &[u8]) -> rustix::io::Result<()> {
    let device = match &item.argument {
        Argument::Path(target) => return symlinkat(target.as_str(), &parent.folder, name),
        Argument::Device { major, minor } => makedev(*major, *minor),
        _ => 0,
    };
    mknodat(&parent.folder, name, kind(item), Mode::from_raw_mode(item.creation_mode()), device)
}

/// Puts what a line makes in the place of what is there, in one step but for a folder.
fn replace(item: &Item, parent: &Parent, old: &Node) -> Result<Node> {
    if old.kind() == FileType::Directory {
        remove::tree(&parent.folder, &parent.name)?;
        make_node(item, parent, parent.name.as_bytes())?;
    } else {
        let new = [b".#", parent.name.as_bytes(), b"+"].concat();
        _ = unlinkat(&parent.folder, new.as_slice(), AtFlags::empty());
        make_node(item, parent, &new)?;
        renameat(&parent.folder, new.as_slice(), &parent.folder, &parent.name)?;
    }
    let node = parent.node()?.context("it is gone again")?;
    if node.kind() != kind(item) {
        bail!("what was made is not what is there");
    }
    Ok(node)
}
