//! What a run is about to make, so that the next can undo it where this one does not come to its end: what the
//! config says is true of a disk that no run has written to.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
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
    /// Where nothing was. Folders of runs before this one are among them.
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

/// The list, and the folder in which it is kept: ROOT's own, whatever is mounted over it later.
pub struct Journal {
    folder: OwnedFd,
    list: List,
}

impl Journal {
    /// Opens it, before anything is mounted.
    pub fn open(tree: &Tree) -> io::Result<Journal> {
        Ok(Journal { folder: tree.folder(Path::new(STATE), &mut |_| ())?, list: List::default() })
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.folder.as_raw_fd()))
    }

    /// Undoes what a run did that did not come to its end; says whether there was one.
    pub fn undo(&mut self, tree: &Tree) -> io::Result<bool> {
        let list: List = match fs::read(self.path(LIST)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            list => serde_json::from_slice(&list?)?,
        };
        for path in &list.made {
            match tree.look(path).ok().flatten() {
                // A folder may hold what others put there, and stays. That it is new is known by the next run, too.
                Some(found) if found.kind == FileType::Directory => self.list.made.push(path.clone()),
                Some(_) => tree.remove(path)?,
                None => {}
            }
        }
        for (index, Changed { path, user, group, mode }) in list.changed.iter().enumerate() {
            let mut old = fs::File::open(self.path(&format!("{COPY}{index}")))?;
            let mut new = tree.begin(path)?;
            new.append(&mut old)?;
            // The copy goes: after a power cut, this is all that there is.
            new.file.sync_all()?;
            new.finish(Owner { user: *user, group: *group }, *mode)?;
        }
        // Its copies are to be written over by the next list's.
        self.write()?;
        Ok(true)
    }

    /// Folders that were made by this run or one before, which did not come to its end: whose they are and who may
    /// use them is yet to be said.
    pub fn folders(&self) -> &[PathBuf] {
        &self.list.made
    }

    /// Has folders that were made be among those.
    pub fn add_folders(&mut self, made: &[PathBuf]) {
        self.list.made.extend_from_slice(made);
    }

    /// Notes what is about to be made or changed by the users and groups.
    pub fn begin_people(&mut self, tree: &Tree, paths: &[PathBuf]) -> io::Result<()> {
        for path in paths {
            match tree.look(path)? {
                None => self.list.made.push(path.clone()),
                Some(found) if found.kind == FileType::RegularFile => self.keep(tree, path, found)?,
                Some(_) => {}
            }
        }
        self.write()
    }

    /// Notes what is about to be made.
    pub fn begin(&mut self, tree: &Tree, entries: &[Entry<'_>]) -> io::Result<()> {
        for Entry { path, node, .. } in entries {
            let found = tree.look(path)?;
            match (node, found) {
                (Node::Folder(_), _) => {}
                (_, None) => self.list.made.push(path.clone()),
                (Node::File(file), Some(found)) if is_changed(file, found) => self.keep(tree, path, found)?,
                _ => {}
            }
        }
        self.write()
    }

    /// Keeps a copy of a file that is about to be changed. It may be for nobody else's eyes.
    fn keep(&mut self, tree: &Tree, path: &Path, found: Found) -> io::Result<()> {
        if self
            .list
            .made
            .iter()
            .chain(self.list.changed.iter().map(|changed| &changed.path))
            .any(|noted| noted == path)
        {
            // This run has changed it already.
            return Ok(());
        }
        let copy = self.path(&format!("{COPY}{}", self.list.changed.len()));
        let mut copy = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(copy)?;
        io::copy(&mut tree.read(path)?, &mut copy)?;
        copy.sync_all()?;
        let (Owner { user, group }, mode) = (found.owner, found.mode);
        self.list.changed.push(Changed { path: path.to_owned(), user, group, mode });
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.list)?;
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
