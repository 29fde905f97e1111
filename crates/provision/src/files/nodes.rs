//! Files, folders and links, made.

use std::fmt::Display;
use std::io;
use std::path::{Component, Path, PathBuf};

use ignition::config::{Directory, File, Link, NodeGroup, NodeUser, Resource};
use rustix::fs::FileType;
use settings::accounts::Accounts;

use super::order::{Entry, Node};
use super::tree::{FILE_MODE, FOLDER_MODE, Found, Owner, Tree};
use super::{Fetch, place};
use crate::failure::Failure;

/// What to do about a failure of which only the system knows more.
const LOOK_AT_DISK: &str = "check that the disk is large enough and not damaged";
const ALREADY_THERE: &str = "set overwrite to true to replace it, or take another path";

/// Makes things in a new root.
pub struct Maker<'a, 'f> {
    /// The root.
    pub tree: &'a Tree,
    /// Its users and groups.
    pub accounts: &'a Accounts,
    /// Gets contents.
    pub fetch: &'a mut Fetch<'f>,
}

/// Says what could not be done to a path.
fn failed<'a>(at: &'a str, doing: &'a str, path: &'a Path) -> impl Fn(io::Error) -> Failure + 'a {
    move |error| Failure::new(at, format!("cannot {doing} {}: {error}", path.display()), LOOK_AT_DISK)
}

impl Maker<'_, '_> {
    /// Makes one thing.
    ///
    /// # Errors
    /// It cannot be made; what is at its path is then as it was.
    pub fn make(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        let Entry { at, path, node } = entry;
        let old = self.tree.look(path).map_err(failed(at, "look at", path))?;
        match node {
            Node::Folder(folder) => self.folder(at, path, old, folder),
            Node::File(file) => self.file(at, path, old, file),
            Node::Link(link) => self.link(at, path, old, link),
        }
    }

    fn folder(&self, at: &str, path: &Path, old: Option<Found>, folder: &Directory) -> Result<(), Failure> {
        let old = self.cleared(at, path, old, folder.overwrite)?;
        match old {
            Some(found) if found.kind != FileType::Directory => {
                return Err(occupied(at, path, found, "folder"));
            }
            Some(_) => {}
            None => self.tree.make_folder(path, FOLDER_MODE).map_err(failed(at, "make the folder", path))?,
        }
        let owner = self.owner(at, &folder.user, &folder.group, old)?;
        self.tree.own(path, owner).map_err(failed(at, "give an owner to", path))?;
        match folder.mode {
            Some(mode) => {
                self.tree.permit_folder(path, bits(mode)).map_err(failed(at, "give permissions to", path))
            }
            None => Ok(()),
        }
    }

    fn file(&mut self, at: &str, path: &Path, old: Option<Found>, file: &File) -> Result<(), Failure> {
        let overwrites = file.overwrite == Some(true);
        let kept = old.filter(|_| !overwrites);
        let source = file.contents.as_ref().filter(|contents| contents.source.is_some());
        match kept {
            Some(found) if found.kind != FileType::RegularFile || source.is_some() => {
                return Err(occupied(at, path, found, "file"));
            }
            _ => {}
        }
        let owner = self.owner(at, &file.user, &file.group, kept)?;
        let mode = file.mode.map(bits).or(kept.map(|kept| kept.mode)).unwrap_or(FILE_MODE);
        let mut new = self.tree.begin(path).map_err(failed(at, "write", path))?;
        if kept.is_some() {
            let mut old = self.tree.read(path).map_err(failed(at, "read", path))?;
            new.append(&mut old).map_err(failed(at, "write", path))?;
        }
        if let Some(source) = source {
            self.contents(&format!("{at}.contents"), source, &mut new.file)?;
        }
        for (index, part) in file.append.iter().flatten().enumerate() {
            let mut scratch = new.scratch().map_err(failed(at, "write beside", path))?;
            self.contents(&format!("{at}.append.{index}"), part, &mut scratch)?;
            new.append(&mut scratch).map_err(failed(at, "write", path))?;
        }
        // Only a folder is in the way of a file that is put in a place.
        if old.is_some_and(|old| overwrites && old.kind == FileType::Directory) {
            self.cleared(at, path, old, Some(true))?;
        }
        new.finish(owner, mode).map_err(failed(at, "write", path))
    }

    /// Gets what a resource names.
    fn contents(&mut self, at: &str, resource: &Resource, into: &mut std::fs::File) -> Result<(), Failure> {
        if resource.source.as_deref().unwrap_or_default().is_empty() {
            return Ok(());
        }
        (self.fetch)(resource, into).map_err(|failure| Failure { path: at.to_owned(), ..failure })
    }

