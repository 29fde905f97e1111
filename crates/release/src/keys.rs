//! The folder of keys: private keys as `ROLE-ID.pem`, and every version of the root as `N.root.json`, the newest of
//! them also as `root.json`.
//!
//! A private key may be elsewhere while nothing is to be signed with it; those of the root had better be. Which key
//! has which role is in the root alone.

use crate::key::PrivateKey;
use crate::metadata::{self, Document, SPEC_VERSION};
use crate::role::{Lifetimes, Role};
use crate::store;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, Permissions};
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tough::schema::{RoleKeys, Root};

/// A link to the newest root: what an image has baked in.
const NEWEST: &str = "root.json";

/// The keys that sign a repository.
pub struct Keys {
    directory: PathBuf,
    private: Vec<PrivateKey>,
    /// Version 1 first; never empty.
    roots: Vec<Document<Root>>,
}

/// What a change of keys did.
#[derive(Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The version of the new root.
    pub version: u64,
    /// Files of keys that count no more. They are needed once, for the next publication; then destroy them.
    pub retired: Vec<PathBuf>,
}

impl Keys {
    /// Makes a folder of new keys, with a root that all of them sign who may.
    ///
    /// # Errors
    /// The folder is there and not empty, or cannot be written.
    pub fn init(directory: &Path) -> Result<Self> {
        Self::init_at(directory, SystemTime::now(), &Lifetimes::default())
    }

    /// [`Keys::init`] by another clock.
    ///
    /// # Errors
    /// As there.
    pub fn init_at(directory: &Path, now: SystemTime, lifetimes: &Lifetimes) -> Result<Self> {
        if !store::names(directory)?.is_empty() {
            bail!(
                "{} is not empty: name a new folder, or change the keys that are there with `keys rotate`",
                directory.display()
            );
        }
        let mut new = Vec::new();
        for role in Role::ALL {
            for _ in 0..role.keys() {
                new.push((role, PrivateKey::generate()?));
            }
        }
        let holders: Vec<(Role, &PrivateKey)> = new.iter().map(|(role, key)| (*role, key)).collect();
        let root = root_of(NonZeroU64::MIN, &holders, HashMap::new(), HashMap::new(), now, lifetimes)?;
        let signers = holders.iter().filter(|(role, _)| *role == Role::Root).map(|(_, key)| *key);
        let root = Document::sign(root, signers)?;

        // Made beside it and renamed: there is never half a set of keys.
        let making = || format!("making {}", directory.display());
        let name = directory.file_name().with_context(making)?.to_string_lossy().into_owned();
        let parent = directory.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        store::folder(parent)?;
        let partial = parent.join(format!(".partial-{name}"));
        let _ = fs::remove_dir_all(&partial);
        let made = (|| -> Result<()> {
            DirBuilder::new().mode(0o700).create(&partial)?;
            for (role, key) in &new {
                key.save(&partial, *role)?;
            }
            place_root(&partial, &root)?;
            fs::rename(&partial, directory)?;
            store::sync_folder_of(directory)
        })();
        if made.is_err() {
            let _ = fs::remove_dir_all(&partial);
        }
        made.with_context(making)?;
        Self::open(directory)
    }

