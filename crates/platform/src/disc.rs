//! Discs that a platform attaches: found by label or drive, mounted for a moment, and read.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use devices::superblock::{Probe, Source, probe};
use sys::mount::{Mount, MountFlags};

use crate::record::{self, Record};
use crate::{Error, Guest, Platform, Result};

/// The most that is read of a file.
const MOST: u64 = 16 << 20;
/// The size of a drive, in sectors, of which the kernel has read none (Linux, drivers/scsi/sr.c: `get_sectorsize`).
const UNREAD: &str = "2097151";
/// How often is looked for a disc that should come.
const PAUSE: Duration = Duration::from_millis(200);

/// Which disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One whose file system, ISO 9660 or FAT, has one of these labels, in whatever case.
    Label(&'static str),
    /// One in an optical drive, UDF or ISO 9660, that has this file.
    Optical(&'static str),
}

/// Contents of the files asked for, in their order; None for those that are not there.
pub type Files = Vec<Option<Vec<u8>>>;

/// Where discs are found.
pub trait Discs {
    /// Reads files of the disc that is wanted; None where there is no such disc.
    fn read(&self, wanted: Wanted, files: &[&str]) -> Result<Option<Files>>;

    /// The labels, in small letters, of all discs that [`Wanted::Label`] could mean. On a first boot those count that were
    /// there from the beginning.
    fn labels(&self) -> Vec<String>;
}

impl Guest<'_> {
    /// The same, waiting for a disc that comes late.
    pub(crate) fn await_disc(&mut self, wanted: Wanted, files: &[&str]) -> Result<Option<Files>> {
        let until = Instant::now() + self.disc_wait;
        let mut is_told = false;
        loop {
            if let Some(found) = self.discs.read(wanted, files)? {
                return Ok(Some(found));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            if !is_told {
                (self.say)(&format!("waiting for {wanted}, {} s at most", self.disc_wait.as_secs()));
                is_told = true;
            }
            thread::sleep(PAUSE);
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(label) => write!(formatter, "a disc with the label {label}"),
            Self::Optical(file) => write!(formatter, "a disc with {file} in an optical drive"),
        }
    }
}

/// Files below a folder, as those of a disc.
pub fn read_folder(folder: &Path, files: &[&str]) -> Result<Files> {
    let read = |name: &&str| {
        let path = folder.join(name);
        let bad = |cause: io::Error| Error::read(path.display().to_string(), cause);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(bad(fault)),
        };
        let mut bytes = Vec::new();
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(bad)?;
        if bytes.len() as u64 > MOST {
            return Err(Error::read(path.display().to_string(), format!("it is larger than {MOST} bytes")));
        }
        Ok(Some(bytes))
    };
    files.iter().map(read).collect()
}

/// The discs of this machine, as the kernel shows them; nobody needs to have made links to them.
#[derive(Debug)]
pub struct Machine {
    /// Whether the first boot is over, and what it left word of.
    later: Option<Option<Record>>,
}

/// A device that can be a platform's disc by the file system on it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The kernel's name of it.
    pub name: String,
    /// The file system.
    pub kind: &'static str,
    /// Its label in small letters.
    pub label: String,
    pub uuid: Option<String>,
    /// Where it is attached, as [`record::place`] has it.
    pub place: String,
    /// Whether it is in an optical drive.
    pub is_optical: bool,
}

impl Machine {
    /// As the first boot sees it: every disc counts.
    pub fn at_first_boot() -> Self {
        Self { later: None }
    }

    /// As a later boot sees it, with the first boot's record, if there is one: of discs with a platform's label those count
    /// that the record is of.
    pub fn later(record: Option<Record>) -> Self {
        Self { later: Some(record) }
    }

    /// The record that the first boot on this platform leaves.
    pub fn record(&self, platform: Platform) -> Record {
        // Elsewhere no disk has to be read for it.
        let discs = if platform.may_have_disc() { found() } else { vec![] };
        Record::new(platform, &discs)
    }

    /// What is to be said of discs that do not count, in a line, on a machine of this platform.
    pub fn remark(&self, platform: Platform) -> Option<String> {
        let record = self.later.as_ref()?.as_ref();
        let might_count = platform.may_have_disc() || matches!(platform, Platform::Metal | Platform::Qemu);
        if might_count { record::remark(&found(), record) } else { None }
    }

    /// The disc with this label that counts.
    fn labelled(&self, label: &str) -> Result<Option<Found>> {
        let mut all = found_in_turn().filter(|disc| disc.label.eq_ignore_ascii_case(label));
        let Some(record) = &self.later else { return Ok(all.next()) };
        let all: Vec<Found> = all.collect();
        match record::chosen(&all.iter().collect::<Vec<_>>(), record.as_ref()) {
            Ok(disc) => Ok(disc.cloned()),
            Err(names) => Err(Error::Several { label: label.to_owned(), devices: names.join(", ") }),
        }
    }
}

