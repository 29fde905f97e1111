//! Programs of other people's, from a crate: one step a component.
//!
//! Output: the programs under `files/` at their paths in the image, and `modules.txt`: every crate linked into them,
//! with its version and licence.

use crate::steps::component::{directories_with, inside};
use crate::steps::programs::{self, Cargo, TARGET, Toolchain};
use crate::{Cache, Context, Recipe, Step, read};
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// What a component that is made of crates has in its folder, as any package of Cargo.
const MANIFEST: &str = "Cargo.toml";

/// What a component's `component.yaml` says; its schema is in images/components/README.md.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The folder's name.
    pub name: String,
    /// The version of the crate.
    pub version: String,
    /// SPDX expression of the component itself.
    pub licence: String,
    /// Where its documentation is.
    pub homepage: String,
    /// The crate that the programs are taken from.
    #[serde(rename = "crate")]
    pub package: String,
    /// Where the program is in the image, and links to it, under whose names it is others.
    pub programs: Vec<String>,
}

/// The folders of all components that are made of crates.
///
/// # Errors
/// `components` cannot be read.
pub fn directories(components: &Path) -> Result<Vec<PathBuf>> {
    directories_with(components, MANIFEST)
}

/// Whether the component in `directory` is made of crates.
pub fn is_one(directory: &Path) -> bool {
    directory.join(MANIFEST).is_file()
}

/// Reads the description of the component in `directory`.
///
/// # Errors
/// It cannot be read, or says what it should not.
pub fn describe(directory: &Path) -> Result<Description> {
    let path = directory.join("component.yaml");
    let description: Description =
        serde_yaml::from_str(&read::text(&path)?).with_context(|| format!("reading {}", path.display()))?;
    let lock = directory.join("Cargo.lock");
    let Description { package, version, .. } = &description;
    if !read::text(&lock)?.contains(&format!("name = \"{package}\"\nversion = \"{version}\"\n")) {
        bail!("{} has no {package} {version}, which {} names", lock.display(), path.display());
    }
    Ok(description)
}

/// The step that builds the component in `directory`, which is below `workspace`.
///
/// # Errors
/// Its description cannot be read.
pub fn step(
    workspace: &Path,
    directory: &Path,
    epoch: u64,
    toolchain: &Toolchain,
    build: &Arc<Step>,
    cache: &Cache,
) -> Result<Arc<Step>> {
    let description = describe(directory)?;
    let recipe = Recipe::new(&format!("component-{}", description.name), include_str!("crate_component.rs"))
        .parameter("programs", include_str!("programs.rs"))
        .parameter("rustc", &toolchain.version)
        .parameter("epoch", epoch.to_string())
        .sources(directory)?
        .needs(build);
    let (workspace, directory) = (workspace.to_owned(), directory.to_owned());
    let (toolchain, cache) = (toolchain.clone(), cache.clone());
    Ok(recipe.action(move |context| {
        make(context, &workspace, &directory, &description, epoch, &toolchain, &cache)
    }))
}

fn make(
    context: &Context,
    workspace: &Path,
    directory: &Path,
    description: &Description,
    epoch: u64,
    toolchain: &Toolchain,
    cache: &Cache,
) -> Result<()> {
    let _lock = cache.lock(programs::LOCK, &|holder| context.say(&format!("waiting for {holder}")))?;
    context.say("fetching crates");
    let crates = programs::fetch_crates(workspace, cache)?;
    let work = format!("work/crates/{}", description.name);
    let (sources, target) = programs::work_folders(cache, &work, SystemTime::now())?;
    programs::mirror(directory, &sources)?;

    context.say("compiling");
    let cargo = Cargo { context, toolchain, crates: &crates, sources: &sources, target: &target, epoch };
    let jobs = context.jobs().to_string();
    let command = cargo.command("build")?.args(["--target", TARGET, "--release", "--jobs", &jobs]);
    context.run(&format!("compiling {}", description.name), command)?;

    let (first, links) = description.programs.split_first().context("a component without a program")?;
    let files = context.output().join("files");
    let to = inside(&files, first);
    let folder = to.parent().unwrap_or(&files);
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let from = target.join(TARGET).join("release").join(package(directory)?);
    fs::copy(&from, &to).with_context(|| format!("keeping {}", from.display()))?;
    for program in links {
        let link = inside(&files, program);
        symlink(name(first), &link).with_context(|| format!("linking {}", link.display()))?;
    }

    cargo.list_modules(&[], &description.package)
}

/// The name of the component's own package, which its program has too.
fn package(directory: &Path) -> Result<String> {
    let path = directory.join(MANIFEST);
    let text = read::text(&path)?;
    let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    name.map(str::to_owned).with_context(|| format!("{} names no package", path.display()))
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A line a crate, `NAME VERSION LICENCE`, of what `cargo tree` lists, but for `package` and for what stands in a
/// folder of the sources.
pub(crate) fn modules(listed: &str, package: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in listed.lines() {
        let (crate_, licence) = line.split_once('\t').unwrap_or((line, ""));
        if crate_.contains(" (/") {
            continue;
        }
        let mut words = crate_.split_whitespace();
        let (Some(name), Some(version)) =
            (words.next(), words.next().and_then(|word| word.strip_prefix('v')))
        else {
            continue;
        };
        if name != package {
            // As SPDX has it: some crates still write a slash.
            let licence = licence.trim_end_matches("(*)").trim().replace('/', " OR ");
            lines.push(format!("{name} {version} {licence}\n"));
        }
    }
    lines.sort();
    lines.dedup();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_of_the_project_are_understood() {
        let components = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/components");
        let mut found = Vec::new();
        for path in directories(&components).unwrap() {
            let description = describe(&path).unwrap();
            assert_eq!(description.name, path.file_name().unwrap().to_string_lossy());
            assert!(!description.programs.is_empty() && !package(&path).unwrap().is_empty());
            found.push(description.name);
        }
        assert_eq!(found, ["ntpd"]);
    }

    #[test]
    fn what_is_linked_is_listed_once() {
        let listed = "ntpd-rs v1.9.0 (/sources)\t\nntpd v1.9.0\tMIT\nsys v0.1.0 (/sources/sys)\tMIT (*)\nlibc v0.2.1\tMIT OR Apache-2.0\n\
                      rand v0.8.5\tMIT/Apache-2.0\nlibc v0.2.1\tMIT OR Apache-2.0 (*)\n";
        let expected = "libc 0.2.1 MIT OR Apache-2.0\nrand 0.8.5 MIT OR Apache-2.0\n";
        assert_eq!(modules(listed, "ntpd"), expected);
    }
}
