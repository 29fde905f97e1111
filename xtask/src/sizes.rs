//! `cargo xtask sizes`: what takes the space.

use crate::build::{Options, Work};
use crate::checkout::Checkout;
use anyhow::{Context as _, Result};
use clap::Args;
use manifest::Manifest;
use pipeline::publish::Format;
use pipeline::steps::usr::FileRecord;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show what takes the space in the image, by component and file
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask sizes --release\n  cargo xtask sizes --compare old/manifest.json"
)]
pub struct Sizes {
    #[command(flatten)]
    options: Options,

    /// Show the difference to the build that this manifest is of
    #[arg(long, value_name = "MANIFEST")]
    compare: Option<PathBuf>,

    /// How many of the largest files to show
    #[arg(long, default_value_t = 20)]
    files: usize,
}

/// A build's sizes in bytes.
struct Measured {
    artifacts: BTreeMap<String, u64>,
    origins: BTreeMap<String, u64>,
    files: BTreeMap<String, u64>,
}

impl Sizes {
    pub fn run(self) -> Result<ExitCode> {
        let checkout = Checkout::find()?;
        let directory =
            checkout.path(if self.options.how.release { "target/images-release" } else { "target/images" });
        let before = self.compare.as_deref().map(measure).transpose()?;
        let work = Work::new(checkout, &self.options)?;
        work.build(&[Format::Disk, Format::Qcow2], &directory, false)?;
        let now = measure(&directory.join("manifest.json"))?;
        table("artifact", &now.artifacts, before.as_ref().map(|b| &b.artifacts), usize::MAX);
        table("origin (uncompressed)", &now.origins, before.as_ref().map(|b| &b.origins), usize::MAX);
        table("file (uncompressed)", &now.files, before.as_ref().map(|b| &b.files), self.files);
        let total: u64 = now.origins.values().sum();
        let packed = now.artifacts.get("usr").copied().unwrap_or_default();
        println!("/usr: {:.1} MB of files in {:.1} MB of erofs", megabytes(total), megabytes(packed));
        Ok(ExitCode::SUCCESS)
    }
}

fn measure(path: &Path) -> Result<Measured> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    let manifest =
        Manifest::from_json(&read(path)?).with_context(|| format!("reading {}", path.display()))?;
    let files = manifest.artifact("files").context("the manifest names no list of files")?;
    let list = path.with_file_name(&files.name);
    let records: Vec<FileRecord> =
        serde_json::from_str(&read(&list)?).with_context(|| format!("reading {}", list.display()))?;
    let mut measured = Measured {
        artifacts: manifest.artifacts.iter().map(|artifact| (artifact.kind.clone(), artifact.size)).collect(),
        origins: BTreeMap::new(),
        files: BTreeMap::new(),
    };
    for record in records {
        *measured.origins.entry(record.origin).or_default() += record.size;
        measured.files.insert(record.path, record.size);
    }
    Ok(measured)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Prints a table, the largest first; with `before`, the differences, and only what differs.
fn table(title: &str, now: &BTreeMap<String, u64>, before: Option<&BTreeMap<String, u64>>, most: usize) {
    let mut rows: Vec<(&str, u64, Option<i128>)> = now
        .iter()
        .map(|(name, size)| {
            let change =
                before.map(|b| i128::from(*size) - i128::from(b.get(name).copied().unwrap_or_default()));
            (name.as_str(), *size, change)
        })
        .collect();
    for (name, size) in before.into_iter().flatten().filter(|(name, _)| !now.contains_key(*name)) {
        rows.push((name, 0, Some(-i128::from(*size))));
    }
    rows.retain(|(_, _, change)| *change != Some(0));
    rows.sort_by_key(|(_, size, change)| std::cmp::Reverse(change.map_or(i128::from(*size), i128::abs)));
    println!("{:>10}  {}", "MB", title);
    for (name, size, change) in rows.iter().take(most) {
        match change {
            Some(change) => println!("{:>10.2}  {name}  ({:+.2})", megabytes(*size), *change as f64 / 1e6),
            None => println!("{:>10.2}  {name}", megabytes(*size)),
        }
    }
    if rows.len() > most {
        println!("{:>10}  and {} more", "", rows.len() - most);
    }
    println!();
}
