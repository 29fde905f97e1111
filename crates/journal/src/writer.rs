//! Appending to a journal.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use crate::frame::{Header, encode_context, encode_entry};
use crate::limits::{FLOOR, make_room};
use crate::segment::{self, BLOCK};
use crate::stream::{CONTEXTS, Stream};
use crate::{ENTRY_MAX, Error, Fields, Limits, Origin, Record};

/// The buffer for encoding keeps so many bytes for the next time.
const BUFFER: usize = 64 << 10;

/// The one writer of a journal. Dropping it releases the journal.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    origin: Origin,
    limits: Limits,
    /// A journal of so many bytes does not give way to others.
    floor: u64,
    live: Live,
    /// Segments that are full, and the folder where it got a new name, not yet flushed.
    closed: Vec<File>,
    buffer: Vec<u8>,
    /// Held for its lock.
    _lock: File,
}

/// The segment that is written.
#[derive(Debug)]
struct Live {
    number: u64,
    path: PathBuf,
    file: File,
    salt: u32,
    begun_us: u64,
    /// Length of the segment up to its last whole frame.
    length: u64,
    /// Entries in it.
    entries: u64,
    contexts: Contexts,
}

/// Contexts that the block which is written holds, by their number.
#[derive(Debug, Default)]
struct Contexts {
    block: u64,
    numbers: HashMap<Arc<Fields>, u64>,
    next: u64,
    /// The last one: it is asked for again most often.
    last: Option<(Arc<Fields>, u64)>,
}

impl Contexts {
    /// The number of a context in a block, after writing it down if it has none yet.
    fn number(&mut self, block: u64, context: &Arc<Fields>, salt: u32, out: &mut Vec<u8>) -> u64 {
        if self.block != block {
            (self.block, self.last) = (block, None);
            self.numbers.clear();
        }
        if let Some((last, number)) = &self.last
            && Arc::ptr_eq(last, context)
        {
            return *number;
        }
        let number = match self.numbers.get(context) {
            Some(number) => *number,
            None => {
                // Readers remember so many; the next ones have new numbers.
                if self.numbers.len() as u64 >= CONTEXTS {
                    self.numbers.clear();
                }
                let number = self.next;
                self.next += 1;
                encode_context(out, salt, number, context);
                self.numbers.insert(context.clone(), number);
                number
            }
        };
        self.last = Some((context.clone(), number));
        number
    }
}

impl Writer {
    /// Opens the journal in `dir`, making the folder where it is missing (mode 0755; segments are
    /// 0640). Continues the newest segment if it is of the same origin, after cutting off an end
    /// that is not whole. `now_us` is the time, in microseconds since 1970.
    ///
    /// # Errors
    /// The folder or a file in it cannot be made, read or written, or another process is the
    /// writer.
    pub fn open(dir: &Path, origin: Origin, limits: Limits, now_us: u64) -> Result<Self, Error> {
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

        let mut closed = Vec::new();
        let live = match Live::reopen(dir, &origin, &limits)? {
            Ok(live) => live,
            Err(number) => {
                let live = Live::create(dir, number, &origin, now_us)?;
                closed.push(open_dir(dir)?);
                live
            }
        };
        let floor = segment::list(dir)?.iter().map(|s| s.size).sum::<u64>().max(FLOOR);
        make_room(dir, &limits, limits.segment_bytes, floor)?;
        Ok(Self { dir: dir.to_owned(), origin, limits, floor, live, closed, buffer: Vec::new(), _lock: lock })
    }

    /// Appends entries by one write, so that they stand together. They are in the page cache then;
    /// see [`Writer::unflushed`]. An entry longer than [`ENTRY_MAX`] is left out: the caller cuts.
    /// Returns whether a segment was closed, which may be packed ([`crate::pack`]).
    ///
    /// # Errors
    /// They could not be written, and none of them is in the journal.
    pub fn append(&mut self, records: &[Record], now_us: u64) -> Result<bool, Error> {
        let age = now_us.saturating_sub(self.live.begun_us);
        let is_full = self.live.length >= self.limits.segment_bytes;
        let is_old = self.live.entries > 0 && self.limits.segment_us.is_some_and(|most| age >= most);
        let rotates = is_full || is_old;
        if rotates {
            self.rotate(now_us)?;
        }
        self.buffer.clear();
        let before = self.live.entries;
        for record in records.iter().filter(|r| r.fields.size() <= ENTRY_MAX) {
            self.live.encode(record, &mut self.buffer);
        }
        let mut written = self.live.file.write_all(&self.buffer);
        if written.is_err() {
            let _ = self.live.file.set_len(self.live.length);
            // On a full disk the oldest entries give way to the newest, as long as there are many.
            let full = Limits { keep_free: u64::MAX, ..self.limits };
            if make_room(&self.dir, &full, self.limits.segment_bytes, FLOOR)?.segments > 0 {
                written = self.live.file.write_all(&self.buffer);
            }
        }
        let length = self.buffer.len() as u64;
        self.buffer.shrink_to(BUFFER);
        match written {
            Ok(()) => {
                self.live.length += length;
                Ok(rotates)
            }
            Err(source) => {
                // Without this half a frame would stand before the next whole one, and contexts
                // that were lost would count as written.
                let _ = self.live.file.set_len(self.live.length);
                self.live.entries = before;
                self.live.contexts = Contexts { next: self.live.contexts.next, ..Contexts::default() };
                Err(Error::io("append to", &self.live.path)(source))
            }
        }
    }

