//! What an installation writes, from a repository.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use deployment::{Deployment, SlotDevice, Uki};
use layout::Guid;
use manifest::{Archive, Manifest};
use sha2::{Digest, Sha256};
use slots::Machine;
use update_state::protocol::Stage;
use verity::{BLOCK, HashTree, RootHash};

use crate::Repository;
use crate::archive::Header;
use crate::clone::{Origins, Part, Seed, clone};
use crate::mirrors::Mirrors;

/// The most that a unified kernel image may have, in bytes: the ESP has to hold several.
const MOST_UKI: u64 = 128 << 20;
/// How much more of the other slot than the new version's size is looked through for chunks, in bytes.
const LOOK_BEYOND: u64 = 32 << 20;

/// A release that is to be installed, all that is signed of it read and found to fit this machine.
pub struct Content {
    mirrors: Arc<Mirrors>,
    manifest: Manifest,
    root_hash: RootHash,
    salt: [u8; 32],
    usr: (Header, Archive),
    uki: (Header, Archive),
    /// Where the kernel image is until it is on the ESP.
    uki_file: PathBuf,
    /// What runs, to take chunks from: its slot, and how much of it there is; and its kernel image.
    running: (SlotDevice, u64),
    running_uki: Option<Vec<u8>>,
    tell: Tell,
    /// Where the chunks of the slot and of the kernel image came from.
    pub origins: [Origins; 2],
}

/// Told what is done, and how many bytes of how many.
pub type Tell = Box<dyn FnMut(Stage, u64, u64)>;

impl Content {
    /// Reads what is signed of a release, and holds it to the machine. `folder` is the one of what updates need.
    ///
    /// # Errors
    /// A part is missing or does not fit.
    pub fn prepare(
        repository: &Repository,
        manifest: Manifest,
        deployment: &Deployment,
        machine: &Machine,
        folder: &Path,
        tell: Tell,
    ) -> Result<Self> {
        let target = slots::target_slot(machine)?;
        let (target, running) = (deployment.slot(target), deployment.slot(!target));
        let update =
            manifest.update.clone().context("the manifest does not say how the release is fetched")?;
        let usr = &manifest.usr;
        ensure!(
            usr.size.is_multiple_of(BLOCK as u64),
            "/usr has {} bytes, which are no whole blocks",
            usr.size
        );
        ensure!(
            usr.size <= target.data.size,
            "/usr has {} bytes, and slot {} has room for {}: install a new image",
            usr.size,
            target.slot,
            target.data.size
        );
        ensure!(
            HashTree::size_for(usr.size) <= target.hashes.size,
            "the hash tree of {} bytes does not fit slot {}: install a new image",
            usr.size,
            target.slot
        );
        let root_hash = RootHash(usr.root_hash.0);
        ensure!(
            machine.running.is_none_or(|running| running.usrhash != root_hash),
            "its /usr is the one that runs"
        );
        let read = |what: &str, archive: &Archive, most: u64| {
            let bytes = repository.header(archive)?;
            Header::read(&bytes, archive.size, most).with_context(|| format!("read the header of {what}"))
        };
        let usr_header = read("/usr", &update.usr, usr.size)?;
        ensure!(
            usr_header.size == usr.size,
            "the archive of /usr is of {} bytes, and the manifest says {}",
            usr_header.size,
            usr.size
        );
        let uki_header = read("the kernel image", &update.uki, MOST_UKI)?;
        for archive in [&update.usr, &update.uki] {
            check_path(&archive.path)?;
        }
        let size = running.tree().map_or(0, |(superblock, _)| superblock.data_size());
        let running_uki = machine.running_entry().and_then(|entry| deployment.uki(&entry.name).ok());
        Ok(Self {
            mirrors: repository.mirrors().clone(),
            root_hash,
            salt: update.usr_salt.0,
            usr: (usr_header, update.usr),
            uki: (uki_header, update.uki),
            uki_file: folder.join("uki.part"),
            running: (running.clone(), size),
            running_uki,
            manifest,
            tell,
            origins: [Origins::default(); 2],
        })
    }

    /// The `/usr` that is to be installed.
    pub fn root_hash(&self) -> RootHash {
        self.root_hash
    }

    /// How many bytes of chunks the release has, packed.
    pub fn packed(&self) -> u64 {
        self.usr.0.packed() + self.uki.0.packed()
    }

    /// The size of the kernel image.
    pub fn uki_size(&self) -> u64 {
        self.uki.0.size
    }

