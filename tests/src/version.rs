//! A version of the image that is put into a machine's other slot as an update would, while the machine is off.

use std::fs::{self, File};
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};
use deployment::{Content, Deployment, Region, SlotDevice, Uki};
use layout::Slot;
use manifest::Manifest;
use sha2::{Digest, Sha256};
use slots::{Machine, Running, plan_install};
use verity::RootHash;
use vm::{Disk, Format};

use crate::bed;

/// Environment variable with the folder of a build that is a later version of the one under test.
pub const NEXT: &str = "BERTH_TEST_NEXT";
/// The stub that UKIs begin with, in the tools tree.
const STUB: &str = "usr/lib/systemd/boot/efi/linuxx64.efi.stub";

/// A version: what goes to a slot, and the UKI for it.
#[derive(Clone, Debug)]
pub struct Version {
    /// What it is.
    pub manifest: Manifest,
    directory: PathBuf,
    uki: Vec<u8>,
}

impl Version {
    /// The later version that was built beside the image under test.
    ///
    /// # Panics
    /// Where the environment does not name a finished build: a test that cannot run is not passed.
    pub fn next() -> &'static Self {
        static NEXT_VERSION: OnceLock<Version> = OnceLock::new();
        NEXT_VERSION.get_or_init(|| match std::env::var(NEXT) {
            Ok(directory) => match Self::open(Path::new(&directory)) {
                Ok(version) => version,
                Err(error) => panic!("{error:#}"),
            },
            Err(_) => panic!("{NEXT} is not set: these tests need a later version. Run `cargo xtask test`"),
        })
    }

    /// The build in a folder.
    ///
    /// # Errors
    /// There is no finished one.
    pub fn open(directory: &Path) -> Result<Self> {
        let text = fs::read_to_string(directory.join("manifest.json"));
        let text = text.with_context(|| format!("read the manifest in {}", directory.display()))?;
        let mut version =
            Self { manifest: Manifest::from_json(&text)?, directory: directory.to_owned(), uki: vec![] };
        version.uki = version.read("uki")?;
        Ok(version)
    }

    fn path(&self, kind: &str) -> Result<PathBuf> {
        let named = self.manifest.artifact(kind).with_context(|| format!("the build has no {kind}"))?;
        Ok(self.directory.join(&named.name))
    }

    fn read(&self, kind: &str) -> Result<Vec<u8>> {
        let path = self.path(kind)?;
        fs::read(&path).with_context(|| format!("read {}", path.display()))
    }

    /// The same with one more kernel argument.
    ///
    /// # Errors
    /// The parts of the UKI cannot be read.
    pub fn with_argument(&self, argument: &str) -> Result<Self> {
        let text = String::from_utf8(self.read("cmdline")?)?;
        let uki = self.uki_with(&format!("{} {argument}", text.trim()), self.manifest.version.as_str())?;
        Ok(Self { uki, ..self.clone() })
    }

    fn uki_with(&self, cmdline: &str, version: &str) -> Result<Vec<u8>> {
        let stub = bed().tools().root().join(STUB);
        let parts = uki::Uki {
            stub: &fs::read(&stub).with_context(|| format!("read {}", stub.display()))?,
            kernel: &self.read("kernel")?,
            initramfs: &self.read("initramfs")?,
            cmdline,
            os_release: &format!("ID=berth\nPRETTY_NAME=\"Berth {version}\"\nVERSION_ID={version}\n"),
            uname: "test",
        };
        Ok(uki::build(&parts)?)
    }

    /// The same under another version of as many characters, as a finished build in the folder `directory`: what the
    /// image says of itself, its hash tree and its UKI are made anew, and all else is as it was. It takes seconds, where a
    /// build takes minutes.
    ///
    /// # Errors
    /// A file cannot be read or written, or the image does not say its version where it is looked for.
    pub fn renumbered(&self, version: &str, directory: &Path) -> Result<Self> {
        let mut usr = self.read("usr")?;
        let [old, new] =
            [self.manifest.version.as_str(), version].map(|text| format!("VERSION_ID=\"{text}\""));
        let places: Vec<usize> = memchr::memmem::find_iter(&usr, &old).collect();
        ensure!(old.len() == new.len() && !places.is_empty(), "{old} cannot become {new}");
        for place in places {
            usr[place..place + new.len()].copy_from_slice(new.as_bytes());
        }
        self.with_usr(&usr, version, directory)
    }

    /// The same under another version with noise for `/usr`, of which no part is like one of another version: an update to
    /// it is downloaded as a whole. It does not boot.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn of_noise(&self, version: &str, directory: &Path) -> Result<Self> {
        let mut usr = self.read("usr")?;
        crate::noise(&mut usr);
        self.with_usr(&usr, version, directory)
    }

    /// The same with another `/usr`, as a finished build: its hash tree and its UKI are made anew.
    fn with_usr(&self, usr: &[u8], version: &str, directory: &Path) -> Result<Self> {
        let tree = self.read("verity")?;
        let superblock = verity::Superblock::parse(&tree)?;
        let leaves = verity::leaves(&superblock.salt, usr)?;
        let tree = verity::HashTree::from_leaves(superblock.uuid, &superblock.salt, &leaves)?;
        let root_hash = tree.root_hash.to_string();
        let cmdline = String::from_utf8(self.read("cmdline")?)?;
        let cmdline = cmdline.trim().replace(&self.manifest.usr.root_hash.to_string(), &root_hash);
        let uki = self.uki_with(&cmdline, version)?;

        fs::create_dir_all(directory)?;
        let mut manifest = self.manifest.clone();
        manifest.version = version.parse()?;
        manifest.usr.root_hash = root_hash.parse()?;
        manifest.artifacts.retain(|artifact| !["disk", "qcow2"].contains(&artifact.kind.as_str()));
        for artifact in &mut manifest.artifacts {
            let content = match artifact.kind.as_str() {
                "usr" => usr.to_vec(),
                "verity" => tree.bytes.clone(),
                "uki" => uki.clone(),
                "cmdline" => cmdline.clone().into_bytes(),
                kind => self.read(kind)?,
            };
            artifact.name = artifact.name.replace(self.manifest.version.as_str(), version);
            artifact.size = content.len() as u64;
            artifact.sha256 = hex::encode(Sha256::digest(&content)).parse()?;
            if artifact.kind == "uki" {
                manifest.uki_sha256 = artifact.sha256;
            }
            fs::write(directory.join(&artifact.name), content)?;
        }
        fs::write(directory.join("manifest.json"), manifest.to_json())?;
        Self::open(directory)
    }

    /// The folder of the build.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The same with the second half of the UKI missing.
    #[must_use]
    pub fn truncated(&self) -> Self {
        Self { uki: self.uki[..self.uki.len() / 2].to_vec(), ..self.clone() }
    }

    /// Puts it into the other slot of a raw disk whose machine ran the image under test last, to be tried at its next
    /// boot.
    ///
    /// # Errors
    /// The disk is not that of such a machine.
    pub fn install(&self, disk: &Disk) -> Result<()> {
        let running = Running { slot: Slot::A, usrhash: hash(bed().images().manifest())? };
        let deployment = Deployment::of_image(raw(disk)?, Some(running))?;
        let plan = plan_install(&deployment.state()?, &self.manifest.version, hash(&self.manifest)?)?;
        deployment.install(&plan, &mut self.clone(), &mut |_| ())
    }
}

