//! `cargo xtask reproduce`: builds the image a second time, elsewhere, and compares.

use crate::build::{Options, Work};
use crate::checkout::Checkout;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use manifest::{Artifact, Manifest};
use pipeline::Cache;
use pipeline::publish::Format;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Build the image a second time and compare every artifact byte by byte
///
/// The second build has an empty cache, sources in another directory, another number of jobs, and
/// a later clock. Only downloads, each checked against a hash, are shared.
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask reproduce\n  cargo xtask reproduce --skip kernel")]
pub struct Reproduce {
    #[command(flatten)]
    options: Options,

    /// Take this step's output from the first build: the quick check
    #[arg(long, value_name = "STEP", value_parser = ["kernel"])]
    skip: Option<String>,
}

const FORMATS: [Format; 2] = [Format::Disk, Format::Qcow2];

impl Reproduce {
    pub fn run(self) -> Result<ExitCode> {
        let checkout = Checkout::find()?;
        let first_out = checkout.path("target/images");
        let root = checkout.root.clone();
        // What the second build cannot be made of is told before the first.
        sources(&root)?;
        let work = Work::new(checkout, &self.options)?;
        eprintln!("the first build");
        let first = work.build(&FORMATS, &first_out, false)?;

        let _lock = work.cache.lock("reproduce", &|holder| eprintln!("  {holder} does the same: waiting"))?;
        let directory = work.cache.directory("work")?;
        sweep(&directory)?;
        let place = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(directory)
            .context("making a directory for the second build")?;
        let copy = place.path().join("another/place/for/sources");
        copy_sources(&root, &copy)?;
        let second_cache = Cache::at(&place.path().join("cache"))?;
        // What is shared is changed by one build at a time.
        share(&work.cache, &second_cache, "downloads")?;
        share(&work.cache, &second_cache, "locks")?;
        if let Some(step) = &self.skip {
            fs::create_dir_all(second_cache.root().join("steps")).context("making the second cache")?;
            share(&work.cache, &second_cache, &format!("steps/{step}"))?;
        }
        eprintln!("the second build: in {}, an empty cache, {} jobs", copy.display(), work.jobs + 1);
        let start = Instant::now();
        let mut again = Work::new(Checkout { root: copy }, &self.options)?;
        again.cache = second_cache;
        again.jobs = work.jobs + 1;
        let second = again.build(&FORMATS, &place.path().join("images"), false)?;
        eprintln!("the second build took {:.0} s", start.elapsed().as_secs_f64());
        compare(&first.directory, &first.manifest, &second.directory, &second.manifest)
    }
}

/// What the folders of second builds begin with.
const PREFIX: &str = "berth-reproduce-";

/// Removes what killed runs have left.
fn sweep(directory: &Path) -> Result<()> {
    let listing = || format!("listing {}", directory.display());
    for entry in fs::read_dir(directory).with_context(listing)? {
        let entry = entry.with_context(listing)?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let path = entry.path();
            pipeline::remove_tree(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

/// What git knows of, or would take: the checkout as it is, without what was built in it.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("running git, which tells what the sources are: install it")?;
    if !output.status.success() {
        bail!(
            "git does not tell what the sources in {} are: {}\n  the second build has a copy of them: work in a clone",
            root.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned())).collect();
    if names.is_empty() {
        bail!("git knows of no file in {}: work in a clone", root.display());
    }
    Ok(names)
}

/// Copies the sources, as they are.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for name in sources(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        let copying = || format!("copying {} to {}", source.display(), target.display());
        let Ok(metadata) = fs::symlink_metadata(&source) else { continue };
        // A repository inside this one, of which git tells no more.
        if metadata.is_dir() {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(copying)?;
        }
        if metadata.is_symlink() {
            symlink(fs::read_link(&source).with_context(copying)?, &target).with_context(copying)?;
        } else {
            fs::copy(&source, &target).with_context(copying)?;
        }
    }
    Ok(())
}

fn share(from: &Cache, to: &Cache, name: &str) -> Result<()> {
    let source = from.directory(name)?;
    let target = to.root().join(name);
    symlink(&source, &target).with_context(|| format!("linking {} to {}", target.display(), source.display()))
}

fn compare(first_dir: &Path, first: &Manifest, second_dir: &Path, second: &Manifest) -> Result<ExitCode> {
    let mut different = 0;
    for artifact in &first.artifacts {
        let verdict = match second.artifacts.iter().find(|other| other.name == artifact.name) {
            None => "MISSING in the second build".to_owned(),
            Some(other) => match first_difference(first_dir, artifact, second_dir, other)? {
                None => "identical".to_owned(),
                Some(offset) => format!("DIFFERENT from byte {offset} on"),
            },
        };
        different += usize::from(verdict != "identical");
        println!("{:<32} {:>13}  {verdict}", artifact.name, artifact.size);
    }
    if different > 0 {
        println!("{different} of {} artifacts differ", first.artifacts.len());
        return Ok(ExitCode::FAILURE);
    }
    println!("all {} artifacts are identical", first.artifacts.len());
    Ok(ExitCode::SUCCESS)
}

/// Where two artifacts' bytes first differ; the shorter one ends there.
fn first_difference(
    first_dir: &Path,
    first: &Artifact,
    second_dir: &Path,
    second: &Artifact,
) -> Result<Option<u64>> {
    use std::io::Read;
    let open = |path: PathBuf| fs::File::open(&path).with_context(|| format!("opening {}", path.display()));
    let (mut a, mut b) = (open(first_dir.join(&first.name))?, open(second_dir.join(&second.name))?);
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut offset = 0;
    loop {
        let count = a.read(&mut left).context("reading the first build")?;
        if count == 0 {
            return Ok((b.read(&mut right).context("reading the second build")? > 0).then_some(offset));
        }
        if b.read_exact(&mut right[..count]).is_err() {
            return Ok(Some(offset));
        }
        if let Some(at) = left[..count].iter().zip(&right[..count]).position(|(x, y)| x != y) {
            return Ok(Some(offset + at as u64));
        }
        offset += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let status = Command::new("git").args(identity).args(arguments).current_dir(folder).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    }

    #[test]
    fn sources_are_what_git_knows_or_would_take() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        fs::create_dir_all(from.join("folder/inner")).unwrap();
        git(&from, &["init", "--quiet"]);
        assert!(sources(&from).unwrap_err().to_string().contains("knows of no file"));

        for name in ["folder/known", "gone", "folder/inner/other"] {
            fs::write(from.join(name), name).unwrap();
        }
        // Another repository: git names its folder alone, whether or not it is one of this one's.
        let inner = from.join("folder/inner");
        git(&inner, &["init", "--quiet"]);
        git(&inner, &["add", "other"]);
        git(&inner, &["commit", "--quiet", "--message", "other"]);
        git(&from, &["add", "folder/known", "gone"]);
        fs::remove_file(from.join("gone")).unwrap();
        for (name, text) in [("new", "new"), ("built", ""), (".gitignore", "built\n")] {
            fs::write(from.join(name), text).unwrap();
        }
        symlink("nowhere", from.join("link")).unwrap();
        for _ in ["untracked", "tracked"] {
            copy_sources(&from, &to).unwrap();
            let mut names: Vec<_> =
                fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, [".gitignore", "folder", "link", "new"]);
            assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("nowhere"));
            assert_eq!(fs::read_dir(to.join("folder")).unwrap().count(), 1);
            fs::remove_dir_all(&to).unwrap();
            git(&from, &["-c", "advice.addEmbeddedRepo=false", "add", "folder/inner"]);
        }
    }
}
