//! A folder with every input of a build, for building where there is no network.
//!
//! Its `downloads` are what the cache's are after a build from nothing; `cargo/config.toml` tells the
//! host's cargo, by `CARGO_HOME`, that the crates are there too. The folder may be moved.

use crate::steps::{component, go, programs, tools};
use crate::{Cache, Lock, Progress, inputs};
use anyhow::{Context as _, Result, bail};
use sandbox::Package;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The environment variable that names a bundle to build from.
pub const BUNDLE_VARIABLE: &str = "BERTH_BUNDLE";

const DOWNLOADS: &str = "downloads";
const PACKAGES: &str = "debian";
/// Go's module cache as its proxy's protocol has it: what lies unpacked beside it is made of it.
const GO_MODULES: &str = "go/cache/download";
const CARGO_CONFIG: &str = "cargo/config.toml";
/// Paths are taken from the folder that `cargo` is in (the Cargo book, "Config-relative paths").
const CARGO_TEXT: &str = "\
[source.crates-io]
replace-with = \"bundle\"

[source.bundle]
directory = \"downloads/crates\"

[net]
offline = true
";

/// Fetches all that `lock` names and all that the checkout at `root` is built from, and keeps it in
/// the folder `to`, which must not be there or be empty.
///
/// # Errors
/// Something cannot be fetched, or `to` cannot be written or holds something; then nothing is left
/// in it.
pub fn write(root: &Path, lock: &Lock, cache: &Cache, progress: &Arc<Progress>, to: &Path) -> Result<()> {
    if fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty: name another folder, or empty it", to.display());
    }
    fetch(root, lock, cache, progress)?;
    let waiting = |holder: &str| progress.line(&format!("  crates are used by {holder}: waiting for it"));
    let _lock = cache.lock(programs::LOCK, &waiting)?;
    programs::fetch_crates(root, cache)?;
    let partial = partial(to)?;
    let _ = fs::remove_dir_all(&partial);
    let kept = keep(lock, cache, &partial).and_then(|()| {
        // A rename takes the place of an empty folder, and of nothing else.
        fs::rename(&partial, to).with_context(|| format!("making {}", to.display()))
    });
    if kept.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    kept
}

/// Puts into the cache what it lacks of the bundle at `from`.
///
/// # Errors
/// It is no bundle, or the cache cannot be written.
pub fn read(from: &Path, cache: &Cache) -> Result<()> {
    let downloads = from.join(DOWNLOADS);
    if !downloads.is_dir() || !from.join(CARGO_CONFIG).is_file() {
        bail!("{BUNDLE_VARIABLE}={} is not a folder that `cargo xtask lock --bundle` made", from.display());
    }
    let to = cache.directory(DOWNLOADS)?;
    let names = |downloads: &Path| fs::read(downloads.join(programs::CRATES_FETCHED_FOR)).ok();
    let waiting = |holder: &str| eprintln!("  crates are used by {holder}: waiting for it");
    let differ = names(&to) != names(&downloads);
    let _lock = differ.then(|| cache.lock(programs::LOCK, &waiting)).transpose()?;
    if differ {
        // Others than these: they go whole, and first what says which they are.
        let _ = fs::remove_file(to.join(programs::CRATES_FETCHED_FOR));
        let _ = fs::remove_dir_all(to.join(programs::CRATES_FETCHED));
    }
    for part in [PACKAGES, GO_MODULES, programs::CRATES_FETCHED, programs::CRATES_FETCHED_FOR] {
        copy_missing(&downloads.join(part), &to.join(part))?;
    }
    Ok(())
}

fn partial(to: &Path) -> Result<PathBuf> {
    let name = to.file_name().with_context(|| format!("{} is no folder's name", to.display()))?;
    Ok(to.with_file_name(format!(".{}.partial", name.to_string_lossy())))
}