    /// Fetches the kernel image into a file. What an attempt before had got to is not fetched again.
    ///
    /// # Errors
    /// It cannot be fetched, is not the signed one, or is for another `/usr`.
    pub fn fetch_uki(&mut self) -> Result<()> {
        let (header, archive) = &self.uki;
        let doing = || format!("write {}", self.uki_file.display());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&self.uki_file);
        let mut file = file.with_context(doing)?;
        let old = file.metadata().with_context(doing)?.len();
        if old < header.size {
            file.set_len(header.size).with_context(doing)?;
        }
        let mut seeds = Vec::new();
        if let Some(bytes) = self.running_uki.take() {
            let size = bytes.len() as u64;
            seeds.push(Seed { bytes: Box::new(bytes), size });
        }
        let target = Part::new(file.try_clone().with_context(doing)?, 0);
        let tell = &mut self.tell;
        tell(Stage::Scanning, 0, 0);
        let mut told = |done, total| tell(Stage::Downloading, done, total);
        self.origins[1] = clone(header, &target, old, &seeds, &self.mirrors, &archive.path, &mut told)?;
        file.set_len(header.size).with_context(doing)?;
        file.sync_all().with_context(doing)?;
        file.rewind().with_context(doing)?;
        if sha256(&mut file)? != self.manifest.uki_sha256.0 {
            _ = std::fs::remove_file(&self.uki_file);
            bail!("the kernel image is not the one that the manifest names");
        }
        match usrhash_of(&file)? {
            Some(usrhash) if usrhash == self.root_hash => Ok(()),
            Some(other) => bail!("the kernel image is for another /usr ({other}) than the manifest's"),
            None => bail!("the kernel image is none, or names no /usr"),
        }
    }

    /// Forgets the kernel image.
    pub fn clean(&self) {
        _ = std::fs::remove_file(&self.uki_file);
    }
}

impl deployment::Content for Content {
    fn write_slot(&mut self, slot: &SlotDevice) -> Result<()> {
        let (header, archive) = &self.usr;
        let open = |path: &Path, write: bool| {
            let file = OpenOptions::new().read(true).write(write).open(path);
            file.with_context(|| format!("open {}", path.display()))
        };
        let target = Part::new(open(&slot.data.path, true)?, slot.data.offset);
        let (running, size) = &self.running;
        // The partition itself, not what is mounted of it: the kernel panics where a block of that is damaged, and here
        // a damaged chunk is one that is fetched.
        let part = Part::new(open(&running.data.path, false)?, running.data.offset);
        let seeds = [Seed { bytes: Box::new(part), size: *size }];
        let old = (header.size + LOOK_BEYOND).min(slot.data.size);
        let tell = &mut self.tell;
        tell(Stage::Scanning, 0, 0);
        let mut told = |done, total| tell(Stage::Downloading, done, total);
        self.origins[0] = clone(header, &target, old, &seeds, &self.mirrors, &archive.path, &mut told)?;
        tell(Stage::Sealing, 0, 0);
        // Any name for the tree; of the version's own hash, so that it is the same on all machines.
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&self.root_hash.0[..16]);
        slot.seal(self.manifest.usr.size, Guid::from_bytes(uuid), &self.salt, self.root_hash)
    }

    fn uki(&mut self) -> Result<Uki<'_>> {
        let doing = || format!("open {}", self.uki_file.display());
        let file = File::open(&self.uki_file).with_context(doing)?;
        let size = file.metadata().with_context(doing)?.len();
        Ok(Uki { size, sha256: self.manifest.uki_sha256.0, content: Box::new(file) })
    }
}

/// That a path is one below the repository's URL.
pub(crate) fn check_path(path: &str) -> Result<()> {
    let name = path.strip_prefix(layout::repository::ARCHIVES).and_then(|rest| rest.strip_prefix('/'));
    match name {
        Some(name) if manifest::channel::is_plain(name) => Ok(()),
        _ => bail!("the manifest names an archive {path:?}, which is no path of a repository"),
    }
}

fn sha256(file: &mut File) -> Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).context("read the kernel image")? {
            0 => return Ok(hasher.finalize().into()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// The `/usr` that a kernel image is for.
fn usrhash_of(file: &File) -> Result<Option<RootHash>> {
    use crate::clone::Bytes;
    let size = file.metadata().context("read the kernel image")?.len();
    let part = Part::new(file.try_clone().context("read the kernel image")?, 0);
    deployment::uki::usrhash(size, |at, length| {
        let length = length.min(usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX));
        let mut bytes = vec![0; length];
        Ok(part.read_at(&mut bytes, at).ok().map(|()| bytes))
    })
}
