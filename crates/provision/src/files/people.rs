//! Users and groups: their files, their homes, the keys that they log in by.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use ignition::config::{Config, User};
use layout::path::SHELL;
use layout::user::FIRST_PERSON;
use rustix::fs::FileType;
use settings_apply::sysusers;

use super::accounts::{self, Files, Refusal};
use super::journal::Journal;
use super::tree::{Owner, Tree};
use super::{noted, place};
use crate::failure::Failure;

/// Where keys stand below a home: a file of their own, so that other sources of keys have theirs.
const KEYS: &str = ".ssh/authorized_keys.d/ignition";
/// Permissions of a home, and of the folders of keys in it.
const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;
/// What to do about a failure of which only the system knows more.
pub const LOOK_AT_DISK: &str = "check that the disk is large enough and not damaged";

/// A user before and after.
struct Change<'a> {
    at: String,
    wanted: &'a User,
    old: Option<accounts::User>,
    new: Option<accounts::User>,
}

/// Has users and groups be as a config wants them. What is about to be made or changed is noted first, so that a run
/// that does not come to its end can be undone: its accounts alone would be in the way of the next.
///
/// # Errors
/// One cannot be so. The files of accounts are written only when it is known that all can.
pub fn apply(
    tree: &Tree,
    config: &Config,
    journal: &mut Journal,
    tell: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let Some(passwd) = &config.passwd else { return Ok(()) };
    let old = sysusers::texts(tree.root())
        .map_err(|error| Failure::new("$.passwd", format!("{error:#}"), LOOK_AT_DISK))?;
    let mut files = Files::read(&old, sysusers::today());
    for (index, group) in passwd.groups.iter().flatten().enumerate() {
        let at = format!("$.passwd.groups.{index}");
        files.ensure_group(group).map_err(|refusal| refused(&at, "group", &group.name, refusal))?;
    }
    let mut changes = Vec::new();
    for (index, user) in passwd.users.iter().flatten().enumerate() {
        let at = format!("$.passwd.users.{index}");
        let old = files.user(&user.name);
        let shell = usable_shell(tree, &at, user, tell);
        files
            .ensure_user(&User { shell, ..user.clone() })
            .map_err(|refusal| refused(&at, "user", &user.name, refusal))?;
        changes.push(Change { at, wanted: user, new: files.user(&user.name), old });
    }
    let made = journal.folders().to_owned();
    let mut paths: Vec<PathBuf> = sysusers::FILES.iter().map(|(path, _)| PathBuf::from(path)).collect();
    changes.iter().for_each(|change| paths.extend(change.paths(tree)));
    journal.begin_people(tree, &paths).map_err(noted)?;
    sysusers::write(tree.root(), &files.changes(&old)).map_err(|error| {
        Failure::new("$.passwd", format!("cannot write the users and groups: {error:#}"), LOOK_AT_DISK)
    })?;
    for change in &changes {
        change.make_home(tree, &made, tell).map_err(|error| {
            let home = change.new.as_ref().or(change.old.as_ref()).map_or("", |user| user.home.as_str());
            let cause = format!("cannot see to the home {home} of user {}: {error}", change.wanted.name);
            Failure::new(&change.at, cause, "another homeDir, or noCreateHome")
        })?;
        change.write_keys(tree, &made)?;
    }
    Ok(())
}

fn refused(at: &str, kind: &str, name: &str, refusal: Refusal) -> Failure {
    let Refusal { field, cause, next_step } = refusal;
    Failure::new(format!("{at}.{field}"), format!("{kind} {name}: {cause}"), next_step)
}

/// The shell that a user gets. One of the image that is not there cannot come later, and whoever has it cannot
/// log in; configs for other systems name such.
fn usable_shell(tree: &Tree, at: &str, user: &User, tell: &mut dyn FnMut(String)) -> Option<String> {
    let shell = user.shell.clone().filter(|shell| !shell.is_empty())?;
    let path = Path::new(&shell);
    let is_images = tree.resolve(path).is_ok_and(|path| place::is_image(&path));
    if is_images && tree.root().look(path, true).is_err() {
        let name = &user.name;
        tell(format!("{at}.shell: the image has no {shell}: {SHELL} is the shell of user {name} instead"));
        return Some(SHELL.to_owned());
    }
    Some(shell)
}