    fn link(&self, at: &str, path: &Path, old: Option<Found>, link: &Link) -> Result<(), Failure> {
        let target = link.target.as_deref().unwrap_or_default();
        if link.hard == Some(true) {
            return self.hard_link(at, path, old, link.overwrite, Path::new(target));
        }
        if let Some(found) = self.cleared(at, path, old, link.overwrite)? {
            if found.kind != FileType::Symlink {
                return Err(occupied(at, path, found, "link"));
            }
            let held = self.tree.link(path).map_err(failed(at, "read the link", path))?;
            return match clean(&held) == clean(Path::new(target)) {
                true => Ok(()),
                false => {
                    let cause = format!(
                        "{} is a link to {} already, not to {target}",
                        path.display(),
                        held.display()
                    );
                    Err(Failure::new(at, cause, ALREADY_THERE))
                }
            };
        }
        self.tree.symlink(path, target).map_err(failed(at, "make the link", path))?;
        let owner = self.owner(at, &link.user, &link.group, None)?;
        self.tree.own(path, owner).map_err(failed(at, "give an owner to", path))
    }

    fn hard_link(
        &self,
        at: &str,
        path: &Path,
        old: Option<Found>,
        overwrite: Option<bool>,
        target: &Path,
    ) -> Result<(), Failure> {
        let at_target = format!("{at}.target");
        let to = self.tree.resolve(target).map_err(failed(&at_target, "follow", target))?;
        let file = self.tree.look(&to).map_err(failed(&at_target, "look at", target))?;
        let Some(file) = file else {
            let cause = format!(
                "there is no {}, of which {} is to be another name",
                target.display(),
                path.display()
            );
            return Err(Failure::new(
                at_target,
                cause,
                "name a file that is there, or that storage.files makes",
            ));
        };
        if old.is_some_and(|old| old.identity == file.identity) {
            return Ok(());
        }
        if let Some(found) = self.cleared(at, path, old, overwrite)? {
            return Err(occupied(at, path, found, "other name of that file"));
        }
        self.tree.hard_link(path, &to).map_err(|error| {
            let cause = format!("cannot make {} another name of {}: {error}", path.display(), target.display());
            let next = "both must be on one file system, and the target no folder: make it a symbolic link (hard: false)";
            Failure::new(at, cause, next)
        })
    }

    /// What is still in the way once what is to be overwritten is gone.
    fn cleared(
        &self,
        at: &str,
        path: &Path,
        old: Option<Found>,
        overwrite: Option<bool>,
    ) -> Result<Option<Found>, Failure> {
        if old.is_none() || overwrite != Some(true) {
            return Ok(old);
        }
        if let Some(refusal) = place::removal_refusal(path) {
            return Err(Failure::new(format!("{at}.overwrite"), refusal.cause, refusal.next_step));
        }
        match self.tree.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                let cause = format!("cannot replace {}: a file system is mounted there", path.display());
                Err(Failure::new(
                    at,
                    cause,
                    "leave overwrite away, and set wipeFilesystem of the file system",
                ))
            }
            removed => removed.map(|()| None).map_err(failed(at, "remove", path)),
        }
    }

    fn owner(
        &self,
        at: &str,
        user: &Option<NodeUser>,
        group: &Option<NodeGroup>,
        old: Option<Found>,
    ) -> Result<Owner, Failure> {
        let old = old.map(|old| old.owner).unwrap_or_default();
        let user = user.as_ref().map(|user| (user.id, user.name.as_deref()));
        let group = group.as_ref().map(|group| (group.id, group.name.as_deref()));
        Ok(Owner {
            user: id(&format!("{at}.user"), "user", user, |name| self.accounts.users.get(name), old.user)?,
            group: id(
                &format!("{at}.group"),
                "group",
                group,
                |name| self.accounts.groups.get(name),
                old.group,
            )?,
        })
    }
}

/// The number of an account that a config names by number or by name.
fn id<'a>(
    at: &str,
    kind: &str,
    wanted: Option<(Option<i64>, Option<&str>)>,
    known: impl Fn(&str) -> Option<&'a u32>,
    default: u32,
) -> Result<u32, Failure> {
    match wanted {
        Some((Some(id), _)) => u32::try_from(id).ok().filter(|id| *id != u32::MAX).ok_or_else(|| {
            Failure::new(
                format!("{at}.id"),
                format!("no {kind} can have the number {id}"),
                "a number from 0 to 4294967294",
            )
        }),
        Some((None, Some(name))) if !name.is_empty() => known(name).copied().ok_or_else(|| {
            let next = format!("add it to passwd.{kind}s, or give its number as id");
            Failure::new(format!("{at}.name"), format!("there is no {kind} {name}"), next)
        }),
        _ => Ok(default),
    }
}

fn occupied(at: &str, path: &Path, found: Found, wanted: impl Display) -> Failure {
    let kind = match found.kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a link",
        _ => "something else",
    };
    let cause = format!("cannot make the {wanted} {}: {kind} is there already", path.display());
    Failure::new(at, cause, ALREADY_THERE)
}

fn bits(mode: i64) -> u32 {
    u32::try_from(mode & 0o7777).unwrap_or(FILE_MODE)
}

/// A link's target without what says nothing.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match (part, clean.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(clean.pop()),
            _ => clean.push(part),
        }
    }
    clean
}
