//! Reading one segment from its beginning, packed or not, also while it grows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fields::Fields;
use crate::frame::{self, Found, HEAD, Header, PAYLOAD_MAX, Payload};
use crate::pack;
use crate::segment::{self, Segment};
use crate::{Entry, Error};

/// Bytes read from a file at once.
const CHUNK: usize = 64 << 10;
/// Contexts that entries may still name: the writer names none that is older.
pub(crate) const CONTEXTS: u64 = 256;

/// A segment that is being read.
pub(crate) struct Stream {
    file: File,
    path: PathBuf,
    number: u64,
    is_packed: bool,
    pub header: Header,
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
    /// Blocks that were passed over, of a packed one.
    lost: pack::Lost,
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
        let mut buffer = Vec::with_capacity(1024);
        (&file).take(1024).read_to_end(&mut buffer).map_err(Error::io("read", &path))?;
        let Found::Frame(Payload::Header(header), length) = frame::look(&buffer, 0) else {
            return Ok(None);
        };
        let mut stream = Self {
            file,
            path,
            number,
            is_packed,
            origin: Arc::new(header.origin.fields()),
            header,
            contexts: BTreeMap::new(),
            none: Arc::default(),
            buffer,
            at: length,
            offset: 0,
            whole: length as u64,
            damaged: 0,
            lost: pack::Lost::default(),
        };
        if is_packed {
            // What was read beyond the header belongs to the first block.
            use std::io::Seek;
            stream.buffer.truncate(length);
            let start = io::SeekFrom::Start(length as u64);
            stream.file.seek(start).map_err(Error::io("read", &stream.path))?;
        }
        Ok(Some(stream))
    }

    /// Where, in bytes, the last whole frame that was read ended.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Bytes so far that are of no whole frame; at the end, all.
    pub fn damaged(&self) -> u64 {
        self.damaged + self.lost.0 + (self.buffer.len() - self.at) as u64
    }

    /// A number that no context so far has.
    pub fn next_context(&self) -> u64 {
        self.contexts.keys().next_back().map_or(0, |number| number + 1)
    }

    /// The next entry that is whole; `None` at the end. More may come later, while it is written.
    pub fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            match frame::look(&self.buffer[self.at..], self.header.salt) {
                Found::Frame(payload, length) => {
                    self.at += length;
                    self.whole = self.offset + self.at as u64;
                    match payload {
                        Payload::Entry(raw) => {
                            let context = self.contexts.get(&raw.context).unwrap_or(&self.none).clone();
                            return Ok(Some(Entry {
                                seq: self.number << 32 | (raw.index & u64::from(u32::MAX)),
                                boot: self.header.origin.boot.clone(),
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
                Found::Part => match self.find_frame(self.at) {
                    Some(at) => self.pass_over(at),
                    None => return Ok(None),
                },
                Found::Damage => match self.find_frame(self.at + 1) {
                    Some(at) => self.pass_over(at),
                    // A frame may begin in the last bytes, too few to tell.
                    None => {
                        self.pass_over(self.at.max(self.buffer.len().saturating_sub(HEAD + PAYLOAD_MAX)));
                        if !self.fill()? {
                            return Ok(None);
                        }
                    }
                },
            }
        }
    }

    fn pass_over(&mut self, to: usize) {
        self.damaged += (to - self.at) as u64;
        self.at = to;
    }

    /// The next whole frame at or after a place in the buffer.
    fn find_frame(&self, from: usize) -> Option<usize> {
        (from..self.buffer.len().saturating_sub(HEAD))
            .find(|at| matches!(frame::look(&self.buffer[*at..], self.header.salt), Found::Frame(..)))
    }

    /// Reads more; whether there was any.
    fn fill(&mut self) -> Result<bool, Error> {
        self.buffer.drain(..self.at);
        self.offset += self.at as u64;
        self.at = 0;
        let before = self.buffer.len();
        if self.is_packed {
            let read = pack::read_block(&mut self.file, &mut self.buffer, &mut self.lost);
            return read.map_err(Error::io("read", &self.path));
        }
        self.buffer.resize(before + CHUNK, 0);
        let read = loop {
            match self.file.read(&mut self.buffer[before..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        Ok(read.map_err(Error::io("read", &self.path))? > 0)
    }
}