impl Change<'_> {
    /// What is made for the user: the home and the file of keys, with the folders on the way to them.
    fn paths(&self, tree: &Tree) -> Vec<PathBuf> {
        let Some(user) = &self.new else { return Vec::new() };
        if self.old.as_ref().is_some_and(|old| old.home != user.home) {
            // That home may be one that is moved, and not new.
            return Vec::new();
        }
        let home = Path::new(&user.home);
        let has_keys = self.wanted.ssh_authorized_keys.as_ref().is_some_and(|keys| !keys.is_empty());
        let made = [self.makes_home(user).then(|| home.to_owned()), has_keys.then(|| home.join(KEYS))];
        // A path that leads nowhere is told by who makes something there.
        let places = made.into_iter().flatten().filter_map(|path| tree.resolve(&path).ok());
        let paths: BTreeSet<PathBuf> =
            places.flat_map(|path| path.ancestors().map(Path::to_owned).collect::<Vec<_>>()).collect();
        paths.into_iter().collect()
    }

    /// Whether the user gets a home. System users of the image have homes that their services make.
    fn makes_home(&self, user: &accounts::User) -> bool {
        self.wanted.no_create_home != Some(true) && (self.old.is_none() || user.user >= FIRST_PERSON)
    }

    fn make_home(&self, tree: &Tree, made: &[PathBuf], tell: &mut dyn FnMut(String)) -> io::Result<()> {
        let user = match (&self.old, &self.new) {
            (Some(old), None) => return remove_home(tree, old, tell),
            (_, Some(new)) => new,
            (None, None) => return Ok(()),
        };
        if let Some(old) = &self.old {
            self.move_home(tree, old, user)?;
        }
        if self.wanted.no_create_home == Some(true) {
            return Ok(());
        }
        let home = tree.resolve(Path::new(&user.home))?;
        let owner = Owner { user: user.user, group: user.group };
        if self.makes_home(user) && home.file_name().is_some() && tree.root().look(&home, true).is_err() {
            if let Some(refusal) = place::refusal(&home) {
                tell(format!(
                    "{}: no home is made for user {}: {}",
                    self.at, self.wanted.name, refusal.cause
                ));
                return Ok(());
            }
            make_private(tree, &home, owner)?;
        }
        own_new(tree, made, &home, owner)
    }

    /// Has what a user had be the user's still.
    fn move_home(&self, tree: &Tree, old: &accounts::User, new: &accounts::User) -> io::Result<()> {
        let (from, to) = (tree.resolve(Path::new(&old.home))?, tree.resolve(Path::new(&new.home))?);
        let is_home = |path: &Path| place::refusal(path).or_else(|| place::removal_refusal(path)).is_none();
        let mut home = &from;
        if from != to
            && is_home(&from)
            && is_home(&to)
            && tree.look(&from)?.is_some()
            && tree.look(&to)?.is_none()
        {
            tree.rename(&from, &to)?;
            home = &to;
        } else if tree.look(&from)?.is_none()
            && tree.look(&to)?.is_some_and(|found| [old.user, new.user].contains(&found.owner.user))
        {
            // A run that did not come to its end moved it.
            home = &to;
        }
        let (had, has) =
            (Owner { user: old.user, group: old.group }, Owner { user: new.user, group: new.group });
        if had != has && is_home(home) { change_owner(tree, home, had, has) } else { Ok(()) }
    }

    fn write_keys(&self, tree: &Tree, made: &[PathBuf]) -> Result<(), Failure> {
        let keys = self.wanted.ssh_authorized_keys.as_deref().unwrap_or_default();
        let (Some(user), false) = (&self.new, keys.is_empty()) else { return Ok(()) };
        let at = format!("{}.sshAuthorizedKeys", self.at);
        let path = Path::new(&user.home).join(KEYS);
        let failed = |error: io::Error| {
            let cause =
                format!("cannot write the keys of user {} to {}: {error}", self.wanted.name, path.display());
            Failure::new(&at, cause, "another homeDir, which the user's keys can be below")
        };
        let place = tree.resolve(&path).map_err(failed)?;
        if let Some(refusal) = place::refusal(&place) {
            return Err(failed(io::Error::other(refusal.cause)));
        }
        let mut text = keys.join("\n");
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let owner = Owner { user: user.user, group: user.group };
        let home = tree.resolve(Path::new(&user.home)).map_err(failed)?;
        own_new(tree, made, &home, owner).map_err(failed)?;
        make_private(tree, place.parent().unwrap_or(&place), owner).map_err(failed)?;
        tree.write(&place, text.as_bytes(), owner, PRIVATE_FILE).map_err(failed)
    }
}

