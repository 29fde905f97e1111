//! A file made of chunks: those that are in it already, those that other files have, and those that a server has.
//!
//! Whatever a chunk comes from, it counts for what it hashes to. The file may be a slot that holds an older version, or
//! the part of this one that an attempt before had got to.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result, bail};
use bitar::HashSum;
use futures::{FutureExt, StreamExt};
use rustix::fs::{Advice, fadvise, fdatasync};
use tokio::io::{AsyncRead, ReadBuf};

use crate::archive::{Chunk, Header};
use crate::mirrors::{Failure, Mirrors};

/// How much may wait to be written, in bytes: more would hold up what else the machine writes.
const MOST_DIRTY: u64 = 4 << 20;
/// How much is asked for at once, in bytes.
const MOST_RANGE: u64 = 8 << 20;
/// How much of the file's old content is kept in memory until its new place can be written, in bytes.
const MOST_MOVED: u64 = 16 << 20;

/// A file, or a part of one, that chunks are taken from or put into.
pub trait Bytes: Send + Sync {
    /// Fills the buffer from there.
    ///
    /// # Errors
    /// It cannot be read, or ends before.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;

    /// Forgets what of this was kept in memory.
    fn forget(&self, range: Range<u64>) {
        _ = range;
    }
}

/// A part of a file.
#[derive(Debug)]
pub struct Part {
    file: File,
    offset: u64,
}

impl Part {
    /// The part of a file that begins there.
    pub fn new(file: File, offset: u64) -> Self {
        Self { file, offset }
    }
}

impl Bytes for Part {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, self.offset + at)
    }

    fn forget(&self, range: Range<u64>) {
        let length = std::num::NonZeroU64::new(range.end - range.start);
        _ = fadvise(self.file.as_fd(), self.offset + range.start, length, Advice::DontNeed);
    }
}

impl Bytes for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let part = usize::try_from(at).ok().and_then(|at| self.get(at..)?.get(..buffer.len()));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Something to take chunks from.
pub struct Seed {
    /// Its content.
    pub bytes: Box<dyn Bytes>,
    /// How much of it there is.
    pub size: u64,
}

/// Where chunks came from, in bytes of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// They were where they are.
    pub kept: u64,
    /// From other places of the file, and from seeds.
    pub copied: u64,
    /// From a server.
    pub fetched: u64,
    /// What was fetched, packed: what went over the network.
    pub packed: u64,
}

/// Makes the file of that header: `target` from its begin on, `old` bytes of which may hold something of use. Gives where
/// its chunks came from. All is on the disk when this returns. `tell` is told how many packed bytes have come, and of how
/// many.
///
/// # Errors
/// The file cannot be written, or no server has what is missing.
pub fn clone(
    header: &Header,
    target: &Part,
    old: u64,
    seeds: &[Seed],
    mirrors: &Mirrors,
    path: &str,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Origins> {
    let mut work = Work::new(header, target);
    let found = work.scan(target, old).context("look for what is there")?;
    let mut moved = Vec::new();
    for (number, places) in found {
        let kept = work.strip(number, &places);
        if !kept {
            moved.extend(places.first().map(|place| (number, *place)));
        }
    }
    let mut seeded: Vec<Vec<(usize, Vec<u64>)>> = Vec::new();
    for seed in seeds {
        // A seed that cannot be read to its end is one of less use, and no more.
        seeded.push(work.scan(seed.bytes.as_ref(), seed.size).unwrap_or_default());
    }
    let is_seeded = |number: usize| seeded.iter().flatten().any(|(other, _)| *other == number);
    moved.retain(|(number, _)| !is_seeded(*number));
    work.save(&moved);
    for (seed, found) in seeds.iter().zip(&seeded) {
        for (number, places) in found {
            if let Some(place) = places.first() {
                work.copy(*number, seed.bytes.as_ref(), *place)?;
            }
        }
    }
    work.write_saved()?;
    work.fetch(mirrors, path, tell)?;
    work.flush()?;
    Ok(work.origins)
}

struct Work<'a> {
    header: &'a Header,
    target: &'a Part,
    numbers: HashMap<&'a HashSum, usize>,
    /// By a chunk's number: the places where it is not yet.
    missing: Vec<Vec<u64>>,
    saved: Vec<(usize, bitar::Chunk)>,
    origins: Origins,
    /// What may wait to be written.
    dirty: Option<Range<u64>>,
    dirty_bytes: u64,
}

