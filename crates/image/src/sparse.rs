//! Writing large files that are mostly zeros, without the zeros.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

/// Zeros are left out in units of this many bytes, the block of common file systems.
const BLOCK: usize = 4096;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A part of a file, seen as a file of its own. Zeros written over zeros are not written at all.
#[derive(Debug)]
pub(crate) struct Region<'a> {
    file: &'a File,
    start: u64,
    len: u64,
    position: u64,
}

impl<'a> Region<'a> {
    /// The `len` bytes of `file` from `start` on.
    pub(crate) fn new(file: &'a File, start: u64, len: u64) -> Self {
        Self { file, start, len, position: 0 }
    }

    fn left(&self) -> usize {
        usize::try_from(self.len.saturating_sub(self.position)).unwrap_or(usize::MAX)
    }

    fn is_zero_there(&self, len: usize) -> io::Result<bool> {
        let mut there = vec![0; len];
        self.file.read_exact_at(&mut there, self.start + self.position)?;
        Ok(is_zero(&there))
    }
}

impl Read for Region<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.left());
        let read = self.file.read_at(&mut buffer[..len], self.start + self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Write for Region<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let buffer = &buffer[..buffer.len().min(self.left())];
        if !(is_zero(buffer) && self.is_zero_there(buffer.len())?) {
            self.file.write_all_at(buffer, self.start + self.position)?;
        }
        self.position += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Region<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start"))?;
        Ok(self.position)
    }
}

/// Copies all of `from` to `start` in `to`, whose bytes there must still be zeros: blocks of zeros
/// are left out. Gives the number of bytes, with the zeros.
///
/// # Errors
/// Either file's.
pub fn copy(from: &mut impl Read, to: &File, start: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut at = start;
    loop {
        let len = fill(from, &mut buffer)?;
        if len == 0 {
            return Ok(at - start);
        }
        for (i, block) in buffer[..len].chunks(BLOCK).enumerate() {
            if !is_zero(block) {
                to.write_all_at(block, at + (i * BLOCK) as u64)?;
            }
        }
        at += len as u64;
    }
}

/// Reads until the buffer is full or there is no more.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match from.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// A comparison of whole blocks: gigabytes are looked at, by a builder that is compiled in haste.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(BLOCK).all(|block| block == &ZEROS[..block.len()])
}