impl Discs for Machine {
    fn read(&self, wanted: Wanted, files: &[&str]) -> Result<Option<Files>> {
        if let Wanted::Label(label) = wanted {
            let Some(disc) = self.labelled(label)? else { return Ok(None) };
            let device = Path::new("/dev").join(&disc.name);
            return mounted(&device, disc.kind, |folder| read_folder(folder, files)).map(Some);
        }
        for name in block_devices() {
            let device = Path::new("/dev").join(&name);
            let is_drive = name.starts_with("sr");
            // The kernel complains at length of each read from a drive without a disc.
            if is_drive && !has_medium(&device) {
                continue;
            }
            match wanted {
                Wanted::Optical(mark) if is_drive => {
                    for kind in ["udf", "iso9660"] {
                        let read = mounted(&device, kind, |folder| {
                            let is_it = folder.join(mark).exists();
                            Ok(if is_it { Some(read_folder(folder, files)?) } else { None })
                        });
                        match read {
                            Ok(None) => break,
                            Ok(found) => return Ok(found),
                            // It is of the other kind, or none that can be read.
                            Err(_) => {}
                        }
                    }
                }
                Wanted::Optical(_) | Wanted::Label(_) => {}
            }
        }
        Ok(None)
    }

    fn labels(&self) -> Vec<String> {
        let Some(record) = &self.later else {
            let mut names = block_devices();
            names.retain(|name| !was_empty(name));
            return names.iter().filter_map(|name| look(name)).map(|disc| disc.label).collect();
        };
        let discs = found();
        // Of several that are as good as each other, reading them will complain.
        let counts = |disc: &Found| !matches!(record::chosen(&[disc], record.as_ref()), Ok(None));
        discs.into_iter().filter(counts).map(|disc| disc.label).collect()
    }
}

/// All devices that can be a platform's disc.
fn found() -> Vec<Found> {
    found_in_turn().collect()
}

/// The same, each read when it is asked for.
fn found_in_turn() -> impl Iterator<Item = Found> {
    block_devices().into_iter().filter_map(|name| look(&name))
}

/// Names of disks, partitions and drives that could hold such a disc.
fn block_devices() -> Vec<String> {
    let names = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| {
        !["ram", "loop", "zram", "dm-", "md", "nbd"].iter().any(|other| name.starts_with(other))
    });
    names.sort();
    names
}

fn open(device: &Path) -> io::Result<File> {
    // A drive without a medium is opened so, and not waited for.
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC).bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(device)
}

fn has_medium(device: &Path) -> bool {
    open(device).is_ok_and(|drive| sys::cdrom::has_medium(drive.as_fd()).unwrap_or(false))
}

/// Whether the kernel found a drive without a medium when it found the drive. To ask the drive again costs a tenth of a
/// second under emulation, on every first boot of a machine that has one.
fn was_empty(name: &str) -> bool {
    let size = fs::read_to_string(Path::new("/sys/class/block").join(name).join("size"));
    name.starts_with("sr") && size.is_ok_and(|size| size.trim() == UNREAD)
}

/// What is on a device, where it can be a disc's.
fn look(name: &str) -> Option<Found> {
    let file = open(&Path::new("/dev").join(name)).ok()?;
    let is_optical = name.starts_with("sr");
    // Each read of a drive without a medium takes its time to fail.
    if is_optical && !sys::cdrom::has_medium(file.as_fd()).unwrap_or(true) {
        return None;
    }
    let size = (&file).seek(SeekFrom::End(0)).ok()?;
    let Probe::One(contents) = probe(&Node { file, size }) else { return None };
    let label = String::from_utf8_lossy(contents.label.as_deref().unwrap_or_default()).to_ascii_lowercase();
    if !["iso9660", "vfat"].contains(&contents.kind) {
        return None;
    }
    let path = fs::canonicalize(Path::new("/sys/class/block").join(name)).unwrap_or_default();
    let place = record::place(&path.to_string_lossy());
    Some(Found { name: name.to_owned(), kind: contents.kind, label, uuid: contents.uuid, place, is_optical })
}

struct Node {
    file: File,
    size: u64,
}

impl Source for Node {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if offset.checked_add(length as u64)? > self.size {
            return None;
        }
        let mut bytes = vec![0; length];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut bytes, offset).ok()?;
        Some(bytes)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Mounts a device for as long as `read` takes. A link on it leads nowhere.
fn mounted<T>(device: &Path, kind: &str, read: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let place = || device.display().to_string();
    let target = PathBuf::from(format!("{}/disc-{}", layout::path::RUN, std::process::id()));
    fs::create_dir_all(&target).map_err(|cause| Error::read(place(), cause))?;
    let flags = MountFlags::RDONLY
        | MountFlags::NOSUID
        | MountFlags::NODEV
        | MountFlags::NOEXEC
        | MountFlags::NOSYMFOLLOW;
    let mount = Mount { source: device, kind, flags, options: "" };
    let result = mount.on(&target).map_err(|cause| Error::read(place(), cause)).and_then(|()| {
        let result = read(&target);
        let undone = rustix::mount::unmount(&target, rustix::mount::UnmountFlags::empty());
        result.and_then(|found| undone.map(|()| found).map_err(|cause| Error::read(place(), cause)))
    });
    _ = fs::remove_dir(&target);
    result
}
