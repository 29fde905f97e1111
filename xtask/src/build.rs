//! `cargo xtask build`: makes an image from its spec.

use crate::checkout::Checkout;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use manifest::Manifest;
use pipeline::plan::Effort;
use pipeline::publish::{self, Format};
use pipeline::steps::programs::Toolchain;
use pipeline::{Cache, Plan, Progress, inputs, plan};
use spec::{ExtensionSpec, ImageSpec, Override};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Build an image from its spec
#[derive(Args, Clone)]
#[command(after_help = "Examples:\n  cargo xtask build\n  \
    cargo xtask build images/default.yaml --format disk --set version=1.2.3 --out /tmp/images\n\n\
    The cache is $BERTH_CACHE, else $XDG_CACHE_HOME/berth, else ~/.cache/berth.")]
pub struct Build {
    #[command(flatten)]
    pub options: Options,

    /// Formats to make, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "disk,qcow2", value_name = "FMT")]
    format: Vec<FormatName>,

    /// Where the artifacts go [default: target/images in the checkout]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print one JSON object on standard output: every artifact's path, size and SHA-256
    #[arg(long)]
    json: bool,
}

/// What every command that builds takes.
#[derive(Args, Clone, Default)]
pub struct Options {
    /// The image's spec [default: images/default.yaml]
    #[arg(value_name = "SPEC")]
    pub spec: Option<PathBuf>,

    #[command(flatten)]
    pub how: How,
}

/// How an image is built of its spec.
#[derive(Args, Clone, Default)]
pub struct How {
    /// Change one value of the image's spec, such as version=1.2.3 or disk.root=2GiB
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Override>,

    /// The best compression, programs optimized as a whole: smaller, slower to build
    #[arg(long)]
    pub release: bool,

    /// Fail where an input is not the one in images/inputs.lock
    #[arg(long)]
    pub locked: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatName {
    /// A sparse raw disk
    Disk,
    /// The disk as qcow2
    Qcow2,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Disk => Self::Disk,
            FormatName::Qcow2 => Self::Qcow2,
        }
    }
}

/// A finished build.
pub struct Built {
    /// Where the artifacts are.
    pub directory: PathBuf,
    /// What they are.
    pub manifest: Manifest,
    /// The root of the tree with QEMU and the checking tools.
    pub test_tools: PathBuf,
    /// While this is held, no other build of this cache writes to the directory.
    #[expect(dead_code, reason = "it is held")]
    lock: File,
}

