//! `cargo xtask release`: puts releases into a repository, takes them back, and signs it anew.

use crate::about;
use crate::build::{How, Options, Work};
use crate::checkout::Checkout;
use crate::extension;
use ::release::{Extension, Keys, Release as Built, Repository};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use manifest::Version;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

#[derive(Args)]
#[command(about = about::RELEASE, after_help = "Examples:\n  \
    cargo xtask release images/default.yaml --set version=1.2.3 --repo /srv/releases --keys ~/berth-keys --channel stable\n  \
    cargo xtask release images/default.yaml --extension images/extensions/debug-tools.yaml --repo /srv/releases --keys ~/berth-keys --channel stable\n  \
    cargo xtask release --from target/images --repo /srv/releases --keys ~/berth-keys --channel beta\n  \
    cargo xtask release --withdraw 1.2.3 --reason \"loses data\" --repo /srv/releases --keys ~/berth-keys --channel stable\n  \
    cargo xtask release --refresh --repo /srv/releases --keys ~/berth-keys\n\n\
    The repository is made where there is none. Run --refresh at least every 30 days: machines take nothing from a \
    repository whose signatures have expired.")]
pub struct Release {
    /// Specs of images to build and publish
    #[arg(value_name = "SPEC")]
    specs: Vec<PathBuf>,

    /// Publish what `cargo xtask build --out DIR` left, instead of building
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,

    /// The spec of a system extension that comes with each release; again: more of them. It is built for the release, or
    /// with --from taken from DIR, where `cargo xtask extension --out DIR` left it. A release that is published already
    /// gets it added
    #[arg(long, value_name = "SPEC")]
    extension: Vec<PathBuf>,

    /// The repository
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,

    /// The folder of keys
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,

    /// The channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,

    /// The oldest version that what is published may be installed over [default: what the manifest says]
    #[arg(long, value_name = "VERSION")]
    minimum_version: Option<Version>,

    /// Withdraw a version from the channel; machines that have it keep it until there is a newer one
    #[arg(long, value_name = "VERSION", requires = "reason")]
    withdraw: Option<Version>,

    /// Why it is withdrawn
    #[arg(long, requires = "withdraw", value_name = "TEXT")]
    reason: Option<String>,

    /// Sign anew what is about to expire, and publish changed keys
    #[arg(long)]
    refresh: bool,

    /// Remove releases that every channel has withdrawn, and files that nothing names
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    how: How,
}

impl Release {
    pub fn run(self) -> Result<ExitCode> {
        let adds = !self.specs.is_empty() || !self.from.is_empty();
        ensure!(
            adds || self.withdraw.is_some() || self.refresh || self.prune,
            "nothing to do: name a spec, --from, --withdraw, --refresh or --prune"
        );
        ensure!(
            adds || self.minimum_version.is_none(),
            "--minimum-version is for what is published: name a spec or --from"
        );
        ensure!(
            adds || self.extension.is_empty(),
            "--extension is for what is published: name a spec or --from"
        );
        if (adds || self.withdraw.is_some()) && self.channel.is_none() {
            bail!("a release is in a channel: name it with --channel");
        }
        let channel = self.channel.clone().unwrap_or_default();
        // Wrong keys are told of before a build, not after.
        let mut repository = self.open()?;
        // All are built before the first is published. The folder goes when they are.
        let place = tempfile::tempdir().context("making a temporary folder")?;
        let mut releases = self.built()?;
        for (i, spec) in self.specs.iter().enumerate() {
            let options = Options { spec: Some(spec.clone()), how: self.how.clone() };
            let out = place.path().join(i.to_string());
            let work = Work::new(Checkout::find()?, &options)?;
            work.build(&[], &out, false)?;
            let mut release = Built::from_build(&out)?;
            if !self.extension.is_empty() {
                release.extensions = extension::build_all(&work, &self.extension, &out)?;
            }
            releases.push(release);
        }
        for mut release in releases {
            release.minimum_version = self.minimum_version.clone().or(release.minimum_version);
            repository.add(&release, &channel)?;
            let names: Vec<&str> = release.extensions.iter().map(|one| one.name.as_str()).collect();
            let with = if names.is_empty() { String::new() } else { format!(", with {}", names.join(", ")) };
            eprintln!("{} {} is in {channel}{with}", release.manifest.product, release.manifest.version);
        }
        if let (Some(version), Some(reason)) = (&self.withdraw, &self.reason) {
            repository.withdraw(&channel, version, reason)?;
            eprintln!("{version} is withdrawn from {channel}");
        }
        if self.refresh {
            repository.refresh()?;
        }
        if self.prune {
            for path in repository.prune()? {
                eprintln!("removed {}", path.display());
            }
        }
        for standing in repository.standing() {
            let left = standing.expires.duration_since(SystemTime::now()).unwrap_or_default();
            let days = left.as_secs() / (24 * 60 * 60);
            println!("{:<9} version {:>3}, {days} days left", standing.role.name(), standing.version);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What was built before, with the extensions that were built for it.
    fn built(&self) -> Result<Vec<Built>> {
        let name = |path: &PathBuf| Ok(Checkout::find()?.extension(path)?.name);
        let names = self.extension.iter().map(name).collect::<Result<Vec<_>>>()?;
        let mut releases = Vec::new();
        for directory in &self.from {
            let mut release = Built::from_build(directory)?;
            for name in &names {
                let version = &release.manifest.version;
                release.extensions.push(Extension::from_build(directory, name, version)?);
            }
            releases.push(release);
        }
        Ok(releases)
    }

    fn open(&self) -> Result<Repository> {
        let keys = Keys::open(&self.keys)?;
        if Repository::is_one(&self.repo) {
            return Repository::open(&self.repo, keys);
        }
        let makes = !self.specs.is_empty() || !self.from.is_empty();
        ensure!(
            makes,
            "{} is no repository: the first release that is published makes one",
            self.repo.display()
        );
        Repository::create(&self.repo, keys)
    }
}
