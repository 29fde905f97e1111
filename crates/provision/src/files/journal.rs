//! What a run is about to make, so that the next can undo it where this one does not come to its end: what the
//! config says is true of a disk that no run has written to.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use ignition::config::File;
use layout::path::STATE;
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

use super::order::{Entry, Node};
use super::tree::{Found, Owner, Tree};

/// The list, and what copies of files that are changed begin with.
const LIST: &str = "provisioning.json";
const COPY: &str = "provisioning-";

/// What a run makes and changes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    /// Where nothing was.
    made: Vec<PathBuf>,
    /// Files that are changed.
    changed: Vec<Changed>,
}

/// A file as it was.
#[derive(Debug, Serialize, Deserialize)]
struct Changed {
    path: PathBuf,
    user: u32,
    group: u32,
    mode: u32,
}

/// The folder in which it is kept: ROOT's own, whatever is mounted over it later.
pub struct Journal(OwnedFd);

impl Journal {
    /// Opens it, before anything is mounted.
    pub fn open(tree: &Tree) -> io::Result<Journal> {
        tree.folder(Path::new(STATE), &mut |_| ()).map(Journal)
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()))
    }

    /// Undoes what a run did that did not come to its end; says whether there was one.
    pub fn undo(&self, tree: &Tree) -> io::Result<bool> {
        let list: List = match fs::read(self.path(LIST)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            list => serde_json::from_slice(&list?)?,
        };
        for path in &list.made {
            // A folder is as it was to be, and may hold what others put there.
            if tree.look(path).ok().flatten().is_some_and(|found| found.kind != FileType::Directory) {
                tree.remove(path)?;
            }
        }
        for (index, Changed { path, user, group, mode }) in list.changed.iter().enumerate() {
            let mut old = fs::File::open(self.path(&format!("{COPY}{index}")))?;
            let mut new = tree.begin(path)?;
            new.append(&mut old)?;
            new.finish(Owner { user: *user, group: *group }, *mode)?;
        }
        // Its copies are to be written over by the next list's.
        fs::remove_file(self.path(LIST))?;
        Ok(true)
    }

    /// Notes what is about to be made.
    pub fn begin(&self, tree: &Tree, entries: &[Entry<'_>]) -> io::Result<()> {
        let mut list = List::default();
        for Entry { path, node, .. } in entries {
            let found = tree.look(path)?;
            match (node, found) {
                (Node::Folder(_), _) => {}
                (_, None) => list.made.push(path.clone()),
                (Node::File(file), Some(found)) if is_changed(file, found) => {
                    let copy = self.path(&format!("{COPY}{}", list.changed.len()));
                    let mut copy = fs::File::create(copy)?;
                    io::copy(&mut tree.read(path)?, &mut copy)?;
                    copy.sync_all()?;
                    let (Owner { user, group }, mode) = (found.owner, found.mode);
                    list.changed.push(Changed { path: path.clone(), user, group, mode });
                }
                _ => {}
            }
        }
        let text = serde_json::to_vec(&list)?;
        sys::file::replace_synced(&self.path(LIST), &text, 0o600).map_err(io::Error::other)
    }
}

/// Whether a file that is there is changed rather than replaced or left.
fn is_changed(file: &File, found: Found) -> bool {
    found.kind == FileType::RegularFile
        && file.overwrite != Some(true)
        && file.append.as_ref().is_some_and(|append| !append.is_empty())
}

/// Forgets what was noted, when it is marked that all was done.
pub fn forget(tree: &Tree) -> io::Result<()> {
    let is_ours = |name: &&PathBuf| {
        let name = name.to_string_lossy();
        name == LIST || name.starts_with(COPY)
    };
    // The list last: copies alone are of no run.
    let mut names: Vec<PathBuf> = tree.list(Path::new(STATE)).iter().filter(is_ours).cloned().collect();
    names.sort_by_key(|name| name == Path::new(LIST));
    names.iter().try_for_each(|name| tree.remove(&Path::new(STATE).join(name)))
}