impl Build {
    pub fn run(self) -> Result<ExitCode> {
        let checkout = Checkout::find()?;
        let start = Instant::now();
        let mut formats: Vec<Format> = Vec::new();
        for name in self.format {
            let format = name.into();
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        let directory = self.out.unwrap_or_else(|| checkout.path("target/images"));
        let work = Work::new(checkout, &self.options)?;
        let built = work.build(&formats, &directory, false)?;
        if self.json {
            println!("{}", json(&built)?);
        } else {
            summarize(&built, start);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What a build is to do.
pub struct Planned {
    /// The image's steps.
    pub plan: Plan,
    /// The packages that they use.
    pub resolved: inputs::Resolved,
    /// The host's Rust.
    #[cfg_attr(not(feature = "publishing"), expect(dead_code, reason = "for extensions"))]
    pub toolchain: Toolchain,
    /// What it takes its time for.
    #[cfg_attr(not(feature = "publishing"), expect(dead_code, reason = "for extensions"))]
    pub effort: Effort,
}

/// A build about to be made.
pub struct Work {
    pub checkout: Checkout,
    pub spec: ImageSpec,
    pub cache: Cache,
    pub jobs: usize,
    pub progress: Arc<Progress>,
    options: Options,
}

impl Work {
    /// Reads the spec and finds the cache.
    pub fn new(checkout: Checkout, options: &Options) -> Result<Self> {
        let path = options.spec.clone().unwrap_or_else(|| checkout.default_spec());
        let spec = checkout.spec(&path, &options.how.set)?;
        let cache = checkout.cache()?;
        let jobs = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            checkout,
            spec,
            cache,
            jobs,
            progress: Arc::new(Progress::new()),
            options: options.clone(),
        })
    }

    /// Plans the image, and resolves the packages of these extensions of it too.
    pub fn plan(&self, extensions: &[&ExtensionSpec]) -> Result<Planned> {
        sandbox::check_user_namespaces()?;
        let lock = self.checkout.lock()?;
        let toolchain = Toolchain::of_host(&self.checkout.root)?;
        self.compare_compilers(&lock.rustc, &toolchain.version)?;
        let mut wanted = self.checkout.wanted(&[&self.spec], extensions)?;
        wanted.remove(plan::DAEMONS);
        let resolved = inputs::resolve(&lock, &wanted, &self.cache, self.options.how.locked)
            .map_err(|error| self.placed(error, extensions))?;
        for departure in &resolved.departures {
            self.progress.line(&format!("warning: not as locked: {departure}"));
        }
        let effort = if self.options.how.release { Effort::Small } else { Effort::Soon };
        let plan =
            Plan::new(&self.checkout.root, &self.spec, &resolved, &lock, &toolchain, &self.cache, effort)?;
        Ok(Planned { plan, resolved, toolchain, effort })
    }

    /// An error about a package of a spec, with its place there.
    fn placed(&self, error: anyhow::Error, extensions: &[&ExtensionSpec]) -> anyhow::Error {
        let Some(sandbox::Error::NoPackage(name)) = error.downcast_ref() else { return error };
        let of_image = (&self.spec.source, &self.spec.userland);
        let of_extensions = extensions.iter().map(|spec| (&spec.source, &spec.userland));
        let named = of_extensions.chain([of_image]).find(|(_, userland)| userland.contains_key(name));
        match named {
            Some((source, _)) => source
                .error(&["userland", name], format!("the Debian archive has no package `{name}`"))
                .into(),
            None => error,
        }
    }

    /// Makes what is stale and puts the artifacts into `directory`; with `for_tests`, what tests
    /// need too.
    pub fn build(&self, formats: &[Format], directory: &Path, for_tests: bool) -> Result<Built> {
        publish::prepare(directory)?;
        let Planned { plan, resolved, .. } = self.plan(&[])?;
        // The tree that licences are read in may be missing though all that was made of it is there.
        let mut targets = vec![
            plan.usr.clone(),
            plan.boot.clone(),
            plan.kernel.clone(),
            plan.userland.clone(),
            plan.programs.clone(),
        ];
        targets.extend(plan.components.values().cloned());
        targets.extend(formats.iter().map(|format| match format {
            Format::Disk => plan.disk.clone(),
            Format::Qcow2 => plan.qcow2.clone(),
        }));
        if for_tests {
            targets.extend([plan.test_tools.clone(), plan.test_container.clone()]);
        }
        pipeline::run(&targets, &self.cache, &self.progress, self.jobs)?;
        let lock = self.cache.lock(&out_lock_name(directory), &|holder| {
            self.progress.line(&format!("  {} is in use by {holder}: waiting", directory.display()));
        })?;
        let manifest = publish::publish(
            &plan,
            &self.spec,
            &resolved,
            formats,
            &self.checkout.root,
            &self.cache,
            directory,
        )?;
        if for_tests {
            let from = self.cache.output(&plan.test_container).join("container.oci.tar");
            let to = directory.join(TEST_CONTAINER);
            std::fs::copy(&from, &to)
                .with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        }
        let test_tools = self.cache.output(&plan.test_tools);
        Ok(Built { directory: directory.to_owned(), manifest, test_tools, lock })
    }

    /// Makes the tree of one set of packages, and nothing else; its root.
    pub fn tools_tree(&self, set: &str) -> Result<PathBuf> {
        sandbox::check_user_namespaces()?;
        let mut wanted = self.checkout.package_sets()?;
        wanted.retain(|name, _| name == set);
        let resolved =
            inputs::resolve(&self.checkout.lock()?, &wanted, &self.cache, self.options.how.locked)?;
        let step = plan::tools_tree(set, &resolved, &self.cache)?;
        pipeline::run(std::slice::from_ref(&step), &self.cache, &self.progress, self.jobs)?;
        Ok(self.cache.output(&step))
    }

    fn compare_compilers(&self, locked: &str, host: &str) -> Result<()> {
        if locked == host {
            return Ok(());
        }
        let message = format!("rustc is {host}, images/inputs.lock names {locked}: the bytes may differ");
        if self.options.how.locked {
            anyhow::bail!("{message}; install the locked one with rustup, or build without --locked");
        }
        self.progress.line(&format!("warning: {message}"));
        Ok(())
    }
}

/// The archive that tests import into containerd.
const TEST_CONTAINER: &str = "berth-test-container.oci.tar";

fn out_lock_name(directory: &Path) -> String {
    let directory = real(directory);
    format!("out-{}", &pipeline::hash_bytes(directory.as_os_str().as_encoded_bytes())[..16])
}

/// The one path of a folder, whatever it was called and whether or not all of it is there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = path.ancestors().find_map(|there| Some((there.canonicalize().ok()?, there)));
    found.map_or_else(
        || path.clone(),
        |(real, there)| path.strip_prefix(there).map_or_else(|_| path.clone(), |rest| real.join(rest)),
    )
}

fn summarize(built: &Built, start: Instant) {
    let manifest = &built.manifest;
    eprintln!(
        "{} {} in {:.1} s: {}",
        manifest.product,
        manifest.version,
        start.elapsed().as_secs_f64(),
        built.directory.display()
    );
    for artifact in &manifest.artifacts {
        println!("{:>8.1} MiB  {}", artifact.size as f64 / f64::from(1 << 20), artifact.name);
    }
    println!("usr root hash {}", manifest.usr.root_hash);
}

fn json(built: &Built) -> Result<String> {
    let artifacts: Vec<_> = built
        .manifest
        .artifacts
        .iter()
        .map(|artifact| {
            serde_json::json!({
                "path": built.directory.join(&artifact.name).display().to_string(),
                "kind": artifact.kind,
                "size": artifact.size,
                "sha256": artifact.sha256,
            })
        })
        .collect();
    let object = serde_json::json!({
        "product": built.manifest.product,
        "version": built.manifest.version,
        "usr_root_hash": built.manifest.usr.root_hash,
        "manifest": built.directory.join("manifest.json").display().to_string(),
        "artifacts": artifacts,
    });
    serde_json::to_string_pretty(&object).context("writing the result as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_lock_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        let lock = |path: &str| out_lock_name(&folder.path().join(path));
        for path in ["link/images", "./real/images", "real//images/"] {
            assert_eq!(lock(path), lock("real/images"), "{path}");
        }
        assert_ne!(lock("real/images"), lock("real/other"));
    }
}
