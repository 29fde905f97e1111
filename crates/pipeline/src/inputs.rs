//! From the lock to the packages that a build really uses.

use crate::lock_file::package_lines;
use crate::{Cache, Lock, hash_bytes};
use anyhow::{Context as _, Result, bail};
use sandbox::{Archive, Package};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

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
            Some(locked) => write!(f, "the archive no longer has {name} {locked}, {used} is taken"),
            None => write!(f, "images/inputs.lock lacks {name}, {used} is taken"),
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
/// newest, which `locked` forbids. The archive is asked only where a file is not at hand: what it gave
/// instead of what is locked is remembered, and stays until the lock or the names change.
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
        let complete = has_all(names, &packages);
        if complete && at_hand(&packages, set, cache, &store) {
            resolved.sets.insert(set.clone(), packages);
            continue;
        }
        let memory = memory(set, names, &packages, cache)?;
        if let Some(used) = recall(&memory, set, names).filter(|used| at_hand(used, set, cache, &store)) {
            resolved.departures.extend(departures(set, &packages, &used));
            resolved.sets.insert(set.clone(), used);
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
        let used = merge(&packages, newest, |p| !gone.contains(&p));
        remember(&memory, set, &used)?;
        resolved.departures.extend(departures(set, &packages, &used));
        resolved.sets.insert(set.clone(), used);
    }
    if locked && !resolved.departures.is_empty() {
        bail!(refusal(&resolved.departures));
    }
    Ok(resolved)
}

/// Why `--locked` forbids a build, and what to do.
fn refusal(departures: &[Departure]) -> String {
    let (gone, lacking): (Vec<_>, Vec<_>) = departures.iter().partition(|one| one.locked.is_some());
    let mut text = String::new();
    for (heading, departures) in [
        ("the archive no longer has packages that images/inputs.lock names", gone),
        ("packages are asked for, by images/packages.yaml or a spec, that images/inputs.lock lacks", lacking),
    ] {
        if !departures.is_empty() {
            text.push_str(&format!("{heading}:\n"));
            for Departure { name, locked, used } in departures {
                let locked = locked.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
                text.push_str(&format!("    {name}{locked} (there is {used})\n"));
            }
        }
    }
    text + "  run `cargo xtask lock`, which reads the specs in images/ and images/extensions/, or build without \
            --locked"
}

/// A locked version wins over the newest one as long as it can be had.
fn merge(locked: &[Package], newest: Vec<Package>, usable: impl Fn(&Package) -> bool) -> Vec<Package> {
    let pick = |new: Package| match named(locked, &new.name) {
        Some(old) if usable(old) => old.clone(),
        _ => new,
    };
    newest.into_iter().map(pick).collect()
}

/// Where the packages that are used are not those of the lock.
fn departures<'a>(
    set: &'a str,
    locked: &'a [Package],
    used: &'a [Package],
) -> impl Iterator<Item = Departure> + 'a {
    used.iter().filter(|one| !locked.contains(one)).map(move |one| Departure {
        name: format!("{set}/{}", one.name),
        locked: named(locked, &one.name).map(|old| old.version.clone()),
        used: one.version.clone(),
    })
}

fn named<'a>(packages: &'a [Package], name: &str) -> Option<&'a Package> {
    packages.iter().find(|package| package.name == name)
}

fn has_all(names: &[String], packages: &[Package]) -> bool {
    names.iter().all(|name| named(packages, name).is_some())
}

/// Where it is kept which packages were taken for a set whose locked ones do not do.
fn memory(set: &str, names: &[String], locked: &[Package], cache: &Cache) -> Result<PathBuf> {
    let hash = hash_bytes(format!("{}{}", package_lines(set, locked), names.join("\n")).as_bytes());
    Ok(cache.directory("resolutions")?.join(format!("{set}-{}", &hash[..16])))
}

/// The packages that were taken; none where none are known.
fn recall(memory: &Path, set: &str, names: &[String]) -> Option<Vec<Package>> {
    let packages = Lock::parse(&fs::read_to_string(memory).ok()?).ok()?.sets.remove(set)?;
    has_all(names, &packages).then_some(packages)
}

/// To be called by who alone has the archive, so that nobody else writes there.
fn remember(memory: &Path, set: &str, packages: &[Package]) -> Result<()> {
    let partial = memory.with_extension("partial");
    fs::write(&partial, package_lines(set, packages))
        .and_then(|()| fs::rename(&partial, memory))
        .with_context(|| format!("writing {}", memory.display()))
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
        let packages = merge(&locked, newest, |p| p.name != "b");
        assert_eq!(packages, [package("a", "1"), package("b", "2"), package("c", "1")]);
        let departures: Vec<Departure> = departures("build", &locked, &packages).collect();
        let told: Vec<String> = departures.iter().map(Departure::to_string).collect();
        let expected = [
            "the archive no longer has build/b 1, 2 is taken",
            "images/inputs.lock lacks build/c, 1 is taken",
        ];
        assert_eq!(told, expected);
        // Each under what is true of it.
        for (from, has) in [(0..2, [true, true]), (0..1, [true, false]), (1..2, [false, true])] {
            let text = refusal(&departures[from]);
            assert_eq!(
                ["the archive no longer has", "lock lacks"].map(|words| text.contains(words)),
                has,
                "{text}"
            );
            assert!(text.contains("run `cargo xtask lock`") && text.contains("without --locked"), "{text}");
        }
    }

    #[test]
    fn what_is_remembered_is_whole_or_not_there() {
        let here = tempfile::tempdir().unwrap();
        let cache = Cache::at(here.path()).unwrap();
        let names = ["a".to_owned(), "b".to_owned()];
        let (locked, used) = ([package("a", "1")], vec![package("a", "2"), package("b", "1")]);
        let place = memory("build", &names, &locked, &cache).unwrap();
        assert_eq!(recall(&place, "build", &names), None);
        remember(&place, "build", &used).unwrap();
        assert_eq!(recall(&place, "build", &names), Some(used));
        for (names, locked) in [(&names[..1], &locked[..]), (&names[..], &[package("a", "3")][..])] {
            assert_ne!(memory("build", names, locked, &cache).unwrap(), place);
        }
        for text in ["", "deb build a 2 1 aa\n", "deb other a 2 1 aa\ndeb other b 1 1 aa\n", "deb build a"] {
            fs::write(&place, text).unwrap();
            assert_eq!(recall(&place, "build", &names), None, "{text}");
        }
    }
}
