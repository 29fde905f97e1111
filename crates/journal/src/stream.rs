//! Reading one segment, packed or not, also while it grows: from its beginning, or from any of its
//! blocks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fields::Fields;
use crate::frame::{self, Found, HEAD, Header, PAYLOAD_MAX, Payload};
use crate::pack::Packed;
use crate::segment::{self, BLOCK, Segment};
use crate::{Entry, Error};

/// Bytes read from a file at once.
const CHUNK: usize = 64 << 10;
/// Contexts that entries may still name: the writer names none that is older.
pub(crate) const CONTEXTS: u64 = 256;
/// No frame is longer, in bytes.
const FRAME_MAX: usize = HEAD + PAYLOAD_MAX;

/// A segment that is being read.
pub(crate) struct Stream {
    source: Source,
    path: PathBuf,
    number: u64,
    pub header: Header,
    /// Where the first frame after the header begins.
    body: u64,
    origin: Arc<Fields>,
    contexts: BTreeMap<u64, Arc<Fields>>,
    none: Arc<Fields>,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    at: usize,
    /// Where in the (unpacked) segment the buffer begins.
    offset: u64,
    /// Where the last whole frame ended.
    whole: u64,
    /// Bytes that were passed over.
    damaged: u64,
}

/// Where the bytes come from.
enum Source {
    /// A file as it is written.
    Live(File),
    /// A packed file whose blocks have not been looked for.
    Unread(File),
    /// A packed file, and the block that is read next.
    Packed(Packed, u64),
}

impl Source {
    /// The blocks of a packed file.
    fn packed(&mut self, body: u64) -> io::Result<Option<(&Packed, &mut u64)>> {
        if let Self::Unread(file) = self {
            *self = Self::Packed(Packed::new(file.try_clone()?, body)?, 0);
        }
        Ok(match self {
            Self::Packed(packed, next) => Some((packed, next)),
            _ => None,
        })
    }
}

