//! The folder of cores and records.
//!
//! A file has its name only once it is whole: it is written without one (`O_TMPFILE`), so that what
//! is cut off leaves nothing behind.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::elf;
use crate::name;
use crate::record::{Core, Record};
use crate::room::{self, Bounds, Kept};
use crate::settings::Settings;

/// How much is read of a core at once.
const CHUNK: usize = 64 << 10;
/// What may be on its way to the disk with the next chunk: zstd's block of 128 KiB, what is
/// buffered of the file, and what packing adds.
const AHEAD: u64 = 5 * CHUNK as u64;
/// For how much of a core room is made at once, in bytes.
const STEP: u64 = 8 << 20;
/// How many crashes are known of. With one more, one is forgotten.
const RECORDS_MAX: usize = 500;
/// How hard it is packed: the least, and with windows of 512 KiB, so that the handler stays small.
const LEVEL: i32 = 1;
const WINDOW_LOG: u32 = 19;
/// End of the name of what takes another's place in a moment.
const NEW: &str = ".new";
/// Of the records, the group reads too: those who may read the log (`systemd-journal`).
const MODE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP);
const READERS: &str = "systemd-journal";

/// The folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    until: Option<Instant>,
}

/// Where a record's core is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// None was kept.
    None,
    /// It has been removed.
    Missing,
    /// It may not be read.
    Inaccessible,
    /// In this file; only its beginning where it is truncated.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether its end is missing.
        truncated: bool,
    },
}

/// What was written of a core.
#[derive(Debug)]
pub struct Written {
    /// What became of it.
    pub core: Core,
    /// What it says of itself.
    pub reader: elf::Reader,
}

