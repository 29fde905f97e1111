//! Our own programs for the image: compiled inside the tools tree by the host's Rust toolchain,
//! linked statically with the tree's C library, without network.
//!
//! The compiler's own state is reused between builds (`work/programs` in the cache), so that a
//! changed line compiles one crate. Cargo takes a source for changed by its time, so the sources
//! are mirrored by content: a file that is the same keeps its time, whichever checkout it is from.
//! Where the clock has gone back since, times say nothing, and all is compiled anew.

use crate::steps::crate_component;
use crate::{Cache, Context, Recipe, Step, read, remove_tree};
use anyhow::{Context as _, Result, bail};
use sandbox::{Command, Tree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as HostCommand;
use std::sync::Arc;
use std::time::SystemTime;

const BUILD: &str = "tools-build";
/// The only target that a Rust toolchain is sure to have.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Files of the workspace's root that a compilation reads.
const ROOT_FILES: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// The host's Rust: where it is, and what it says of itself.
#[derive(Debug, Clone)]
pub struct Toolchain {
    sysroot: PathBuf,
    /// `rustc --version` without the first word.
    pub version: String,
}

impl Toolchain {
    /// Asks the host's compiler, from the workspace, whose rust-toolchain.toml decides.
    ///
    /// # Errors
    /// There is none.
    pub fn of_host(workspace: &Path) -> Result<Self> {
        let ask = |arguments: &[&str]| -> Result<String> {
            let output = HostCommand::new("rustc")
                .args(arguments)
                .current_dir(workspace)
                .output()
                .context("running rustc: install Rust with rustup")?;
            if !output.status.success() {
                bail!("rustc: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let version = ask(&["--version"])?;
        Ok(Self {
            sysroot: PathBuf::from(ask(&["--print", "sysroot"])?),
            version: version.strip_prefix("rustc ").unwrap_or(&version).to_owned(),
        })
    }
}

/// The step that compiles the workspace's packages of those names by a profile of the workspace's
/// `Cargo.toml`; its output has a program each.
///
/// # Errors
/// The workspace cannot be read.
pub fn step(
    workspace: &Path,
    programs: &[&str],
    profile: &'static str,
    epoch: u64,
    toolchain: &Toolchain,
    build: &Arc<Step>,
    cache: &Cache,
) -> Result<Arc<Step>> {
    let members = members(workspace)?;
    let mut recipe = Recipe::new("programs", include_str!("programs.rs"))
        .parameter("rustc", &toolchain.version)
        .parameter("profile", profile)
        .parameter("epoch", epoch.to_string())
        .needs(build);
    for file in ROOT_FILES {
        recipe = recipe.files(&workspace.join(file))?;
    }
    for package in closure(&members, programs)? {
        let directory = members.get(&package).context("a package that was just found")?.directory.clone();
        recipe = recipe.sources(&directory.join("Cargo.toml"))?.sources(&directory.join("src"))?;
    }
    let programs: Vec<String> = programs.iter().map(|name| (*name).to_owned()).collect();
    let (workspace, toolchain, cache) = (workspace.to_owned(), toolchain.clone(), cache.clone());
    Ok(recipe.action(move |context| make(context, &workspace, &programs, profile, epoch, &toolchain, &cache)))
}

struct Member {
    directory: PathBuf,
    /// Names of workspace packages in its `[dependencies]`.
    needs: Vec<String>,
}

/// The workspace's packages, by name.
fn members(workspace: &Path) -> Result<BTreeMap<String, Member>> {
    let output = HostCommand::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(workspace)
        .output()
        .context("running cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    let mut members = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let (Some(name), Some(manifest)) = (package["name"].as_str(), package["manifest_path"].as_str())
        else {
            continue;
        };
        let directory = Path::new(manifest).parent().unwrap_or(Path::new("/")).to_owned();
        let needs = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
            .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .collect();
        members.insert(name.to_owned(), Member { directory, needs });
    }
    Ok(members)
}

/// `programs` and all workspace packages that they are built from.
fn closure(members: &BTreeMap<String, Member>, programs: &[&str]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut queue: Vec<String> = programs.iter().map(|name| (*name).to_owned()).collect();
    while let Some(name) = queue.pop() {
        let member = members.get(&name).with_context(|| format!("the workspace has no package `{name}`"))?;
        if found.insert(name) {
            queue.extend(member.needs.iter().cloned());
        }
    }
    Ok(found)
}

fn make(
    context: &Context,
    workspace: &Path,
    programs: &[String],
    profile: &str,
    epoch: u64,
    toolchain: &Toolchain,
    cache: &Cache,
) -> Result<()> {
    let _lock = cache.lock(LOCK, &|holder| context.say(&format!("waiting for {holder}")))?;
    let (sources, target) = work_folders(cache, "work/programs", SystemTime::now())?;
    for name in ["crates", "initramfs", "xtask", "tests"] {
        mirror(&workspace.join(name), &sources.join(name))?;
    }
    for name in ROOT_FILES {
        mirror(&workspace.join(name), &sources.join(name))?;
    }
    context.say("fetching crates");
    let crates = fetch_crates(workspace, cache)?;

    context.say("compiling");
    let cargo = Cargo { context, toolchain, crates: &crates, sources: &sources, target: &target, epoch };
    let mut command = cargo
        .command("build")?
        .args(["--target", TARGET, "--profile", profile])
        .args(["--jobs", &context.jobs().to_string()]);
    for program in programs {
        command = command.args(["--package", program]);
    }
    context.run("compiling our programs", command)?;
    for program in programs {
        let from = target.join(TARGET).join(profile).join(program);
        let to = context.output().join(program);
        fs::copy(&from, &to).with_context(|| format!("keeping {}", from.display()))?;
    }
    cargo.list_modules(programs, "")
}

/// The host's cargo inside the tools tree, without a network.
pub(crate) struct Cargo<'a> {
    pub context: &'a Context,
    pub toolchain: &'a Toolchain,
    /// The crates, as [`fetch_crates`] gives them.
    pub crates: &'a Path,
    pub sources: &'a Path,
    /// What it keeps between builds.
    pub target: &'a Path,
    pub epoch: u64,
}

impl Cargo<'_> {
    /// Notes in `modules.txt` of the output which crates are linked into these packages (all where none is named),
    /// but for `but` and those of the sources.
    pub fn list_modules(&self, packages: &[String], but: &str) -> Result<()> {
        // What is linked: without what only builds it, or is for other systems.
        let mut command = self
            .command("tree")?
            .args(["--target", TARGET, "--edges", "normal,no-proc-macro", "--prefix", "none"])
            .args(["--format", "{p}\t{l}"]);
        for package in packages {
            command = command.args(["--package", package]);
        }
        let listed = self.context.capture("listing the crates of programs", command)?;
        let path = self.context.output().join("modules.txt");
        fs::write(&path, crate_component::modules(&String::from_utf8_lossy(&listed), but))
            .with_context(|| format!("writing {}", path.display()))
    }

    /// A command of cargo's, in the folder of the sources.
    pub fn command(&self, name: &str) -> Result<Command> {
        let tree = Tree::at(self.context.input(BUILD)?.to_owned());
        Ok(tree
            .command("/toolchain/bin/cargo")
            .args([name, "--locked", "--offline"])
            .args(["--config", "source.crates-io.replace-with='fetched'"])
            .args(["--config", &format!("source.fetched.directory='{CRATES}'")])
            .bind_ro_at(&self.toolchain.sysroot, "/toolchain")
            .bind_at(self.sources, "/sources")
            .bind_at(self.target, "/target")
            .bind_ro_at(self.crates, CRATES)
            .current_dir("/sources")
            .env("PATH", "/toolchain/bin:/usr/sbin:/usr/bin")
            .env("CARGO_HOME", "/cargo")
            .env("CARGO_TARGET_DIR", "/target")
            .env("CARGO_INCREMENTAL", "0")
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string())
            .env("RUSTFLAGS", rust_flags()))
    }
}

/// Static, and with no path of the host or of the tools tree in the bytes. Relocations are packed: a
/// program reads all of them when it starts, which holds 180 KiB of PID 1's memory unpacked and 2 packed.
fn rust_flags() -> String {
    format!(
        "-C target-feature=+crt-static -C linker=gcc -C link-arg=-Wl,--build-id=none \
         -C link-arg=-Wl,-z,pack-relative-relocs --remap-path-prefix={CRATES}=crates --remap-path-prefix=/sources=."
    )
}

/// Who holds it may change the crates and the compiler's state.
pub(crate) const LOCK: &str = "programs";
/// The crates among the cache's downloads, and the Cargo.lock that they are fetched for.
pub(crate) const CRATES_FETCHED: &str = "crates";
pub(crate) const CRATES_FETCHED_FOR: &str = "crates.lock";
/// Where the crates are seen inside the tools tree.
const CRATES: &str = "/crates";

/// Has the host's cargo, which knows its user's registry and any mirror of it, fetch what the workspace's Cargo.lock
/// and those of the components name into a directory that looks the same wherever it came from (cargo-vendor(1));
/// where it is.
///
/// # Errors
/// They cannot be fetched or kept.
pub fn fetch_crates(workspace: &Path, cache: &Cache) -> Result<PathBuf> {
    let downloads = cache.directory("downloads")?;
    let crates = downloads.join(CRATES_FETCHED);
    let components = crate_component::directories(&workspace.join("images/components"))?;
    // Written last: what is there is whole, and what these locks name.
    let fetched = downloads.join(CRATES_FETCHED_FOR);
    let mut wanted = read::text(&workspace.join("Cargo.lock"))?;
    for component in &components {
        wanted.push_str(&read::text(&component.join("Cargo.lock"))?);
    }
    if crates.is_dir() && fs::read_to_string(&fetched).is_ok_and(|text| text == wanted) {
        return Ok(crates);
    }
    let _ = fs::remove_file(&fetched);
    let output = HostCommand::new("cargo")
        .args(["vendor", "--locked", "--versioned-dirs", "--respect-source-config"])
        .args(components.iter().flat_map(|path| ["--sync".into(), path.join("Cargo.toml")]))
        .arg(&crates)
        .current_dir(workspace)
        .output()
        .context("running cargo vendor")?;
    if !output.status.success() {
        bail!("fetching crates: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::write(&fetched, wanted).with_context(|| format!("writing {}", fetched.display()))?;
    Ok(crates)
}

/// The folders of the sources and of cargo's `target` below a folder of the cache, for a compilation that begins `now`.
///
/// Cargo takes what it made for new where that is younger than the sources. A source that was changed after the clock
/// had gone back would be the older one, so what is from the future goes.
pub(crate) fn work_folders(cache: &Cache, name: &str, now: SystemTime) -> Result<(PathBuf, PathBuf)> {
    let work = cache.directory(name)?;
    if newest(&work).is_some_and(|time| time > now) {
        remove_tree(&work).with_context(|| format!("removing {}", work.display()))?;
    }
    Ok((cache.directory(&format!("{name}/sources"))?, cache.directory(&format!("{name}/target"))?))
}

/// The newest time below a folder.
fn newest(folder: &Path) -> Option<SystemTime> {
    let below = |entry: fs::DirEntry| {
        let metadata = entry.metadata().ok()?;
        let inside = metadata.is_dir().then(|| newest(&entry.path())).flatten();
        inside.max(metadata.modified().ok())
    };
    fs::read_dir(folder).ok()?.flatten().filter_map(below).max()
}

/// What is below a crate's folder and no source: what cargo-fuzz makes, and what cargo does.
const NO_SOURCES: [&str; 2] = ["fuzz", "target"];

/// Makes `to` hold the folders and files that `from` holds, touching only what differs. What an editor leaves beside
/// them (links that lead nowhere, files that go again) is passed over.
pub(crate) fn mirror(from: &Path, to: &Path) -> Result<()> {
    let mirroring = || format!("mirroring {} to {}", from.display(), to.display());
    if !from.is_dir() {
        let content = fs::read(from).with_context(mirroring)?;
        if fs::read(to).ok().as_deref() != Some(&content) {
            fs::write(to, content).with_context(mirroring)?;
        }
        return Ok(());
    }
    fs::create_dir_all(to).with_context(mirroring)?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from).with_context(mirroring)? {
        let name = entry.with_context(mirroring)?.file_name();
        let Ok(kind) = fs::metadata(from.join(&name)).map(|metadata| metadata.file_type()) else { continue };
        let is_source = kind.is_file() || kind.is_dir() && !NO_SOURCES.iter().any(|other| name == *other);
        if is_source {
            mirror(&from.join(&name), &to.join(&name))?;
            names.insert(name);
        }
    }
    for entry in fs::read_dir(to).with_context(mirroring)? {
        let entry = entry.with_context(mirroring)?;
        if !names.contains(&entry.file_name()) {
            let path = entry.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(mirroring)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_mirror_has_the_content_and_keeps_the_times_of_what_is_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir_all(from.join("a")).unwrap();
        fs::write(from.join("a/same"), "1").unwrap();
        fs::write(from.join("changed"), "1").unwrap();
        fs::write(from.join("gone"), "1").unwrap();
        mirror(&from, &to).unwrap();
        let time = |name: &str| fs::metadata(to.join(name)).unwrap().modified().unwrap();
        let before = time("a/same");
        fs::write(from.join("a/same"), "1").unwrap();
        fs::write(from.join("changed"), "2").unwrap();
        fs::remove_file(from.join("gone")).unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(time("a/same"), before);
        assert_eq!(fs::read_to_string(to.join("changed")).unwrap(), "2");
        assert!(!to.join("gone").exists());
    }

    #[test]
    fn what_was_compiled_in_the_future_is_compiled_anew() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path()).unwrap();
        let now = SystemTime::now();
        let second = Duration::from_secs(1);
        for (what, time, stays) in [
            ("sources/src/lib.rs", now - second, true),
            ("sources/src/lib.rs", now + second, false),
            ("target/image/.fingerprint/a/dep-lib-a", now, true),
            ("target/image/.fingerprint/a/dep-lib-a", now + second, false),
        ] {
            let (sources, target) = work_folders(&cache, "work/programs", now + 9 * second).unwrap();
            let path = sources.with_file_name(what);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(&path).unwrap().set_modified(time).unwrap();
            // When folders were made is of no matter here.
            for folder in path.ancestors().skip(1).take_while(|folder| *folder != cache.root()) {
                fs::File::open(folder).unwrap().set_modified(now - second).unwrap();
            }
            for folder in [&sources, &target] {
                fs::File::open(folder).unwrap().set_modified(now - second).unwrap();
            }
            work_folders(&cache, "work/programs", now).unwrap();
            assert_eq!(path.exists(), stays, "{what}");
            assert!(sources.is_dir() && target.is_dir());
            let _ = fs::remove_file(path);
        }
    }

    #[test]
    fn what_is_no_source_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir_all(from.join("fuzz/target")).unwrap();
        fs::write(from.join("main.rs"), "1").unwrap();
        std::os::unix::fs::symlink("user@host.1:2", from.join(".#main.rs")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, from.join("fifo"), 0o600.into()).unwrap();
        mirror(&from, &to).unwrap();
        let names = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["main.rs"]);
    }
}
