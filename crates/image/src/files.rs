//! A tree of files that goes into a file system or an archive, with every owner and mode explicit,
//! so that what comes out does not depend on who builds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the host's file of this path holds.
    Host(PathBuf),
}

/// What something in a tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link, and what it holds.
    Link(String),
    /// A character device.
    Device {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// Something in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Permission bits, with set-uid, set-gid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// What it is.
    pub kind: Kind,
}

/// Why something cannot be put into a tree.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// The path is absolute, empty, or has an empty part, `.` or `..`.
    #[error("{0:?} is not a path inside a tree: it must be relative, without empty parts, `.` and `..`")]
    Path(String),
    /// Another thing already has the path.
    #[error("two different things are to be {path}: {there}, and {new}")]
    Twice {
        /// The path.
        path: String,
        /// What is there.
        there: String,
        /// What was to be put there.
        new: String,
    },
    /// A part of the path is there and no directory.
    #[error("{path} is {there}, and cannot hold {inside}")]
    NotDirectory {
        /// The part of the path.
        path: String,
        /// What it is.
        there: String,
        /// The path.
        inside: String,
    },
    /// Something of the host that has no place in an image.
    #[error("{0} is neither a file, a directory nor a symbolic link")]
    Special(PathBuf),
    /// A name that is not text.
    #[error("{0:?} is not UTF-8")]
    NotText(PathBuf),
}

/// A tree of files. Paths are relative to its root; missing parents are made, mode 0755, of root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTree {
    nodes: BTreeMap<String, Node>,
}

impl FileTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything, parents before what they hold.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// What has this path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Puts a directory of root. One that is there gets the mode.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn dir(&mut self, path: &str, mode: u32) -> Result<&mut Self, FilesError> {
        self.put(path, Node { mode, uid: 0, gid: 0, kind: Kind::Directory })
    }

    /// Puts a file of root.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn file(&mut self, path: &str, mode: u32, content: Content) -> Result<&mut Self, FilesError> {
        self.put(path, Node { mode, uid: 0, gid: 0, kind: Kind::File(content) })
    }

    /// Puts a symbolic link.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn link(&mut self, path: &str, target: &str) -> Result<&mut Self, FilesError> {
        self.put(path, Node { mode: 0o777, uid: 0, gid: 0, kind: Kind::Link(target.to_owned()) })
    }

    /// Puts a character device of root.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn device(&mut self, path: &str, mode: u32, major: u32, minor: u32) -> Result<&mut Self, FilesError> {
        self.put(path, Node { mode, uid: 0, gid: 0, kind: Kind::Device { major, minor } })
    }

    /// Puts anything. A directory may stand for itself (its mode and owner become the new ones), and
    /// the very same thing may be put twice; otherwise a path has one owner.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn put(&mut self, path: &str, node: Node) -> Result<&mut Self, FilesError> {
        if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(FilesError::Path(path.to_owned()));
        }
        for (end, _) in path.match_indices('/') {
            let parent = &path[..end];
            let made = Node { mode: 0o755, uid: 0, gid: 0, kind: Kind::Directory };
            let there = self.nodes.entry(parent.to_owned()).or_insert(made);
            if there.kind != Kind::Directory {
                return Err(FilesError::NotDirectory {
                    path: parent.to_owned(),
                    there: describe(there),
                    inside: path.to_owned(),
                });
            }
        }
        if let Some(there) = self.nodes.get(path)
            && *there != node
            && !(there.kind == Kind::Directory && node.kind == Kind::Directory)
        {
            let (there, new) = (describe(there), describe(&node));
            return Err(FilesError::Twice { path: path.to_owned(), there, new });
        }
        self.nodes.insert(path.to_owned(), node);
        Ok(self)
    }

    /// Puts all of `other`.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn merge(&mut self, other: Self) -> Result<&mut Self, FilesError> {
        for (path, node) in other.nodes {
            self.put(&path, node)?;
        }
        Ok(self)
    }

    /// Takes what has this path out of the tree (not what it holds).
    pub fn remove(&mut self, path: &str) -> Option<Node> {
        self.nodes.remove(path)
    }

    /// Puts what the host's directory holds under `prefix` (empty for the root). Owners become root;
    /// modes become 0755 for directories and for files that their owner may execute, else 0644: a
    /// checkout's umask does not show in the image.
    ///
    /// # Errors
    /// [`FilesError`], or a directory that cannot be read.
    pub fn host_dir(&mut self, dir: &Path, prefix: &str) -> Result<&mut Self> {
        for entry in fs::read_dir(dir).map_err(Error::io("reading", dir))? {
            let entry = entry.map_err(Error::io("reading", dir))?;
            let host = entry.path();
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| FilesError::NotText(host.clone()))?;
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            let metadata = fs::symlink_metadata(&host).map_err(Error::io("reading", &host))?;
            if metadata.is_dir() {
                self.dir(&path, 0o755)?;
                self.host_dir(&host, &path)?;
            } else if metadata.is_file() {
                let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
                self.file(&path, mode, Content::Host(host))?;
            } else if metadata.is_symlink() {
                let target = fs::read_link(&host).map_err(Error::io("reading", &host))?;
                let target = target.to_str().ok_or_else(|| FilesError::NotText(host.clone()))?;
                self.link(&path, target)?;
            } else {
                return Err(FilesError::Special(host).into());
            }
        }
        Ok(self)
    }
}

