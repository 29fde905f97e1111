//! From the lock to the packages that a build really uses.

use crate::{Cache, Lock};
use anyhow::{Result, bail};
use sandbox::{Archive, Package};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// The set of a spec's userland packages.
pub const USERLAND: &str = "userland";

/// A package that is not taken as locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The package's name, after its set's: `SET/NAME`.
    pub name: String,
    /// The version that the lock names; none where it names no version.
    pub locked: Option<String>,
    /// The version that is used.
    pub used: String,
}

impl std::fmt::Display for Departure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, locked, used } = self;
        match locked {
            Some(locked) => write!(f, "{name} {locked} is gone, {used} is used"),
            None => write!(f, "{name} is not in the lock, {used} is used"),
        }
    }
}

/// The packages of a build, and where they differ from the lock.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// By set.
    pub sets: BTreeMap<String, Vec<Package>>,
    /// What was not taken as locked.
    pub departures: Vec<Departure>,
}

/// Where fetched `.deb` files are kept.
///
/// # Errors
/// The directory cannot be made.
pub fn package_store(cache: &Cache) -> Result<std::path::PathBuf> {
    cache.directory("downloads/debian")
}

/// The Debian archive by apt's directories in the cache, which are this process's for as long as the file is
/// held: apt itself gives up where another apt works. `waiting` is told who holds them.
///
/// # Errors
/// The archive cannot be read.
pub fn open_archive(cache: &Cache, waiting: &dyn Fn(&str)) -> Result<(Archive, File)> {
    let lock = cache.lock("apt", waiting)?;
    Ok((Archive::open(&cache.directory("apt")?)?, lock))
}

/// Decides which packages a build uses: the locked ones; where the archive no longer has one, the
/// newest, which `locked` forbids. The archive is asked only where a file is not at hand.
///
/// `wanted` are the names that each set must hold (what the lock lacks of them is resolved anew).
///
/// # Errors
/// The archive cannot be read, or departs from the lock under `locked`.
pub fn resolve(
    lock: &Lock,
    wanted: &BTreeMap<String, Vec<String>>,
    cache: &Cache,
    locked: bool,
) -> Result<Resolved> {
    let store = package_store(cache)?;
    let mut resolved = Resolved::default();
    let mut archive = None;
    for (set, names) in wanted {
        let packages = lock.sets.get(set).cloned().unwrap_or_default();
        let complete = names.iter().all(|name| packages.iter().any(|p| p.name == *name));
        if complete && at_hand(&packages, set, cache, &store) {
            resolved.sets.insert(set.clone(), packages);
            continue;
        }
        let (archive, _lock) = match &mut archive {
            Some(opened) => opened,
            empty => empty.insert(open_archive(cache, &|holder| {
                eprintln!("  apt is used by {holder}: waiting for it");
            })?),
        };
        let gone: Vec<&Package> = packages
            .iter()
            .filter(|p| !have(&store, p) && archive.find(&p.name, &p.version).is_none())
            .collect();
        if complete && gone.is_empty() {
            for package in &packages {
                check_hash(archive, package)?;
            }
            resolved.sets.insert(set.clone(), packages);
            continue;
        }
        let newest = archive.resolve(names)?;
        let (kept, departures) = merge(set, &packages, newest, |p| !gone.contains(&p));
        resolved.departures.extend(departures);
        resolved.sets.insert(set.clone(), kept);
    }
    if locked && !resolved.departures.is_empty() {
        let departures: Vec<String> = resolved.departures.iter().map(Departure::to_string).collect();
        bail!(
            "the archive no longer gives what images/inputs.lock names:\n  {}\n  run `cargo xtask lock`, or build \
             without --locked",
            departures.join("\n  ")
        );
    }
    Ok(resolved)
}

/// A locked version wins over the newest one as long as it can be had.
fn merge(
    set: &str,
    locked: &[Package],
    newest: Vec<Package>,
    usable: impl Fn(&Package) -> bool,
) -> (Vec<Package>, Vec<Departure>) {
    let mut departures = Vec::new();
    let mut packages = Vec::new();
    for new in newest {
        let old = locked.iter().find(|package| package.name == new.name);
        match old {
            Some(old) if usable(old) => packages.push(old.clone()),
            _ => {
                departures.push(Departure {
                    name: format!("{set}/{}", new.name),
                    locked: old.map(|old| old.version.clone()),
                    used: new.version.clone(),
                });
                packages.push(new);
            }
        }
    }
    (packages, departures)
}

fn have(store: &Path, package: &Package) -> bool {
    store.join(package.file_name()).is_file()
}

/// Whether no file is needed from the archive: all are here, or the tree made of them is.
fn at_hand(packages: &[Package], set: &str, cache: &Cache, store: &Path) -> bool {
    let tree = crate::steps::tools::step(set, packages, cache);
    tree.is_ok_and(|step| cache.holds(&step)) || packages.iter().all(|package| have(store, package))
}

/// The archive may not give other bytes under a locked version.
fn check_hash(archive: &Archive, package: &Package) -> Result<()> {
    match archive.find(&package.name, &package.version) {
        Some(found) if found.sha256 != package.sha256 => bail!(
            "the archive's {} {} has SHA-256 {}, images/inputs.lock says {}: do not build with it",
            package.name,
            package.version,
            found.sha256,
            package.sha256
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into(), size: 1, sha256: "aa".into() }
    }

    #[test]
    fn a_locked_version_wins_while_it_can_be_had() {
        let locked = [package("a", "1"), package("b", "1")];
        let newest = vec![package("a", "2"), package("b", "2"), package("c", "1")];
        let (packages, departures) = merge("build", &locked, newest, |p| p.name != "b");
        assert_eq!(packages, [package("a", "1"), package("b", "2"), package("c", "1")]);
        let departures: Vec<String> = departures.iter().map(Departure::to_string).collect();
        assert_eq!(departures, ["build/b 1 is gone, 2 is used", "build/c is not in the lock, 1 is used"]);
    }
}
