//! The ESP: what is on it, and changes of names. Crate `fat` orders the writes; the kernel's driver has no part in it,
//! and may not have the ESP mounted while it is changed.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};

use anyhow::{Context, Result, bail};
use fat::{Disk, Volume};
use layout::esp::{STAGING_DIR, UKI_DIR, UKI_PREFIX};
use rustix::fs::{FlockOperation, OFlags, flock};
use sha2::{Digest, Sha256};
use slots::{Action, Entry, EntryName, Esp, Stray, entry_path};
use verity::RootHash;

use crate::{Region, uki};

/// How much is read at a time where all of a file is, in bytes.
const PART: usize = 1 << 20;

/// What there must be room for beside a UKI, in bytes: the folders of its two names may have to grow by a cluster each.
const SPARE: u64 = 64 << 10;

/// An ESP that is open.
pub struct Opened {
    volume: Volume<Part>,
}

/// Where something was written, and what.
type Write = (u64, Vec<u8>);

/// A part of a device or a file, as a disk.
#[derive(Debug)]
struct Part {
    file: File,
    /// Held while the ESP is open, so that nobody mounts it.
    _exclusive: Option<File>,
    region: Region,
    /// Where changes are only rehearsed: what was written, which the disk does not get.
    rehearsed: Option<RefCell<Vec<Write>>>,
}