impl Content {
    /// A reader of the content, and its length in bytes.
    ///
    /// # Errors
    /// A host's file that cannot be read.
    pub fn open(&self) -> Result<(Box<dyn Read + '_>, u64)> {
        match self {
            Self::Bytes(bytes) => Ok((Box::new(bytes.as_slice()), bytes.len() as u64)),
            Self::Host(path) => {
                let file = File::open(path).map_err(Error::io("reading", path))?;
                let len = file.metadata().map_err(Error::io("reading", path))?.len();
                // A file that grows meanwhile would shift all that follows it.
                Ok((Box::new(file.take(len)), len))
            }
        }
    }

    /// The whole content.
    ///
    /// # Errors
    /// A host's file that cannot be read.
    pub fn read(&self) -> Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Host(path) => fs::read(path).map_err(Error::io("reading", path)),
        }
    }

    /// Length, in bytes.
    ///
    /// # Errors
    /// A host's file that cannot be read.
    pub fn size(&self) -> Result<u64> {
        Ok(self.open()?.1)
    }
}

/// Writes the tree as a tar stream, every time being `epoch` (seconds).
///
/// # Errors
/// A host's file that cannot be read, or a failing `out`, which `name` names in the error.
pub(crate) fn write_tar(tree: &FileTree, out: &mut dyn io::Write, name: &Path, epoch: u64) -> Result<()> {
    let mut tar = tar::Builder::new(out);
    let root = Node { mode: 0o755, uid: 0, gid: 0, kind: Kind::Directory };
    for (path, node) in std::iter::once((".", &root)).chain(tree.iter()) {
        let mut header = tar::Header::new_gnu();
        header.set_mode(node.mode);
        header.set_uid(node.uid.into());
        header.set_gid(node.gid.into());
        header.set_mtime(epoch);
        header.set_size(0);
        let written = match &node.kind {
            Kind::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, path, io::empty())
            }
            Kind::File(content) => {
                let (reader, len) = content.open()?;
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(len);
                tar.append_data(&mut header, path, reader)
            }
            Kind::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, path, target)
            }
            Kind::Device { major, minor } => {
                header.set_entry_type(tar::EntryType::Char);
                header
                    .set_device_major(*major)
                    .and_then(|()| header.set_device_minor(*minor))
                    .and_then(|()| tar.append_data(&mut header, path, io::empty()))
            }
        };
        written.map_err(Error::io("writing", name))?;
    }
    tar.finish().map_err(Error::io("writing", name))
}

fn describe(node: &Node) -> String {
    match &node.kind {
        Kind::Directory => "a directory".to_owned(),
        Kind::File(Content::Bytes(bytes)) => format!("a file of {} bytes", bytes.len()),
        Kind::File(Content::Host(path)) => format!("the file {}", path.display()),
        Kind::Link(target) => format!("a link to {target}"),
        Kind::Device { major, minor } => format!("the device {major}:{minor}"),
    }
}