/// What a machine that is off would boot.
///
/// # Errors
/// The disk has no slots, or cannot be read.
pub fn machine(disk: &Disk) -> Result<Machine> {
    Deployment::of_image(raw(disk)?, None)?.state()
}

/// The root hash of a version's `/usr`.
///
/// # Errors
/// The manifest has none.
pub fn hash(manifest: &Manifest) -> Result<RootHash> {
    let text = manifest.usr.root_hash.to_string();
    text.parse().map_err(|error| anyhow::anyhow!("{text}: {error}"))
}

fn raw(disk: &Disk) -> Result<&Path> {
    if disk.format() != Format::Raw {
        bail!("{} is no raw disk", disk.file().display());
    }
    Ok(disk.file())
}

impl Content for Version {
    fn write_slot(&mut self, slot: &SlotDevice) -> Result<()> {
        copy(&self.path("usr")?, &slot.data, 0)?;
        // The superblock comes last: with it the slot is whole.
        copy(&self.path("verity")?, &slot.hashes, verity::BLOCK as u64)?;
        let mut superblock = self.read("verity")?;
        superblock.truncate(verity::BLOCK);
        write(&slot.hashes, 0, &superblock)
    }

    fn uki(&mut self) -> Result<Uki<'_>> {
        Ok(Uki {
            size: self.uki.len() as u64,
            sha256: Sha256::digest(&self.uki).into(),
            content: Box::new(Cursor::new(&self.uki)),
        })
    }
}

/// Copies a file to the same place of a region, from byte `skip` on.
fn copy(from: &Path, to: &Region, skip: u64) -> Result<()> {
    let mut file = File::open(from).with_context(|| format!("open {}", from.display()))?;
    file.seek(SeekFrom::Start(skip))?;
    let (mut part, mut at) = (vec![0; 1 << 20], skip);
    loop {
        let count = file.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        write(to, at, &part[..count])?;
        at += count as u64;
    }
}

fn write(to: &Region, at: u64, bytes: &[u8]) -> Result<()> {
    if at + bytes.len() as u64 > to.size {
        bail!("the slot is too small");
    }
    let disk = File::options().write(true).open(&to.path)?;
    Ok(disk.write_all_at(bytes, to.offset + at)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renumbered_version_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let built = Version::open(bed().images().dir()).unwrap();
        let renumbered = built.renumbered("0.9.0", directory.path()).unwrap();
        assert_eq!(renumbered.manifest.version.as_str(), "0.9.0");
        assert_ne!(hash(&renumbered.manifest).unwrap(), hash(&built.manifest).unwrap());
        let disk = Disk::copy(bed(), None).unwrap();
        renumbered.install(&disk).unwrap();
        let machine = machine(&disk).unwrap();
        let next = machine.next_entry().unwrap();
        assert_eq!(next.name.to_string(), "berth_0.9.0+3.efi");
        assert_eq!(machine.slot_of(next), Some(Slot::B));
    }
}