impl Stream {
    /// Opens a segment; `None` where it has no header of this format, or is gone.
    pub fn open(dir: &Path, segment: &Segment) -> Result<Option<Self>, Error> {
        let (file, path, is_packed) = match File::open(&segment.path) {
            Ok(file) => (file, segment.path.clone(), segment.is_packed),
            // It may just have been packed.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let path = segment::packed_path(dir, segment.number);
                match File::open(&path) {
                    Ok(file) => (file, path, true),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(e) => return Err(Error::io("open", &path)(e)),
                }
            }
            Err(e) => return Err(Error::io("open", &segment.path)(e)),
        };
        Self::of_file(file, path, segment.number, is_packed)
    }

    /// The header alone costs one small read.
    fn of_file(file: File, path: PathBuf, number: u64, is_packed: bool) -> Result<Option<Self>, Error> {
        let mut buffer = vec![0; 1024];
        let length = read_at(&file, &mut buffer, 0).map_err(Error::io("read", &path))?;
        buffer.truncate(length);
        let Found::Frame(Payload::Header(header), length) = frame::look(&buffer, 0) else {
            return Ok(None);
        };
        // What was read beyond the header of a packed one belongs to its first block.
        if is_packed {
            buffer.truncate(length);
        }
        Ok(Some(Self {
            source: if is_packed { Source::Unread(file) } else { Source::Live(file) },
            path,
            number,
            origin: Arc::new(header.origin.fields()),
            header,
            body: length as u64,
            contexts: BTreeMap::new(),
            none: Arc::default(),
            buffer,
            at: length,
            offset: 0,
            whole: length as u64,
            damaged: 0,
        }))
    }

    /// The number of blocks.
    pub fn blocks(&mut self) -> Result<u64, Error> {
        let blocks = match &self.source {
            Source::Live(file) => file.metadata().map(|meta| meta.len().div_ceil(BLOCK)),
            _ => self.source.packed(self.body).map(|packed| packed.map_or(0, |(packed, _)| packed.blocks())),
        };
        blocks.map_err(Error::io("read", &self.path))
    }

    /// Goes to the beginning of a block. The next entry is the first that begins in it, or later.
    pub fn seek(&mut self, block: u64) -> Result<(), Error> {
        if let Some((_, next)) = self.source.packed(self.body).map_err(Error::io("read", &self.path))? {
            *next = block;
        }
        self.buffer.clear();
        self.at = 0;
        self.offset = if block == 0 { self.body } else { block * BLOCK };
        Ok(())
    }

    /// Where, in bytes, the last whole frame that was read ended.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Bytes so far that are of no whole frame; at the end, all.
    pub fn damaged(&self) -> u64 {
        let lost = match &self.source {
            Source::Packed(packed, _) => packed.lost,
            _ => 0,
        };
        self.damaged + lost + (self.buffer.len() - self.at) as u64
    }

    /// A number that no context so far has.
    pub fn next_context(&self) -> u64 {
        self.contexts.keys().next_back().map_or(0, |number| number + 1)
    }

    /// The next entry that is whole; `None` at the end. More may come later, while it is written.
    pub fn next(&mut self) -> Result<Option<Entry>, Error> {
        self.next_before(u64::MAX)
    }

    /// The next entry, if it begins in a block or in one before that.
    pub fn next_in(&mut self, block: u64) -> Result<Option<Entry>, Error> {
        self.next_before((block + 1) * BLOCK)
    }

    fn next_before(&mut self, end: u64) -> Result<Option<Entry>, Error> {
        loop {
            if self.offset + self.at as u64 >= end {
                return Ok(None);
            }
            match frame::look(&self.buffer[self.at..], self.header.salt) {
                Found::Frame(payload, length) => {
                    self.at += length;
                    self.whole = self.offset + self.at as u64;
                    match payload {
                        Payload::Entry(raw) => {
                            let context = self.contexts.get(&raw.context).unwrap_or(&self.none).clone();
                            return Ok(Some(Entry {
                                seq: self.number << 32 | (raw.index & u64::from(u32::MAX)),
                                boot: self.header.origin.boot,
                                origin: self.origin.clone(),
                                record: raw.record(context),
                            }));
                        }
                        Payload::Context(number, fields) => {
                            self.contexts.insert(number, Arc::new(fields));
                            self.contexts = self.contexts.split_off(&number.saturating_sub(CONTEXTS - 1));
                        }
                        Payload::Header(_) => {}
                    }
                }
                Found::Part if self.fill()? => {}
                Found::Part => match self.find_frame(self.at, end) {
                    Some(at) => self.pass_over(at),
                    None => return Ok(None),
                },
                Found::Damage => {
                    let found = match self.find_frame(self.at + 1, end) {
                        // One may begin here that ends in what is not read yet.
                        None if self.fill_for_search(end)? => self.find_frame(self.at + 1, end),
                        found => found,
                    };
                    match found {
                        Some(at) => self.pass_over(at),
                        // A frame may begin in the last bytes, too few to tell.
                        None => {
                            let last = self.buffer.len().saturating_sub(FRAME_MAX).min(self.until(end));
                            self.pass_over(self.at.max(last));
                            if self.offset + (self.at as u64) < end && !self.fill()? {
                                return Ok(None);
                            }
                        }
                    }
                }
            }
        }
    }

    fn pass_over(&mut self, to: usize) {
        self.damaged += (to - self.at) as u64;
        self.at = to;
    }

    /// A place in the segment as one in the buffer or beyond it.
    fn until(&self, end: u64) -> usize {
        usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX)
    }

    /// The next whole frame at or after a place in the buffer that begins before one in the segment.
    fn find_frame(&self, from: usize, end: u64) -> Option<usize> {
        let to = self.buffer.len().saturating_sub(HEAD).min(self.until(end));
        frame::find(&self.buffer, from..to.max(from), self.header.salt)
    }

    /// Reads as much that of all that may begin before a place, or of many, it can be told whether it is a frame;
    /// whether there was any. So no place is looked at more often than a few times.
    fn fill_for_search(&mut self, end: u64) -> Result<bool, Error> {
        let wanted = (self.until(end).saturating_sub(self.at)).min(FRAME_MAX) + FRAME_MAX;
        let mut has_more = false;
        while self.buffer.len() - self.at < wanted && self.fill()? {
            has_more = true;
        }
        Ok(has_more)
    }

    /// Reads more; whether there was any.
    fn fill(&mut self) -> Result<bool, Error> {
        self.buffer.drain(..self.at);
        self.offset += self.at as u64;
        self.at = 0;
        let before = self.buffer.len();
        let read = match &self.source {
            Source::Live(file) => {
                self.buffer.resize(before + CHUNK, 0);
                let read = read_at(file, &mut self.buffer[before..], self.offset + before as u64);
                self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
                read.map(|length| length > 0)
            }
            _ => self.source.packed(self.body).and_then(|packed| match packed {
                Some((packed, next)) => {
                    *next += 1;
                    packed.read(*next - 1, &mut self.buffer)
                }
                None => Ok(false),
            }),
        };
        read.map_err(Error::io("read", &self.path))
    }
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