    /// Handles to all that a power cut could lose: the caller flushes each to the disk
    /// (`File::sync_data`), where and when that makes nobody wait.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn unflushed(&mut self) -> Result<Vec<File>, Error> {
        let current = self.live.file.try_clone().map_err(Error::io("open again", &self.live.path))?;
        let mut files = std::mem::take(&mut self.closed);
        files.push(current);
        Ok(files)
    }

    /// The machine has another name from now on: the next entries go to a new segment.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn rename(&mut self, hostname: &str, now_us: u64) -> Result<(), Error> {
        if self.origin.hostname != hostname {
            self.origin.hostname = hostname.to_owned();
            self.rotate(now_us)?;
        }
        Ok(())
    }

    /// Closes the segment, unless it is empty, and begins the next one. What the limits ask for is
    /// removed.
    ///
    /// # Errors
    /// The next one cannot be made.
    pub fn rotate(&mut self, now_us: u64) -> Result<(), Error> {
        let dir = open_dir(&self.dir)?;
        let next = Live::create(&self.dir, self.live.number + 1, &self.origin, now_us)?;
        let full = std::mem::replace(&mut self.live, next);
        if full.entries == 0 {
            let _ = fs::remove_file(&full.path);
        }
        self.closed.extend([full.file, dir]);
        make_room(&self.dir, &self.limits, self.limits.segment_bytes, self.floor).map(|_| ())
    }
}

impl Live {
    fn create(dir: &Path, number: u64, origin: &Origin, now_us: u64) -> Result<Self, Error> {
        let path = segment::path(dir, number);
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o640)
            .open(&path)
            .map_err(Error::io("create", &path))?;
        let salt = salt();
        let mut header = Vec::new();
        Header { origin: origin.clone(), realtime_us: now_us, salt }.encode_into(&mut header);
        if let Err(source) = file.write_all(&header) {
            let _ = fs::remove_file(&path);
            return Err(Error::io("write the header of", &path)(source));
        }
        let length = header.len() as u64;
        let contexts = Contexts::default();
        Ok(Self { number, path, file, salt, begun_us: now_us, length, entries: 0, contexts })
    }

    /// Goes on with the newest segment, or gives the number of the one to begin.
    fn reopen(dir: &Path, origin: &Origin, limits: &Limits) -> Result<Result<Self, u64>, Error> {
        let Some(newest) = segment::list(dir)?.pop() else {
            return Ok(Err(1));
        };
        let next = Ok(Err(newest.number + 1));
        if newest.is_packed || newest.size >= limits.segment_bytes {
            return next;
        }
        let Some(mut stream) = Stream::open(dir, &newest)?.filter(|s| s.header.origin == *origin) else {
            return next;
        };
        // The last whole entry is in the last block, or, if that is torn, in one before.
        let (mut entries, mut blocks) = (0, stream.blocks()?);
        while entries == 0 && blocks > 0 {
            blocks -= 1;
            stream.seek(blocks)?;
            while let Some(entry) = stream.next()? {
                entries = (entry.seq & u64::from(u32::MAX)) + 1;
            }
        }
        let path = newest.path;
        let length = stream.whole();
        let (salt, begun_us) = (stream.header.salt, stream.header.realtime_us);
        let file =
            OpenOptions::new().read(true).append(true).open(&path).map_err(Error::io("open", &path))?;
        file.set_len(length).map_err(Error::io("cut the torn end off", &path))?;
        let contexts = Contexts { next: stream.next_context(), ..Contexts::default() };
        Ok(Ok(Self { number: newest.number, path, file, salt, begun_us, length, entries, contexts }))
    }

    fn encode(&mut self, record: &Record, out: &mut Vec<u8>) {
        let block = |out: &Vec<u8>| (self.length + out.len() as u64) / BLOCK;
        let before = block(out);
        let mut context = self.contexts.number(before, &record.context, self.salt, out);
        if block(out) != before {
            // It stands at the end of a block, and the entry would begin the next one without it.
            context = self.contexts.number(block(out), &record.context, self.salt, out);
        }
        encode_entry(out, self.salt, self.entries, context, record);
        self.entries += 1;
    }
}

/// A number that nobody who only writes to the log knows.
fn salt() -> u32 {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    crc32fast::hash(uuid.as_bytes())
}

/// The folder, to be flushed: a new segment's name must survive a power cut too.
fn open_dir(dir: &Path) -> Result<File, Error> {
    File::open(dir).map_err(Error::io("open", dir))
}
