//! The system extensions of a machine, when the base changes: all of them come along, or the base stays.
//!
//! Which are to come is known before anything is asked for, and room is made for all before the first is fetched. None
//! is in its place before all are whole, read back from the disk, and the signed ones.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use deployment::Deployment;
use extension::candidates::Candidate;
use extension::machine::{self, Proved, Staging};
use manifest::Version;
use manifest::channel::{Extension, Release};

use crate::archive::Header;
use crate::clone::{Part, Seed, clone};
use crate::install::check_path;
use crate::{Repository, Store};

/// The largest image that is taken, in bytes: to prove one, its hash tree is in memory.
const MOST: u64 = 1 << 30;

/// The extensions that a machine lacks for a version.
pub struct Lacking<'a> {
    root: &'a Path,
    running: &'a Version,
    version: &'a Version,
    images: Vec<(&'a Extension, Header)>,
}

/// Those, with room for them.
pub struct Begun<'a> {
    lacking: Lacking<'a>,
    room: Vec<Staging<'a>>,
}

impl<'a> Lacking<'a> {
    /// Which of a release's extensions a machine needs that has those names, where `running` is the version that runs.
    /// Reads what is signed of them, and changes nothing. `root` is the machine's root folder.
    ///
    /// # Errors
    /// The release lacks one, what is signed makes no sense, or another image would be in the way.
    pub fn prepare(
        root: &'a Path,
        running: &'a Version,
        names: impl IntoIterator<Item = &'a String>,
        release: &'a Release,
        repository: &Repository,
    ) -> Result<Self> {
        let version = &release.version;
        let mut images = Vec::new();
        for name in names {
            let extension = release.extension(name);
            let extension = extension.with_context(|| format!("{version} has no extension {name}"))?;
            if is_there(root, version, extension)? {
                continue;
            }
            let read = || {
                let Extension { image, size, .. } = extension;
                ensure!(*size <= MOST, "it has {size} bytes, and no more than {MOST} are taken");
                check_path(&image.path)?;
                let header = Header::read(&repository.header(image)?, image.size, *size)?;
                ensure!(
                    header.size == *size,
                    "its archive is of {} bytes, and the index says {size}",
                    header.size
                );
                Ok(header)
            };
            images.push((extension, read().with_context(|| of(extension))?));
        }
        Ok(Self { root, running, version, images })
    }

    /// Makes room for them.
    ///
    /// # Errors
    /// There is none, or the folders cannot be written. Then all is as it was.
    pub fn begin(self) -> Result<Begun<'a>> {
        let begin = |(extension, _): &(&'a Extension, Header)| {
            Staging::begin(self.root, self.version, extension).with_context(|| of(extension))
        };
        let room = self.images.iter().map(begin).collect::<Result<_>>()?;
        Ok(Begun { lacking: self, room })
    }
}

impl<'a> Begun<'a> {
    /// Fetches them: what the images of the running version have is taken from there. They are proven when this returns,
    /// and not in their place.
    ///
    /// # Errors
    /// One cannot be fetched, or is not the signed one. Then all is as it was.
    pub fn fetch(self, repository: &Repository, tell: &mut dyn FnMut(u64, u64)) -> Result<Vec<Proved<'a>>> {
        let Self { lacking: Lacking { root, running, images, .. }, room } = self;
        let candidates = machine::candidates(root, running.as_str())?;
        let mut fetch = |extension: &Extension, header: &Header, staging: Staging<'a>| {
            let seeds: Vec<Seed> = match candidates.get(&extension.name) {
                Some(Candidate::Image(path)) => seed(path).into_iter().collect(),
                _ => Vec::new(),
            };
            let file = staging.file().try_clone().context("write the image")?;
            let (target, path) = (Part::new(file, 0), &extension.image.path);
            clone(header, &target, staging.had(), &seeds, repository.mirrors(), path, tell)?;
            staging.prove()
        };
        let images = images.iter().zip(room);
        images.map(|((of_it, header), room)| fetch(of_it, header, room).with_context(|| of(of_it))).collect()
    }
}

/// Puts images in their places.
///
/// # Errors
/// One cannot be; those before it are there.
pub fn place(images: Vec<Proved<'_>>) -> Result<()> {
    images.into_iter().try_for_each(|image| image.place().map(drop))
}

fn of(extension: &Extension) -> String {
    format!("bring the extension {}", extension.name)
}

/// What may have chunks of a newer one. One that cannot be read is of no use, and no more.
fn seed(path: &Path) -> Option<Seed> {
    let file = std::fs::File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    Some(Seed { bytes: Box::new(Part::new(file, 0)), size })
}

/// Whether the machine has an extension for a version, whole.
fn is_there(root: &Path, version: &Version, extension: &Extension) -> Result<bool> {
    let name = &extension.name;
    if let Some(path) = machine::own(root, name)? {
        ensure!(
            machine::trusted(root, name, &path, version.as_str()).is_some(),
            "{} comes before the extension {name} that an update brings, and is not signed for {version}: take it away",
            path.display()
        );
        return Ok(true);
    }
    Ok(machine::brought(root, version, extension).is_some_and(|image| image.verify().is_ok()))
}

/// Forgets what was brought for versions that no slot holds, and what a cut left half. Nothing where an installation
/// goes on at the moment.
///
/// # Errors
/// The disk cannot be read, or a file not be removed.
pub fn forget(
    root: &Path,
    store: &Store,
    running: &Version,
    deployment: impl FnOnce() -> Result<Deployment>,
) -> Result<()> {
    if !machine::has_more_than(root, running) {
        return Ok(());
    }
    let Some(_lock) = store.begin()? else { return Ok(()) };
    let machine = deployment()?.state().context("look at the disk")?;
    let bootable = machine.esp.entries.iter().filter(|entry| machine.is_bootable(entry));
    let mut kept: Vec<Version> = bootable.map(|entry| entry.name.version.clone()).collect();
    kept.push(running.clone());
    machine::forget_but(root, &kept).context("forget extensions of versions that are gone")
}
