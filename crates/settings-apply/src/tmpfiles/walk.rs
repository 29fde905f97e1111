//! Walking a path as root where others may write: no step leads from a folder of one user to something
//! of another, whoever made the links on the way.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Statx, StatxFlags, mkdirat, openat, readlinkat, statx};
use rustix::io::Errno;

use crate::Root;
use crate::root::bytes_path;

/// As many links as one path may lead over.
const LINKS_MAX: usize = 32;
/// The permissions of folders that are made on the way.
const ON_THE_WAY: Mode = Mode::from_raw_mode(0o755);

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The next step would lead from what one user owns to what another owns.
    #[error("unsafe path transition: user {owner} owns what leads to {path}, which belongs to user {other}")]
    Unsafe {
        /// Where it leads.
        path: String,
        /// Who owns what leads there.
        owner: u32,
        /// Who owns what is there.
        other: u32,
    },
    /// The path has `..` in it.
    #[error("the path has .. in it")]
    NotNormal,
    /// The kernel refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for WalkError {
    fn from(error: Errno) -> WalkError {
        WalkError::Io(error.into())
    }
}

impl WalkError {
    /// Whether there is nothing at the path.
    pub fn is_missing(&self) -> bool {
        matches!(self, WalkError::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Something at a path, held so that it stays the same.
pub struct Node {
    /// Opened without being read or written.
    pub handle: OwnedFd,
    /// What it is.
    pub is: Statx,
}

impl Node {
    /// Opens what is in a folder under a name; a link is not followed.
    pub fn open(folder: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Node> {
        Node::of(openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// What is opened.
    pub fn of(handle: OwnedFd) -> io::Result<Node> {
        let is = statx(&handle, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        Ok(Node { handle, is })
    }

    /// Its type.
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.is.stx_mode.into())
    }

    /// Its permissions.
    pub fn mode(&self) -> u32 {
        u32::from(self.is.stx_mode) & 0o7777
    }

    /// A path that leads to it for as long as it is held.
    pub fn path(&self) -> PathBuf {
        use std::os::fd::AsRawFd;
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }
}

/// The folder that a path is in.
pub struct Parent {
    /// The folder.
    pub folder: OwnedFd,
    /// The last part of the path.
    pub name: OsString,
}

impl Parent {
    /// What stands there; nothing where nothing does.
    pub fn node(&self) -> io::Result<Option<Node>> {
        match Node::open(&self.folder, &self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }
}

/// Walks to the folder that a path is in, and makes the folders on the way where that is asked for.
pub fn parent(root: &Root, path: &Path, makes: bool) -> Result<Parent, WalkError> {
    let name = path.file_name().ok_or(WalkError::NotNormal)?.to_owned();
    let above = path.parent().unwrap_or(Path::new("/"));
    Ok(Parent { folder: walk(root, above, true, makes)?.handle, name })
}

/// Walks to what is at a path; a link at its end is followed where that is asked for.
pub fn node(root: &Root, path: &Path, follows: bool) -> Result<Node, WalkError> {
    walk(root, path, follows, false)
}

fn walk(root: &Root, path: &Path, follows: bool, makes: bool) -> Result<Node, WalkError> {
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(WalkError::NotNormal);
    }
    let top = || -> Result<Node, WalkError> { Ok(Node::of(reopen(root.folder())?)?) };
    let mut here = top()?;
    let mut todo: Vec<OsString> = parts(path);
    let mut links = 0;
    while let Some(part) = todo.pop() {
        if part == ".." {
            // Only links lead up, and none leads out of the root.
            if !is_same(&here, &top()?) {
                here = step(&here, Node::open(&here.handle, "..")?, path)?;
            }
            continue;
        }
        let next = match Node::open(&here.handle, &part) {
            Err(error) if makes && error.kind() == io::ErrorKind::NotFound => {
                make_folder(here.handle.as_fd(), &part)?;
                Node::open(&here.handle, &part)?
            }
            other => other?,
        };
        let next = step(&here, next, path)?;
        if next.kind() != FileType::Symlink || (todo.is_empty() && !follows) {
            here = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        let to = bytes_path(readlinkat(&next.handle, "", Vec::new())?.to_bytes());
        if to.is_absolute() {
            here = step(&next, top()?, path)?;
        }
        todo.extend(parts(&to));
    }
    Ok(here)
}

/// Makes a folder with the permissions that those on the way have.
fn make_folder(folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    match mkdirat(folder, name, ON_THE_WAY) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Goes from one thing to the next. Root may lead anywhere; others only to what is theirs.
fn step(from: &Node, to: Node, path: &Path) -> Result<Node, WalkError> {
    match from.is.stx_uid {
        0 => Ok(to),
        owner if owner == to.is.stx_uid => Ok(to),
        owner => Err(WalkError::Unsafe { path: path.display().to_string(), owner, other: to.is.stx_uid }),
    }
}

fn is_same(one: &Node, other: &Node) -> bool {
    let id = |node: &Node| (node.is.stx_dev_major, node.is.stx_dev_minor, node.is.stx_ino);
    id(one) == id(other)
}

fn reopen(folder: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Ok(openat(folder, ".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// The parts of a path, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut parts: Vec<OsString> = parts.collect();
    parts.reverse();
    parts
}

/// The paths that a pattern stands for.
pub fn glob(root: &Root, pattern: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for pattern in settings::path::braces(pattern) {
        let mut found = vec![PathBuf::from("/")];
        for part in settings::path::parts(&pattern) {
            if !settings::path::is_pattern(part) && !part.contains('\\') {
                found.iter_mut().for_each(|path| path.push(part));
                continue;
            }
            let inside = found.into_iter().flat_map(|folder| {
                let mut names = root.list(&folder);
                names.retain(|name| settings::path::part_matches(part, &name.to_string_lossy()));
                names.sort();
                names.into_iter().map(move |name| folder.join(name))
            });
            found = inside.collect();
        }
        found.retain(|path| root.look(path, false).is_ok());
        all.extend(found);
    }
    all
}