    /// Reads a folder of keys.
    ///
    /// # Errors
    /// It holds no root, a key that is none, or a root that its predecessor does not vouch for.
    pub fn open(directory: &Path) -> Result<Self> {
        let names = store::names(directory)?;
        let mut roots: Vec<Document<Root>> = Vec::new();
        for version in 1.. {
            let name = root_name(version);
            if !names.contains(&name) {
                break;
            }
            let path = directory.join(name);
            let root = Document::<Root>::read(store::read(&path)?, &path.display().to_string())?;
            let what = || format!("{} is not signed as it has to be", path.display());
            roots.last().unwrap_or(&root).signed.signed.verify_role(&root.signed).with_context(what)?;
            root.signed.signed.verify_role(&root.signed).with_context(what)?;
            ensure!(
                root.version() == version,
                "{} says that it is version {}",
                path.display(),
                root.version()
            );
            roots.push(root);
        }
        ensure!(
            !roots.is_empty(),
            "{} has no {}: make keys with `cargo xtask keys init {0}`",
            directory.display(),
            root_name(1)
        );
        let mut private = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(".pem")) {
            let path = directory.join(name);
            refuse_what_others_read(&path)?;
            private.push(PrivateKey::load(&path)?);
        }
        let keys = Self { directory: directory.to_owned(), private, roots };
        // The link is behind where a change of keys was cut short.
        let wanted = root_name(keys.newest_root().version());
        if fs::read_link(directory.join(NEWEST)).is_ok_and(|now| now != Path::new(&wanted)) {
            point_to(directory, &wanted)?;
        }
        Ok(keys)
    }

    /// The newest root: what images have baked in, and an operator may give a machine.
    pub fn root_json(&self) -> PathBuf {
        self.directory.join(NEWEST)
    }

    /// Gives each of `roles` new keys, and the root a new version and lifetime; without roles, that alone. It wants as
    /// many of the present root keys as must sign.
    ///
    /// # Errors
    /// Too few root keys are at hand, or a file cannot be written. The new root comes last: what was made before it
    /// has no meaning.
    pub fn rotate(&mut self, roles: &[Role]) -> Result<Rotation> {
        self.rotate_at(roles, SystemTime::now(), &Lifetimes::default())
    }

    /// [`Keys::rotate`] by another clock.
    ///
    /// # Errors
    /// As there.
    pub fn rotate_at(&mut self, roles: &[Role], now: SystemTime, lifetimes: &Lifetimes) -> Result<Rotation> {
        let old = self.newest_root().signed.signed.clone();
        let signers = self.at_hand(Role::Root, &old);
        let (found, wanted) = (signers.len(), usize::from(Role::Root.threshold()));
        ensure!(
            found >= wanted,
            "{} has {found} of the root's keys, and {wanted} of {} must sign: bring them from where they are kept",
            self.directory.display(),
            Role::Root.keys()
        );
        let mut new = Vec::new();
        for role in Role::ALL.into_iter().filter(|role| roles.contains(role)) {
            for _ in 0..role.keys() {
                new.push((role, PrivateKey::generate()?));
            }
        }
        let holders: Vec<(Role, &PrivateKey)> = new.iter().map(|(role, key)| (*role, key)).collect();
        let kept_roles = old
            .roles
            .iter()
            .filter(|(role, _)| !roles.iter().any(|new| tough::schema::RoleType::from(*new) == **role))
            .map(|(role, keys)| (*role, keys.clone()))
            .collect();
        let version = metadata::next(old.version.get())?;
        let root = root_of(version, &holders, kept_roles, old.keys.clone(), now, lifetimes)?;
        let successors = holders.iter().filter(|(role, _)| *role == Role::Root).map(|(_, key)| *key);
        let root = Document::sign(root, signers.into_iter().chain(successors))?;

        for (role, key) in &new {
            key.save(&self.directory, *role)?;
        }
        place_root(&self.directory, &root)?;
        *self = Self::open(&self.directory)?;
        let now = &self.newest_root().signed.signed;
        let mut retired = Vec::new();
        for name in store::names(&self.directory)?.iter().filter(|name| name.ends_with(".pem")) {
            let path = self.directory.join(name);
            let id = PrivateKey::load(&path)?.id;
            if !now.keys.contains_key(&id) {
                retired.push(path);
            }
        }
        Ok(Rotation { version: version.get(), retired })
    }

    pub(crate) fn newest_root(&self) -> &Document<Root> {
        &self.roots[self.roots.len() - 1]
    }

    /// The roots after a version.
    pub(crate) fn roots_after(&self, version: u64) -> impl Iterator<Item = &Document<Root>> {
        self.roots.iter().filter(move |root| root.version() > version)
    }

    pub(crate) fn root(&self, version: u64) -> Option<&Document<Root>> {
        self.roots.iter().find(|root| root.version() == version)
    }

    /// Who signs for a role so that all count it who know the root of version `since` or a later one: the keys of the
    /// newest root, and what is at hand of those before it.
    ///
    /// # Errors
    /// Too few of the newest root's keys are at hand.
    pub(crate) fn signers(&self, role: Role, since: u64) -> Result<Vec<&PrivateKey>> {
        let newest = &self.newest_root().signed.signed;
        let mut signers = self.at_hand(role, newest);
        if signers.len() < usize::from(role.threshold()) {
            let ids = newest.roles.get(&role.into()).map(|keys| keys.keyids.as_slice()).unwrap_or_default();
            let names: Vec<String> =
                ids.iter().map(|id| format!("{role}-{}.pem", &hex::encode(id)[..8])).collect();
            bail!("{} does not have the key {}", self.directory.display(), names.join(" or "));
        }
        for root in self.roots.iter().filter(|root| root.version() >= since) {
            for key in self.at_hand(role, &root.signed.signed) {
                if !signers.iter().any(|other| other.id == key.id) {
                    signers.push(key);
                }
            }
        }
        Ok(signers)
    }

    /// The keys at hand that a root gives a role.
    fn at_hand(&self, role: Role, root: &Root) -> Vec<&PrivateKey> {
        let ids = root.roles.get(&role.into()).map(|keys| keys.keyids.as_slice()).unwrap_or_default();
        self.private.iter().filter(|key| ids.contains(&key.id)).collect()
    }
}

