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

/// Reads a file whose holes are not read: the kernel is asked where they are (lseek(2), `SEEK_DATA`),
/// and zeros are given in their place.
#[derive(Debug)]
pub struct Reader<'a> {
    file: &'a File,
    len: u64,
    position: u64,
    /// Where what the position is in ends, data or hole.
    until: u64,
    is_hole: bool,
}

impl<'a> Reader<'a> {
    /// A reader of the whole file.
    ///
    /// # Errors
    /// Its length cannot be found out.
    pub fn new(file: &'a File) -> io::Result<Self> {
        Ok(Self { file, len: file.metadata()?.len(), position: 0, until: 0, is_hole: false })
    }

    /// Finds out what the position is in.
    fn look(&mut self) -> io::Result<()> {
        use rustix::fs::SeekFrom::{Data, Hole};
        let data = match rustix::fs::seek(self.file, Data(self.position)) {
            // There is no data after it.
            Err(rustix::io::Errno::NXIO) => self.len,
            other => other?,
        };
        self.is_hole = data > self.position;
        self.until = if self.is_hole { data } else { rustix::fs::seek(self.file, Hole(self.position))? };
        Ok(())
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.len {
            return Ok(0);
        }
        if self.position >= self.until {
            self.look()?;
        }
        let left = usize::try_from(self.until.min(self.len) - self.position).unwrap_or(usize::MAX);
        let len = buffer.len().min(left);
        let buffer = &mut buffer[..len];
        let read = if self.is_hole {
            buffer.fill(0);
            buffer.len()
        } else {
            self.file.read_at(buffer, self.position)?
        };
        self.position += read as u64;
        Ok(read)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_holes_reads_as_its_bytes() {
        let mib = 1 << 20;
        // Where bytes stand; the rest are holes, at the beginning, between and at the end.
        let cases: [(&[u64], u64); 5] = [
            (&[], 0),
            (&[], 3 * mib),
            (&[0], 2 * mib),
            (&[mib, 3 * mib + 5], 6 * mib),
            (&[2 * mib - 1], 2 * mib),
        ];
        for (places, len) in cases {
            let file = tempfile::tempfile().unwrap();
            file.set_len(len).unwrap();
            for place in places {
                file.write_all_at(b"x", *place).unwrap();
            }
            let mut read = Vec::new();
            Reader::new(&file).unwrap().read_to_end(&mut read).unwrap();
            let mut expected = vec![0; usize::try_from(len).unwrap()];
            places.iter().for_each(|place| expected[usize::try_from(*place).unwrap()] = b'x');
            assert!(read == expected, "{places:?} in {len} bytes: {} read", read.len());
        }
    }
}
