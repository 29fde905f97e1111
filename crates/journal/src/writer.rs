//! Appending to a journal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::segment::{self, Header};
use crate::{BootId, Error};

/// How large a journal may become.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A segment that has reached this many bytes is closed and the next one begun.
    pub segment_bytes: u64,
    /// All segments together, in bytes: the oldest are removed before this is passed.
    pub total_bytes: u64,
    /// Number of segments; each boot begins one, so this bounds the boots that are kept.
    pub segments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, total_bytes: 128 << 20, segments: 512 }
    }
}

/// The one writer of a journal. Dropping it releases the journal.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    boot: BootId,
    limits: Limits,
    number: u64,
    path: PathBuf,
    file: File,
    /// Length of the segment up to its last whole line.
    length: u64,
    /// Segments that are full, and the folder where it got a new name, not yet flushed.
    closed: Vec<File>,
    /// Held for its lock.
    _lock: File,
}

impl Writer {
    /// Opens the journal in `dir` for `boot`, making the folder where it is missing (mode 0755;
    /// segments are 0640). Continues the newest segment if it is of the same boot, after cutting
    /// off a last line that is not whole.
    ///
    /// # Errors
    /// The folder or a file in it cannot be made, read or written, or another process is the
    /// writer.
    pub fn open(dir: &Path, boot: BootId, limits: Limits) -> Result<Self, Error> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(dir)
            .map_err(Error::io("make the folder", dir))?;
        let lock_path = dir.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(Error::io("open", &lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| match e {
            rustix::io::Errno::WOULDBLOCK => Error::Locked(dir.to_owned()),
            other => Error::io("lock", &lock_path)(other.into()),
        })?;

        let newest = segment::list(dir)?.pop();
        let mut closed = Vec::new();
        let (number, path, file, length) = match newest {
            Some(s) if s.size < limits.segment_bytes && s.boot().as_ref() == Some(&boot) => {
                let (file, length) = reopen(&s.path)?;
                (s.number, s.path, file, length)
            }
            other => {
                let number = other.map_or(1, |s| s.number + 1);
                let (path, file, length) = create(dir, number, &boot)?;
                closed.push(open_dir(dir)?);
                (number, path, file, length)
            }
        };
        let writer =
            Self { dir: dir.to_owned(), boot, limits, number, path, file, length, closed, _lock: lock };
        writer.vacuum()?;
        Ok(writer)
    }

    /// Appends whole lines, as [`crate::Entry::encode_into`] makes them: one write, so that they
    /// stand together. They are in the page cache then; see [`Writer::unflushed`].
    ///
    /// # Errors
    /// The lines could not be written, and none of them is in the journal.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), Error> {
        if self.length >= self.limits.segment_bytes {
            self.rotate()?;
        }
        match self.file.write_all(lines) {
            Ok(()) => {
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(source) => {
                // Without this a full disk would leave half a line before the next whole one.
                let _ = self.file.set_len(self.length);
                Err(Error::io("append to", &self.path)(source))
            }
        }
    }

    /// Handles to all that a power cut could lose: the caller flushes each to the disk
    /// (`File::sync_data`), where and when that makes nobody wait.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn unflushed(&mut self) -> Result<Vec<File>, Error> {
        let current = self.file.try_clone().map_err(Error::io("open again", &self.path))?;
        let mut files = std::mem::take(&mut self.closed);
        files.push(current);
        Ok(files)
    }

    fn rotate(&mut self) -> Result<(), Error> {
        let dir = open_dir(&self.dir)?;
        let (path, file, length) = create(&self.dir, self.number + 1, &self.boot)?;
        self.number += 1;
        let full = std::mem::replace(&mut self.file, file);
        (self.path, self.length) = (path, length);
        self.closed.extend([full, dir]);
        self.vacuum()
    }

    /// Removes the oldest segments until a full new one fits within the limits.
    fn vacuum(&self) -> Result<(), Error> {
        let mut segments = segment::list(&self.dir)?;
        segments.retain(|s| s.number != self.number);
        let mut count = segments.len() + 1;
        let mut bytes = self.limits.segment_bytes + segments.iter().map(|s| s.size).sum::<u64>();
        for old in segments {
            if bytes <= self.limits.total_bytes && count <= self.limits.segments {
                break;
            }
            fs::remove_file(&old.path).map_err(Error::io("remove", &old.path))?;
            bytes -= old.size;
            count -= 1;
        }
        Ok(())
    }
}

fn create(dir: &Path, number: u64, boot: &BootId) -> Result<(PathBuf, File, u64), Error> {
    let path = segment::path(dir, number);
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o640)
        .open(&path)
        .map_err(Error::io("create", &path))?;
    let header = Header::new(boot.clone()).encode();
    if let Err(source) = file.write_all(&header) {
        let _ = fs::remove_file(&path);
        return Err(Error::io("write the header of", &path)(source));
    }
    Ok((path, file, header.len() as u64))
}

/// The folder, to be flushed: a new segment's name must survive a power cut too.
fn open_dir(dir: &Path) -> Result<File, Error> {
    File::open(dir).map_err(Error::io("open", dir))
}

/// Opens a segment to go on with it, without what follows its last line feed.
fn reopen(path: &Path) -> Result<(File, u64), Error> {
    let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(Error::io("open", path))?;
    let length = whole_lines(&mut file).map_err(Error::io("read", path))?;
    file.set_len(length).map_err(Error::io("cut the torn line off", path))?;
    Ok((file, length))
}

/// Offset after the last line feed, looked for from the end.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const BLOCK: u64 = 4096;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|b| *b == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