/// Brings all inputs but the crates into the cache.
fn fetch(root: &Path, lock: &Lock, cache: &Cache, progress: &Arc<Progress>) -> Result<()> {
    let store = inputs::package_store(cache)?;
    let packages: Vec<Package> = lock.sets.values().flatten().cloned().collect();
    if packages.iter().any(|package| !store.join(package.file_name()).is_file()) {
        progress.line("  fetching packages");
        let waiting = |holder: &str| progress.line(&format!("  apt is used by {holder}: waiting for it"));
        let (archive, _lock) = inputs::open_archive(cache, &waiting)?;
        archive.fetch(&packages, &store)?;
    }
    let packages = lock.sets.get("build").context("images/inputs.lock has no set `build`")?;
    let build = tools::step("build", packages, cache)?;
    let toolchain = lock.go.as_ref().context("images/inputs.lock names no Go toolchain")?;
    let toolchain = go::toolchain(toolchain, &build, cache);
    let mut steps = Vec::new();
    for directory in component::directories(&root.join("images/components"))? {
        steps.push(component::fetch(&directory, &toolchain, &build, cache)?);
    }
    let jobs = std::thread::available_parallelism().map_or(2, usize::from);
    crate::run(&steps, cache, progress, jobs).map(drop)
}

fn keep(lock: &Lock, cache: &Cache, to: &Path) -> Result<()> {
    let downloads = cache.directory(DOWNLOADS)?;
    let store = inputs::package_store(cache)?;
    for package in lock.sets.values().flatten() {
        let name = package.file_name();
        copy_missing(&store.join(&name), &to.join(DOWNLOADS).join(PACKAGES).join(&name))?;
    }
    for part in [GO_MODULES, programs::CRATES_FETCHED, programs::CRATES_FETCHED_FOR] {
        copy_missing(&downloads.join(part), &to.join(DOWNLOADS).join(part))?;
    }
    let config = to.join(CARGO_CONFIG);
    fs::create_dir_all(to.join("cargo"))
        .and_then(|()| fs::write(&config, CARGO_TEXT))
        .with_context(|| format!("writing {}", config.display()))
}

/// Copies files, and all below folders, but for what is there already.
fn copy_missing(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return if to.exists() { Ok(()) } else { copy(from, to) };
    }
    let reading = || format!("reading {}", from.display());
    for entry in fs::read_dir(from).with_context(reading)? {
        let name = entry.with_context(reading)?.file_name();
        copy_missing(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Copies a file so that one of its name is always whole.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    let parent = to.parent().with_context(copying)?;
    fs::create_dir_all(parent).with_context(copying)?;
    let partial = partial(to)?;
    fs::copy(from, &partial).and_then(|_| fs::rename(&partial, to)).with_context(copying)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn bundle(root: &Path) -> PathBuf {
        let bundle = root.join("bundle");
        file(&bundle, CARGO_CONFIG, CARGO_TEXT);
        file(&bundle, "downloads/debian/a_1.deb", "a");
        file(&bundle, "downloads/go/cache/download/m/@v/v1.zip", "m");
        file(&bundle, "downloads/crates/c-1/src/lib.rs", "c");
        file(&bundle, "downloads/crates.lock", "c 1");
        bundle
    }

    #[test]
    fn a_cache_takes_what_it_lacks_and_keeps_what_it_has() {
        let here = tempfile::tempdir().unwrap();
        let cache = Cache::at(&here.path().join("cache")).unwrap();
        file(cache.root(), "downloads/debian/a_1.deb", "mine");
        file(cache.root(), "downloads/debian/b_1.deb", "b");
        file(cache.root(), "downloads/crates/old-1/src/lib.rs", "old");
        file(cache.root(), "downloads/crates.lock", "old 1");
        read(&bundle(here.path()), &cache).unwrap();
        for (name, expected) in [
            ("debian/a_1.deb", Some("mine")),
            ("debian/b_1.deb", Some("b")),
            ("go/cache/download/m/@v/v1.zip", Some("m")),
            ("crates/c-1/src/lib.rs", Some("c")),
            ("crates/old-1/src/lib.rs", None),
            ("crates.lock", Some("c 1")),
        ] {
            let text = fs::read_to_string(cache.root().join("downloads").join(name)).ok();
            assert_eq!(text.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let here = tempfile::tempdir().unwrap();
        let cache = Cache::at(&here.path().join("cache")).unwrap();
        let error = read(&here.path().join("nowhere"), &cache).unwrap_err().to_string();
        assert!(error.contains("nowhere") && error.contains("lock --bundle"), "{error}");
    }

    #[test]
    fn a_folder_that_holds_something_is_not_written_to() {
        let here = tempfile::tempdir().unwrap();
        let cache = Cache::at(&here.path().join("cache")).unwrap();
        file(here.path(), "full/mine", "mine");
        let to = here.path().join("full");
        let error =
            write(here.path(), &Lock::default(), &cache, &Arc::new(Progress::new()), &to).unwrap_err();
        assert!(error.to_string().contains("not empty"), "{error}");
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    }
}
