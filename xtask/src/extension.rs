//! `cargo xtask extension`: makes a system extension from its spec.

use crate::about;
use crate::build::{How, Options, Planned, Work};
use crate::checkout::Checkout;
use ::release::Extension as Built;
use anyhow::{Context as _, Result};
use clap::Args;
use manifest::Sha256;
use pipeline::publish;
use spec::ExtensionSpec;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(about = about::EXTENSION, after_help = "Examples:\n  cargo xtask extension images/extensions/debug-tools.yaml\n  \
    cargo xtask extension images/extensions/*.yaml --set version=1.2.3 --release --out /tmp/images\n\n\
    An extension is for one version of one image: it is built with that image's spec, after the image's /usr.")]
pub struct Extension {
    /// The extensions' specs
    #[arg(value_name = "SPEC", required = true)]
    specs: Vec<PathBuf>,

    /// The spec of the image that they are for [default: images/default.yaml]
    #[arg(long, value_name = "SPEC")]
    base: Option<PathBuf>,

    #[command(flatten)]
    how: How,

    /// Where the artifacts go [default: target/images in the checkout]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print one JSON object a line on standard output: what each extension is
    #[arg(long)]
    json: bool,
}

impl Extension {
    pub fn run(self) -> Result<ExitCode> {
        let checkout = Checkout::find()?;
        let out = self.out.unwrap_or_else(|| checkout.path("target/images"));
        let work = Work::new(checkout, &Options { spec: self.base, how: self.how })?;
        for built in build_all(&work, &self.specs, &out)? {
            match self.json {
                true => println!("{}", built.entry()?),
                false => {
                    let mib = built.size as f64 / f64::from(1 << 20);
                    println!("{mib:>8.1} MiB  {}\nroot hash {}", built.image.display(), built.root_hash);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds extensions of the image of `work` into `out`.
pub fn build_all(work: &Work, specs: &[PathBuf], out: &Path) -> Result<Vec<Built>> {
    let read = specs.iter().map(|path| work.checkout.extension(path)).collect::<Result<Vec<_>>>()?;
    publish::prepare(out)?;
    let planned = work.plan(&read.iter().collect::<Vec<_>>())?;
    specs.iter().zip(read).map(|(path, spec)| build(work, &planned, spec, path, out)).collect()
}

/// Builds one extension, whose spec is at `path`, into `out`: the image, its root hash beside it for programs that look
/// there, and what it is for who publishes it.
fn build(work: &Work, planned: &Planned, spec: ExtensionSpec, path: &Path, out: &Path) -> Result<Built> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let step = planned.plan.extension(
        &work.checkout.root,
        &spec,
        directory,
        &work.spec,
        &planned.resolved,
        &planned.toolchain,
        &work.cache,
        planned.effort,
    )?;
    pipeline::run(std::slice::from_ref(&step), &work.cache, &work.progress, work.jobs)?;
    let output = work.cache.output(&step);
    let root_hash =
        fs::read_to_string(output.join("roothash")).context("reading the extension's root hash")?;
    let (name, version) = (spec.name, work.spec.version.clone());
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let image = out.join(Built::image_name(&name, &version));
    let size = place(&output.join("extension.raw"), &image)?;
    let root_hash = root_hash.parse::<Sha256>().context("the extension's root hash")?;
    write(&out.join(format!("{}.roothash", Built::stem(&name, &version))), format!("{root_hash}\n"))?;
    let built = Built { name, version, image, size, root_hash };
    let text = serde_json::to_string_pretty(&built.entry()?).context("writing what the extension is")?;
    write(&out.join(Built::entry_name(&built.name, &built.version)), text + "\n")?;
    Ok(built)
}

/// Copies a file to its place, under another name first; its size.
fn place(from: &Path, to: &Path) -> Result<u64> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    let partial = to.with_extension("partial");
    let size = fs::copy(from, &partial).with_context(copying)?;
    fs::rename(&partial, to).with_context(copying)?;
    Ok(size)
}

fn write(path: &Path, text: String) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