/// Gives a user keys from another source than a config, in the place of those that it gave before: `below` is their
/// file below the user's home.
///
/// # Errors
/// There is no such user, or the home cannot be written to.
pub fn set_keys(root: &Path, name: &str, keys: &[String], below: &str) -> io::Result<()> {
    let tree = Tree::open(root).map_err(io::Error::other)?;
    let texts = sysusers::texts(tree.root()).map_err(io::Error::other)?;
    let user = Files::read(&texts, sysusers::today()).user(name);
    let user = user.ok_or_else(|| io::Error::other(format!("there is no user {name}")))?;
    let place = tree.resolve(&Path::new(&user.home).join(below))?;
    if let Some(refusal) = place::refusal(&place) {
        return Err(io::Error::other(refusal.cause));
    }
    if keys.is_empty() {
        return if tree.look(&place)?.is_some() { tree.remove(&place) } else { Ok(()) };
    }
    let owner = Owner { user: user.user, group: user.group };
    make_private(&tree, place.parent().unwrap_or(&place), owner)?;
    tree.write(&place, format!("{}\n", keys.join("\n")).as_bytes(), owner, PRIVATE_FILE)
}

/// Makes a folder, and those on the way that belong to a user, the user's; what is there stays as it is. Those
/// that are above all homes are root's.
fn make_private(tree: &Tree, path: &Path, owner: Owner) -> io::Result<()> {
    let mut made = Vec::new();
    tree.folder(path, &mut |folder| made.push(folder.to_owned()))?;
    let is_users = |folder: &&PathBuf| folder.as_path() != Path::new("/home") && folder.parent().is_some();
    for folder in made.iter().filter(is_users) {
        tree.own(folder, owner)?;
        tree.permit_folder(folder, PRIVATE_FOLDER)?;
    }
    Ok(())
}

/// Makes the folders of a home that are new, and that others or a run that did not come to its end made, the user's.
fn own_new(tree: &Tree, made: &[PathBuf], home: &Path, owner: Owner) -> io::Result<()> {
    let is_home = home.file_name().is_some();
    for folder in made.iter().filter(|folder| is_home && folder.starts_with(home)) {
        tree.own(folder, owner)?;
        tree.permit_folder(folder, PRIVATE_FOLDER)?;
    }
    Ok(())
}

/// Removes the home of a user who is gone, where it was the user's own.
fn remove_home(tree: &Tree, user: &accounts::User, tell: &mut dyn FnMut(String)) -> io::Result<()> {
    let home = tree.resolve(Path::new(&user.home))?;
    let Some(found) = tree.look(&home)? else { return Ok(()) };
    let is_kept = place::refusal(&home).is_some() || place::removal_refusal(&home).is_some();
    if is_kept || found.kind != FileType::Directory || found.owner.user != user.user {
        tell(format!("{} stays: it does not belong to the user whose home it was", home.display()));
        return Ok(());
    }
    tree.remove(&home)
}

/// Gives what belonged to one owner to another.
fn change_owner(tree: &Tree, path: &Path, old: Owner, new: Owner) -> io::Result<()> {
    let Some(found) = tree.look(path)? else { return Ok(()) };
    let owner = Owner {
        user: if found.owner.user == old.user { new.user } else { found.owner.user },
        group: if found.owner.group == old.group { new.group } else { found.owner.group },
    };
    if owner != found.owner {
        tree.own(path, owner)?;
    }
    if found.kind == FileType::Directory {
        for name in tree.list(path) {
            change_owner(tree, &path.join(name), old, new)?;
        }
    }
    Ok(())
}