impl<'a> Work<'a> {
    fn new(header: &'a Header, target: &'a Part) -> Self {
        let numbers = header.chunks.iter().enumerate().map(|(number, chunk)| (&chunk.hash, number)).collect();
        let missing = header.chunks.iter().map(|chunk| chunk.places.clone()).collect();
        let (saved, origins) = (Vec::new(), Origins::default());
        Self { header, target, numbers, missing, saved, origins, dirty: None, dirty_bytes: 0 }
    }

    /// A chunk's bytes, and what they hash to.
    fn hash(&self, bytes: bitar::Chunk) -> (HashSum, bitar::Chunk) {
        let (mut hash, bytes) = bytes.verify().into_parts();
        hash.truncate(self.header.hash_length);
        (hash, bytes)
    }

    /// Which of the chunks are in something, and where.
    fn scan(&self, bytes: &dyn Bytes, size: u64) -> io::Result<Vec<(usize, Vec<u64>)>> {
        let mut found: HashMap<usize, Vec<u64>> = HashMap::new();
        let mut chunks = self.header.cutting.new_chunker(Reading { bytes, at: 0, size });
        // The reading never waits, so that there is always a next one.
        while let Some(Some(next)) = chunks.next().now_or_never() {
            let (at, chunk) = next?;
            if let Some(number) = self.numbers.get(&self.hash(chunk).0) {
                found.entry(*number).or_default().push(at);
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort();
        Ok(found)
    }

    /// Notes the places of a chunk where it is; whether it is nowhere missing then.
    fn strip(&mut self, number: usize, places: &[u64]) -> bool {
        let before = self.missing[number].len();
        self.missing[number].retain(|place| !places.contains(place));
        let after = self.missing[number].len();
        self.origins.kept += (before - after) as u64 * self.header.chunks[number].size;
        after == 0
    }

    /// Takes chunks of the file into memory before they are written over, as many as there is room for.
    fn save(&mut self, moved: &[(usize, u64)]) {
        let mut room = MOST_MOVED;
        for (number, place) in moved {
            let chunk = &self.header.chunks[*number];
            if chunk.size > room {
                break;
            }
            if let Some(bytes) = self.read(chunk, self.target, *place) {
                self.saved.push((*number, bytes));
                room -= chunk.size;
            }
        }
    }

    /// A chunk's bytes, where they are what they must be.
    fn read(&self, chunk: &Chunk, from: &dyn Bytes, place: u64) -> Option<bitar::Chunk> {
        let mut bytes = vec![0; usize::try_from(chunk.size).ok()?];
        from.read_at(&mut bytes, place).ok()?;
        let (hash, bytes) = self.hash(bytes.into());
        (hash == chunk.hash).then_some(bytes)
    }

    fn copy(&mut self, number: usize, from: &dyn Bytes, place: u64) -> Result<()> {
        if self.missing[number].is_empty() {
            return Ok(());
        }
        let chunk = &self.header.chunks[number];
        if let Some(bytes) = self.read(chunk, from, place) {
            self.origins.copied += self.write(number, bytes.data())?;
            from.forget(place..place + chunk.size);
        }
        Ok(())
    }

    fn write_saved(&mut self) -> Result<()> {
        for (number, bytes) in std::mem::take(&mut self.saved) {
            self.origins.copied += self.write(number, bytes.data())?;
        }
        Ok(())
    }

    /// Writes a chunk wherever it is missing; how many bytes that are.
    fn write(&mut self, number: usize, bytes: &[u8]) -> Result<u64> {
        let mut written = 0;
        for place in std::mem::take(&mut self.missing[number]) {
            let done = self.target.file.write_all_at(bytes, self.target.offset + place);
            done.context("write to the disk")?;
            let end = place + bytes.len() as u64;
            self.dirty = Some(match self.dirty.take() {
                None => place..end,
                Some(dirty) => dirty.start.min(place)..dirty.end.max(end),
            });
            self.dirty_bytes += bytes.len() as u64;
            written += bytes.len() as u64;
            if self.dirty_bytes >= MOST_DIRTY {
                self.flush()?;
            }
        }
        Ok(written)
    }

    /// Has the disk take what was written, and the memory forget it.
    fn flush(&mut self) -> Result<()> {
        if let Some(dirty) = self.dirty.take() {
            fdatasync(self.target.file.as_fd()).context("write to the disk")?;
            self.target.forget(dirty);
            self.dirty_bytes = 0;
        }
        Ok(())
    }

    /// Fetches what is missing, in the order of the archive: what follows each other, at once.
    fn fetch(&mut self, mirrors: &Mirrors, path: &str, tell: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let header = self.header;
        let is_missing = |number: &usize| !self.missing[*number].is_empty();
        let wanted: Vec<usize> = (0..header.chunks.len()).filter(is_missing).collect();
        let total = wanted.iter().map(|number| header.chunks[*number].packed).sum();
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let length = run_length(header, rest);
            let (mut run, after) = rest.split_at(length);
            // What an attempt has got to is not fetched by the next one.
            mirrors.persist(|mirror| {
                while let (Some(first), Some(last)) = (run.first(), run.last()) {
                    let (first, last) = (&header.chunks[*first], &header.chunks[*last]);
                    let mut bytes = Vec::new();
                    mirrors.range(mirror, path, first.at..last.at + last.packed, |mut piece| {
                        while let (Some((number, others)), false) = (run.split_first(), piece.is_empty()) {
                            let chunk = &header.chunks[*number];
                            let lacking = usize::try_from(chunk.packed).unwrap_or(usize::MAX) - bytes.len();
                            let (taken, left) = piece.split_at(lacking.min(piece.len()));
                            bytes.extend_from_slice(taken);
                            piece = left;
                            if bytes.len() as u64 == chunk.packed {
                                let unpacked = self.unpack(chunk, &bytes).map_err(|why| {
                                    Failure::Wrong(format!("{}/{path}: {why}", mirrors.url(mirror)))
                                })?;
                                let own = |error: anyhow::Error| Failure::Wrong(format!("{error:#}"));
                                self.origins.fetched += self.write(*number, unpacked.data()).map_err(own)?;
                                self.origins.packed += chunk.packed;
                                bytes.clear();
                                run = others;
                                tell(self.origins.packed, total);
                            }
                        }
                        Ok(())
                    })?;
                }
                Ok(())
            })?;
            rest = after;
        }
        if let Some(number) = self.missing.iter().position(|places| !places.is_empty()) {
            bail!("chunk {number} of {path} did not come");
        }
        Ok(())
    }

    /// The bytes of a chunk from those in the archive. Unpacking ends where the chunk must.
    fn unpack(&self, chunk: &Chunk, bytes: &[u8]) -> Result<bitar::Chunk, String> {
        let size = usize::try_from(chunk.size).unwrap_or(usize::MAX);
        let unpacked = match chunk.packed == chunk.size {
            true => bytes.to_vec(),
            false => zstd::bulk::decompress(bytes, size)
                .map_err(|error| format!("a chunk cannot be unpacked to its {size} bytes: {error}"))?,
        };
        let (hash, unpacked) = self.hash(unpacked.into());
        if hash != chunk.hash {
            return Err("a chunk is not the signed one".to_owned());
        }
        Ok(unpacked)
    }
}

/// How many of the chunks follow each other in the archive, up to what is asked for at once.
fn run_length(header: &Header, numbers: &[usize]) -> usize {
    let mut end = None;
    let mut bytes = 0;
    let follows = |number: &&usize| {
        let chunk = &header.chunks[**number];
        bytes += chunk.packed;
        let fits = end.is_none_or(|end| end == chunk.at && bytes <= MOST_RANGE);
        end = Some(chunk.at + chunk.packed);
        fits
    };
    numbers.iter().take_while(follows).count()
}

/// Reads from the begin on, and forgets what it has read.
struct Reading<'a> {
    bytes: &'a dyn Bytes,
    at: u64,
    size: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        self.bytes.read_at(&mut buffer[..length], self.at)?;
        self.at += length as u64;
        self.bytes.forget(self.at - length as u64..self.at);
        Ok(length)
    }
}

impl AsyncRead for Reading<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.as_mut().get_mut().read(buffer.initialize_unfilled())?;
        buffer.advance(length);
        Poll::Ready(Ok(()))
    }
}
