//! A second version on a disk, made of the built one: the same `/usr` under another salt, so that its root hash is
//! another one, and a UKI that differs in that and in the version.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use deployment::{Content, Deployment, SlotDevice, Uki};
use layout::disk::USR_FS_UUID;
use layout::{Guid, Slot};
use manifest::Version;
use sha2::{Digest, Sha256};
use slots::{Action, EntryName, Running};
use verity::{HashTree, RootHash};
use vm::Images;

const SALT: &[u8] = b"a second version";
const UUID: Guid = USR_FS_UUID;

/// What the second version is.
pub struct Second {
    /// Its version; newer than the built one.
    pub version: Version,
    usr: Vec<u8>,
    usrhash: RootHash,
    uki: Vec<u8>,
}

impl Content for Second {
    fn write_slot(&mut self, slot: &SlotDevice) -> Result<()> {
        let file = File::options().write(true).open(&slot.data.path)?;
        file.write_all_at(&self.usr, slot.data.offset)?;
        file.sync_all()?;
        slot.seal(self.usr.len() as u64, UUID, SALT, self.usrhash)
    }

    fn uki(&mut self) -> Result<Uki<'_>> {
        let (size, sha256) = (self.uki.len() as u64, Sha256::digest(&self.uki).into());
        Ok(Uki { size, sha256, content: Box::new(self.uki.as_slice()) })
    }
}

impl Second {
    /// Makes it of what was built.
    ///
    /// # Errors
    /// An artifact cannot be read, or is not understood.
    pub fn of(images: &Images) -> Result<Self> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("read {}", path.display()));
        let usr = read(images.usr())?;
        let usrhash = HashTree::from_leaves(UUID, SALT, &verity::leaves(SALT, &usr)?)?.root_hash;
        let manifest = images.manifest();
        // As long, so that the UKI's sections stay where they are.
        let first = manifest.version.as_str();
        let version = format!("9{}", &first[1..]);
        let mut uki = read(images.uki())?;
        replace(&mut uki, &manifest.usr.root_hash.to_string(), &usrhash.to_string());
        replace(&mut uki, &format!("\"{first}\""), &format!("\"{version}\""));
        Ok(Self { version: version.parse()?, usr, usrhash, uki })
    }

    /// Installs it on a disk that runs the built version from slot A. What the entry is called says what is thought of it.
    ///
    /// # Errors
    /// The disk cannot be read or written.
    pub fn install(&mut self, disk: &Path, images: &Images, name: EntryName) -> Result<()> {
        let running = Running { slot: Slot::A, usrhash: RootHash(images.manifest().usr.root_hash.0) };
        let deployment = Deployment::of_image(disk, Some(running))?;
        let plan = slots::plan_install(&deployment.state()?, &self.version, self.usrhash)?;
        deployment.install(&plan, self, &mut |_| {})?;
        let from = EntryName::fresh(self.version.clone());
        if name != from {
            deployment.apply(&[Action::Rename { from, to: name }])?;
        }
        Ok(())
    }

    /// Overwrites a block of its `/usr` that every boot reads.
    ///
    /// # Errors
    /// The disk cannot be written.
    pub fn spoil(&self, disk: &Path) -> Result<()> {
        let data = Deployment::of_image(disk, None)?.slot(Slot::B).data.clone();
        let spoil = || -> io::Result<()> {
            let file = File::options().write(true).open(&data.path)?;
            file.write_all_at(&[0x5a; 512], data.offset + 1024)?;
            file.sync_all()
        };
        spoil().with_context(|| format!("write {}", disk.display()))
    }
}

fn replace(bytes: &mut [u8], from: &str, to: &str) {
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, text)| *text == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
}