impl Store {
    /// The folder at a path, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Store {
        Store { folder: folder.into(), until: None }
    }

    /// The same, where a core is cut off after a time.
    #[must_use]
    pub fn within(self, time: Duration) -> Store {
        Store { until: Some(Instant::now() + time), ..self }
    }

    /// The crashes that are known of, oldest first. A record that cannot be read is left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn records(&self) -> Result<Vec<Record>> {
        let read = |file: &String| {
            let bytes = fs::read(self.folder.join(file)).ok()?;
            serde_json::from_slice::<Record>(&bytes).ok()
        };
        let files = self.files()?;
        let names: Vec<String> =
            files.into_iter().map(|file| file.file).filter(|file| file.ends_with(name::RECORD)).collect();
        let mut records: Vec<Record> = names.iter().filter_map(read).collect();
        records.sort_by_key(|record| (record.time_us, record.pid));
        Ok(records)
    }

    /// How many crashes are known of; of one boot, where one is named. No record is read for it.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn count(&self, boot: Option<&str>) -> Result<usize> {
        let is_of_boot = |file: &str| boot.is_none_or(|boot| name::boot_id(file) == Some(boot));
        let files = self.files()?.into_iter().map(|file| file.file);
        Ok(files.filter(|file| file.ends_with(name::RECORD) && is_of_boot(file)).count())
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a record's core is.
    pub fn place(&self, record: &Record) -> Place {
        let Core::Kept { file, truncated, .. } = &record.core else {
            return Place::None;
        };
        // A record is a file of root's, but it is a file: it names one beside it, or none.
        let path = self.folder.join(Path::new(file).file_name().unwrap_or_default());
        match File::open(&path) {
            Ok(_) => Place::File { path, truncated: *truncated },
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Place::Inaccessible,
            Err(_) => Place::Missing,
        }
    }

    /// Writes a core as it was, unpacked.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn unpack(path: &Path, to: &mut impl Write) -> Result<()> {
        let doing = || format!("cannot read {}", path.display());
        let mut file = File::open(path).with_context(doing)?;
        if path.to_string_lossy().ends_with(name::PACKED) {
            zstd::stream::copy_decode(file, to).with_context(doing)
        } else {
            std::io::copy(&mut file, to).with_context(doing).map(drop)
        }
    }

    /// Keeps a core, as much of it as there is room for. A core is looked into while it goes by.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, mut from: impl Read, stem: &str, most: u64, settings: &Settings) -> Result<Written> {
        let doing = || format!("cannot write a core in {}", self.folder.display());
        self.make_folder()?;
        let end = if settings.compress { name::PACKED } else { "" };
        let file = format!("{stem}{end}");
        let uid = name::uid(stem).unwrap_or(0);
        let mut reader = elf::Reader::default();
        let mut out = Output::new(self.nameless()?, settings.compress).with_context(doing)?;
        let mut buffer = vec![0; CHUNK];
        let (mut size, mut granted, mut truncated) = (0, 0, false);
        while !truncated {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot read the core that the kernel sends"),
            };
            let is_over = size > 0 && self.until.is_some_and(|until| Instant::now() >= until);
            if is_over || !self.grant(settings, uid, &mut granted, out.written()?)? {
                truncated = true;
                break;
            }
            let left = usize::try_from(most - size).unwrap_or(usize::MAX);
            let bytes = &buffer[..read.min(left)];
            truncated = bytes.len() < read;
            reader.feed(bytes);
            out.write_all(bytes).with_context(doing)?;
            size += bytes.len() as u64;
        }
        let written = out.finish().with_context(doing)?;
        if size == 0 {
            let reason = if truncated { "there is no room for it" } else { "the kernel sent none" };
            return Ok(Written { core: Core::None { reason: reason.to_owned() }, reader });
        }
        written.sync_data().with_context(doing)?;
        let metadata = written.metadata().with_context(doing)?;
        let (stored, on_disk) = (metadata.len(), metadata.blocks().saturating_mul(512));
        self.make_room(settings, uid, on_disk, on_disk)?;
        self.give_name(&written, &file)?;
        Ok(Written { core: Core::Kept { file, size, stored, truncated }, reader })
    }

    /// Keeps a record, and forgets the oldest of who has the most where there are too many.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note(&self, record: &Record) -> Result<()> {
        let doing = || format!("cannot write a record in {}", self.folder.display());
        self.make_folder()?;
        let mut file = self.nameless()?;
        file.write_all(&serde_json::to_vec(record).with_context(doing)?).with_context(doing)?;
        if let Some(group) = layout::user::GROUPS.iter().find(|group| group.name == READERS) {
            // Who is not root (a test) may not.
            _ = rustix::fs::fchown(&file, None, Some(rustix::fs::Gid::from_raw(group.gid)));
        }
        self.give_name(&file, &format!("{}{}", name::stem(record), name::RECORD))?;
        let mut files = self.files()?;
        files.retain(|file| file.file.ends_with(name::RECORD));
        while files.len() > RECORDS_MAX
            && let Some(old) = room::take_first(&mut files, None, |_| 1)
        {
            let stem = old.file.strip_suffix(name::RECORD).unwrap_or(&old.file);
            for end in [name::RECORD, name::PACKED, ""] {
                _ = fs::remove_file(self.folder.join(format!("{stem}{end}")));
            }
        }
        Ok(())
    }

    /// Makes room for the next chunk of a core, and where it can be for many. Says whether there is any.
    fn grant(&self, settings: &Settings, uid: u32, granted: &mut u64, written: u64) -> Result<bool> {
        let next = written + AHEAD;
        for size in [next + STEP, next] {
            if next <= *granted {
                break;
            }
            if self.make_room(settings, uid, size, written)? {
                *granted = size;
            }
        }
        Ok(next <= *granted)
    }

    /// Removes cores until there is room for one of a user of that size, of which a part is on the
    /// disk already. Says whether there is.
    fn make_room(&self, settings: &Settings, uid: u32, size: u64, written: u64) -> Result<bool> {
        let state = rustix::fs::statvfs(&self.folder)
            .with_context(|| format!("cannot look at the file system of {}", self.folder.display()))?;
        let (max_use, keep_free) = settings.bounds(state.f_blocks.saturating_mul(state.f_frsize));
        // As if nothing of it were written yet.
        let free = state.f_bavail.saturating_mul(state.f_frsize).saturating_add(written);
        let kept = self.files()?.into_iter().filter(|file| !file.file.ends_with(name::RECORD)).collect();
        let Some(removed) = room::make(kept, Bounds { max_use, keep_free, free }, uid, size) else {
            return Ok(false);
        };
        for core in removed {
            // Another handler may have been first.
            _ = fs::remove_file(self.folder.join(&core.file));
        }
        Ok(true)
    }

    /// All files that are ours.
    fn files(&self) -> Result<Vec<Kept>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.with_context(|| format!("cannot read {}", self.folder.display()))?,
        };
        let file = |entry: fs::DirEntry| {
            let file = entry.file_name().into_string().ok()?;
            let (uid, time_us) = (name::uid(&file)?, name::time_us(&file)?);
            // In units of 512 bytes, whatever the file system's blocks are.
            let size = entry.metadata().ok()?.blocks().saturating_mul(512);
            Some(Kept { file, uid, time_us, size })
        };
        Ok(entries.flatten().filter_map(file).collect())
    }

    fn make_folder(&self) -> Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o755)
            .create(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))
    }

    fn nameless(&self) -> Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, &self.folder, flags, MODE)
            .with_context(|| format!("cannot make a file in {}", self.folder.display()))?;
        Ok(file.into())
    }

    fn give_name(&self, file: &File, name: &str) -> Result<()> {
        let to = self.folder.join(name);
        let from = format!("/proc/self/fd/{}", file.as_raw_fd());
        let link = |to: &Path| rustix::fs::linkat(CWD, &from, CWD, to, AtFlags::SYMLINK_FOLLOW);
        let named = match link(&to) {
            // A record is written twice; and of two namespaces, or of a clock set back, two crashes may have
            // one name. At all times there is the old one or the new one.
            Err(rustix::io::Errno::EXIST) => {
                let beside = self.folder.join(format!("{name}{NEW}"));
                _ = fs::remove_file(&beside);
                link(&beside).map_err(Into::into).and_then(|()| fs::rename(&beside, &to))
            }
            other => other.map_err(Into::into),
        };
        named.with_context(|| format!("cannot name {}", to.display()))
    }
}

/// A file, packed or not.
enum Output {
    Packed(zstd::stream::write::Encoder<'static, BufWriter<File>>),
    Plain(BufWriter<File>),
}

impl Output {
    fn new(file: File, compress: bool) -> std::io::Result<Output> {
        let file = BufWriter::with_capacity(CHUNK, file);
        if !compress {
            return Ok(Output::Plain(file));
        }
        let mut encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
        encoder.window_log(WINDOW_LOG)?;
        encoder.include_checksum(true)?;
        Ok(Output::Packed(encoder))
    }

    /// Bytes on the disk.
    fn written(&self) -> Result<u64> {
        let file = match self {
            Output::Packed(encoder) => encoder.get_ref().get_ref(),
            Output::Plain(file) => file.get_ref(),
        };
        Ok(file.metadata().context("cannot look at the core's file")?.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Output::Packed(encoder) => encoder.write_all(bytes),
            Output::Plain(file) => file.write_all(bytes),
        }
    }

    fn finish(self) -> std::io::Result<File> {
        let buffer = match self {
            Output::Packed(encoder) => encoder.finish()?,
            Output::Plain(file) => file,
        };
        buffer.into_inner().map_err(std::io::IntoInnerError::into_error)
    }
}
