//! `cargo xtask lock`: moves images/inputs.lock to the newest inputs.

use crate::checkout::Checkout;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use pipeline::bundle::{self, BUNDLE_VARIABLE};
use pipeline::steps::{go, programs, tools};
use pipeline::{Cache, GoToolchain, Lock as Inputs, Progress, hash_file, inputs};
use sandbox::Tree;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Move images/inputs.lock to the newest inputs, and print what changed
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask lock && git diff images/inputs.lock\n  \
    cargo xtask lock --keep --bundle /srv/berth-inputs")]
pub struct Lock {
    /// The Go toolchain to take, such as go1.27.3 [default: the locked one]
    #[arg(long, value_name = "VERSION")]
    go: Option<String>,

    /// Leave the lock as it is: for --bundle
    #[arg(long, requires = "bundle", conflicts_with = "go")]
    keep: bool,

    /// Keep every input in a folder, for builds without a network: BERTH_BUNDLE=DIR names it to them
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
}

/// The Go toolchain of a lock made from nothing.
const FIRST_GO: &str = "go1.27.3";

impl Lock {
    pub fn run(self) -> Result<ExitCode> {
        let checkout = Checkout::find()?;
        sandbox::check_user_namespaces()?;
        let cache = checkout.cache()?;
        let lock = match self.keep {
            true => checkout.lock()?,
            false => self.renew(&checkout, &cache)?,
        };
        if let Some(directory) = &self.bundle {
            bundle::write(&checkout.root, &lock, &cache, &Arc::new(Progress::new()), directory)?;
            let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.clone());
            println!(
                "every input is in {0}; to build from it:\n  CARGO_HOME={0}/cargo {BUNDLE_VARIABLE}={0} cargo xtask build",
                directory.display()
            );
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Moves the lock to the newest inputs, and prints what changed.
    fn renew(&self, checkout: &Checkout, cache: &Cache) -> Result<Inputs> {
        let text = checkout.lock_text()?;
        // One that cannot be read is mended here, or nowhere.
        let old = Inputs::parse(&text).unwrap_or_else(|error| {
            eprintln!("warning: the lock cannot be read, and is made from nothing: {error:#}");
            Inputs::salvage(&text)
        });
        let mut specs = Vec::new();
        for path in yaml_files(checkout, "images")? {
            specs.push(checkout.spec(&path, &[])?);
        }
        let mut extensions = Vec::new();
        for path in yaml_files(checkout, "images/extensions")? {
            extensions.push(checkout.extension(&path)?);
        }
        let wanted =
            checkout.wanted(&specs.iter().collect::<Vec<_>>(), &extensions.iter().collect::<Vec<_>>())?;

        let mut new =
            Inputs { rustc: programs::Toolchain::of_host(&checkout.root)?.version, ..Inputs::default() };
        eprintln!("  reading the Debian archive");
        {
            // For this long alone: the steps that follow fetch packages, and take apt's lock themselves.
            let (archive, _lock) = inputs::open_archive(cache, &|holder| {
                eprintln!("  apt is used by {holder}: waiting for it");
            })?;
            for (set, names) in &wanted {
                new.sets.insert(set.clone(), archive.resolve(names)?);
            }
        }
        let version = self.go.clone().or_else(|| old.go.as_ref().map(|go| go.version.clone()));
        let go = go_toolchain(&new, &version.unwrap_or_else(|| FIRST_GO.to_owned()), cache)?;
        if let Some(old) = old.go.as_ref().filter(|old| old.version == go.version && old.sha256 != go.sha256)
        {
            bail!(
                "the Go toolchain {} has SHA-256 {}, images/inputs.lock says {}: remove downloads/go of the cache; \
                 if it comes again as it is, do not build with it",
                go.version,
                go.sha256,
                old.sha256
            );
        }
        new.go = Some(go);

        let differences = old.differences(&new);
        let path = checkout.lock_path();
        let partial = path.with_extension("lock.partial");
        fs::write(&partial, new.render())
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("writing {}", path.display()))?;
        match differences.as_slice() {
            [] => println!("nothing newer"),
            lines => lines.iter().for_each(|line| println!("{line}")),
        }
        Ok(new)
    }
}

/// The toolchain as the proxy gives it, fetched with the new build tools.
fn go_toolchain(lock: &Inputs, version: &str, cache: &Cache) -> Result<GoToolchain> {
    let packages = lock.sets.get("build").context("images/packages.yaml has no set `build`")?;
    let tree = tools::step("build", packages, cache)?;
    pipeline::run(&[Arc::clone(&tree)], cache, &Arc::new(Progress::new()), 1)?;
    let zip = go::fetch_toolchain(&Tree::at(cache.output(&tree)), version, cache)?;
    let size = fs::metadata(&zip).with_context(|| format!("reading {}", zip.display()))?.len();
    Ok(GoToolchain { version: version.to_owned(), size, sha256: hash_file(&zip)? })
}

/// Every spec in a folder of the checkout.
fn yaml_files(checkout: &Checkout, folder: &str) -> Result<Vec<PathBuf>> {
    let directory = checkout.path(folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| format!("listing {}", directory.display()))? {
        let path = entry?.path();
        let is_spec = path.extension().is_some_and(|e| e == "yaml") && !path.ends_with("packages.yaml");
        if is_spec {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