/// A root with new keys for some roles, and for the others what they had.
fn root_of(
    version: NonZeroU64,
    new: &[(Role, &PrivateKey)],
    mut roles: HashMap<tough::schema::RoleType, RoleKeys>,
    mut keys: HashMap<tough::schema::decoded::Decoded<tough::schema::decoded::Hex>, tough::schema::key::Key>,
    now: SystemTime,
    lifetimes: &Lifetimes,
) -> Result<Root> {
    for (role, key) in new {
        keys.insert(key.id.clone(), key.public());
        let threshold = NonZeroU64::new(role.threshold().into()).context("a role that nobody signs")?;
        let empty = || RoleKeys { keyids: vec![], threshold, _extra: HashMap::new() };
        roles.entry((*role).into()).or_insert_with(empty).keyids.push(key.id.clone());
    }
    let used: HashSet<_> = roles.values().flat_map(|keys| keys.keyids.iter()).collect();
    keys.retain(|id, _| used.contains(id));
    Ok(Root {
        spec_version: SPEC_VERSION.to_owned(),
        consistent_snapshot: true,
        version,
        expires: metadata::expiry(Role::Root, lifetimes, now)?,
        keys,
        roles,
        _extra: HashMap::new(),
    })
}

/// The file name of a version of the root, here and in a repository.
pub(crate) fn root_name(version: u64) -> String {
    format!("{version}.root.json")
}

fn place_root(directory: &Path, root: &Document<Root>) -> Result<()> {
    let name = root_name(root.version());
    store::place(&directory.join(&name), &root.bytes)?;
    point_to(directory, &name)
}

fn point_to(directory: &Path, name: &str) -> Result<()> {
    let (link, partial) = (directory.join(NEWEST), directory.join(".partial-link"));
    let linking = || format!("making {}", link.display());
    let _ = fs::remove_file(&partial);
    symlink(name, &partial).with_context(linking)?;
    fs::rename(&partial, &link).with_context(linking)?;
    store::sync_folder_of(&link)
}

/// A private key that others may read is refused: whoever copied it signs as we do.
fn refuse_what_others_read(path: &Path) -> Result<()> {
    let reading = || format!("looking at {}", path.display());
    let mode = fs::metadata(path).with_context(reading)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600)).ok();
        bail!(
            "others than its owner could read {} (mode {:o}): it is closed now; if somebody may have copied it, \
             replace it with `cargo xtask keys rotate`",
            path.display(),
            mode & 0o777
        );
    }
    Ok(())
}