impl Disk for Part {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, self.region.offset + offset)?;
        let end = offset + bytes.len() as u64;
        let Some(writes) = &self.rehearsed else { return Ok(()) };
        for (at, written) in writes.borrow().iter() {
            let (from, to) = (offset.max(*at), end.min(at + written.len() as u64));
            if from < to {
                let part = &written[(from - at) as usize..(to - at) as usize];
                bytes[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset + bytes.len() as u64 > self.region.size {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it lies outside of the partition"));
        }
        if let Some(writes) = &self.rehearsed {
            writes.borrow_mut().push((offset, bytes.to_vec()));
            return Ok(());
        }
        self.file.write_all_at(bytes, self.region.offset + offset)
    }

    fn flush(&self) -> io::Result<()> {
        if self.rehearsed.is_some() { Ok(()) } else { self.file.sync_all() }
    }
}

impl Opened {
    /// Opens the ESP for reading.
    pub fn read(region: &Region) -> Result<Self> {
        let path = region.path.display();
        let file = File::open(&region.path).with_context(|| format!("open {path} (the ESP)"))?;
        Self::of(Part { file, _exclusive: None, region: region.clone(), rehearsed: None })
    }

    /// Opens the ESP for a rehearsal: changes are seen by whoever has it open so, and nothing is written.
    pub fn rehearse(region: &Region) -> Result<Self> {
        let path = region.path.display();
        let file = File::open(&region.path).with_context(|| format!("open {path} (the ESP)"))?;
        Self::of(Part { file, _exclusive: None, region: region.clone(), rehearsed: Some(RefCell::default()) })
    }

    /// Opens the ESP to change it. Another program that does so is waited for.
    pub fn write(region: &Region) -> Result<Self> {
        let path = region.path.display();
        let file = OpenOptions::new().read(true).write(true).open(&region.path);
        let file = file.with_context(|| format!("open {path} (the ESP) for writing"))?;
        flock(&file, FlockOperation::LockExclusive).with_context(|| format!("lock {path}"))?;
        let is_device = file.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device());
        // Of a block device it means: nobody has it mounted, and nobody can.
        let exclusive = is_device.then(|| {
            let open =
                OpenOptions::new().read(true).custom_flags(OFlags::EXCL.bits() as i32).open(&region.path);
            open.with_context(|| format!("the ESP, {path}, is mounted or in use: unmount it, and try again"))
        });
        Self::of(Part { file, _exclusive: exclusive.transpose()?, region: region.clone(), rehearsed: None })
    }

    fn of(part: Part) -> Result<Self> {
        let doing = format!("read the ESP, {}", part.region.path.display());
        Ok(Self { volume: Volume::open(part).context(doing)? })
    }

    /// What decides which version boots.
    pub fn list(&self) -> Result<Esp> {
        let mut esp = Esp::default();
        for (folder, is_staging) in [(UKI_DIR, false), (STAGING_DIR, true)] {
            let entries = match self.volume.list(folder) {
                Err(fat::Error::NotFound(_)) => continue,
                other => other.with_context(|| format!("list {folder} of the ESP"))?,
            };
            for file in entries.into_iter().filter(|entry| !entry.is_folder) {
                let place = file.cluster.map(u64::from);
                match file.name.parse::<EntryName>() {
                    Ok(name) if !is_staging => {
                        let usrhash =
                            self.usrhash(&file).with_context(|| format!("read {name} of the ESP"))?;
                        esp.entries.push(Entry { name, usrhash, place });
                    }
                    // Others may have entries of their own there.
                    _ if !is_staging && !is_ours(&file.name) => {}
                    _ => esp.strays.push(Stray { path: format!("{folder}/{}", file.name), place }),
                }
            }
        }
        Ok(esp)
    }

    /// The `/usr` that a UKI is for. None where it is not a whole UKI.
    fn usrhash(&self, file: &fat::Entry) -> Result<Option<RootHash>> {
        let usrhash =
            uki::usrhash(file.size.into(), |offset, length| match self.volume.read(file, offset, length) {
                Err(fat::Error::Damaged(_)) => Ok(None),
                other => other.map(Some),
            });
        Ok(usrhash?)
    }

    /// Removes a name, and what no name leads to then.
    pub fn remove(&self, path: &str) -> Result<()> {
        let entry = self.volume.find(path)?;
        self.volume.unlink(&entry)?;
        self.volume.reclaim()?;
        Ok(())
    }

    /// Takes a name away, and nothing of its file.
    pub fn unlink(&self, path: &str) -> Result<()> {
        Ok(self.volume.unlink(&self.volume.find(path)?)?)
    }

    /// Gives a file another name: first the new one, then the old one goes.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.volume.link(&self.volume.find(from)?, to)?;
        self.unlink(from)
    }

    /// Has a file's name stand for another file, by one write.
    pub fn repoint(&self, path: &str, to: &str) -> Result<()> {
        Ok(self.volume.repoint(&self.volume.find(path)?, &self.volume.find(to)?)?)
    }

    /// Removes the files of a folder, where it is there, and what no name leads to then.
    pub fn empty(&self, folder: &str) -> Result<()> {
        let entries = match self.volume.list(folder) {
            Err(fat::Error::NotFound(_)) => return Ok(()),
            other => other?,
        };
        for entry in entries.iter().filter(|entry| !entry.is_folder) {
            self.volume.unlink(entry)?;
        }
        self.volume.reclaim()?;
        Ok(())
    }

    /// Rehearses what a plan removes, and whether a UKI of that size has room then.
    pub fn must_hold(&self, plan: &[Action], size: u64) -> Result<()> {
        for action in plan {
            match action {
                Action::RemoveEntry(name) => self.remove(&entry_path(name))?,
                // Without any content: room is looked for first, and here nothing comes after that.
                Action::WriteUki(path) => match self.create(path, size.saturating_add(SPARE), io::empty()) {
                    Err(error) if has_run_out(&error) => {}
                    Err(error) if matches!(error.downcast_ref(), Some(fat::Error::Full { .. })) => {
                        return Err(error).context(
                            "the ESP has no room for the kernel image: mount it, remove what is not Berth's, unmount it",
                        );
                    }
                    other => return other,
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a file, and makes its folder.
    pub fn create(&self, path: &str, size: u64, content: impl Read) -> Result<()> {
        let Ok(size) = u32::try_from(size) else { bail!("{size} bytes are too many for a file of the ESP") };
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.volume.make_folders(folder)?;
        }
        self.volume.reclaim()?;
        Ok(self.volume.create(path, size, content)?)
    }

    /// SHA-256 of a file as it is on the disk: what memory holds of it is forgotten first.
    pub fn sha256(&self, path: &str) -> Result<[u8; 32]> {
        Ok(self.digest(path)?.ok_or_else(|| fat::Error::NotFound(path.to_owned()))?)
    }

    /// The same; none where there is no such file.
    pub fn digest(&self, path: &str) -> Result<Option<[u8; 32]>> {
        let part = self.volume.disk();
        crate::slot::forget(&part.file, part.region.offset, part.region.size)?;
        let entry = match self.volume.find(path) {
            Err(fat::Error::NotFound(_)) => return Ok(None),
            found => found?,
        };
        let mut hash = Sha256::new();
        for offset in (0..u64::from(entry.size)).step_by(PART) {
            hash.update(self.volume.read(&entry, offset, PART)?);
        }
        Ok(Some(hash.finalize().into()))
    }

    /// An entry's UKI.
    pub fn content(&self, name: &EntryName) -> Result<Vec<u8>> {
        let entry = self.volume.find(&entry_path(name))?;
        Ok(self.volume.read(&entry, 0, usize::MAX)?)
    }
}

/// Whether a file was given its room, and its content ended too soon.
fn has_run_out(error: &anyhow::Error) -> bool {
    let is_end = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    matches!(error.downcast_ref(), Some(fat::Error::Disk(error)) if is_end(error))
}

/// Whether a name that is no entry's may be what a cut made of one: its short form, for example.
fn is_ours(name: &str) -> bool {
    let start = UKI_PREFIX.trim_end_matches('_');
    name.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}
