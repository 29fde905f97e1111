//! Packing segments that are no longer written.
//!
//! A packed segment begins with the header frame as it was. Blocks follow: length unpacked and
//! packed, CRC-32 of what is packed, four bytes each, then an lz4 block. A block can be lost
//! without those after it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::Error;
use crate::frame::{self, Found};
use crate::segment::{self, Segment};

/// Bytes in a block before it is packed.
const BLOCK: usize = 128 << 10;
/// Bytes before a block.
const HEAD: usize = 12;

/// Packs the segments of a journal that are older than the newest one. Returns how many.
///
/// # Errors
/// A segment cannot be read, or its packed form not be written. The original stays then.
pub fn pack(dir: &Path) -> Result<usize, Error> {
    let mut segments = segment::list(dir)?;
    segments.pop();
    let mut count = 0;
    for segment in segments.iter().filter(|s| !s.is_packed) {
        count += usize::from(pack_one(dir, segment)?);
    }
    Ok(count)
}

fn pack_one(dir: &Path, segment: &Segment) -> Result<bool, Error> {
    let mut source = match File::open(&segment.path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.map_err(Error::io("open", &segment.path))?,
    };
    let target = segment::packed_path(dir, segment.number);
    let partial = target.with_extension("lz4.partial");
    let written = (|| {
        let times = source.metadata()?.modified()?;
        let mut out =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&partial)?;
        if !copy(&mut source, &mut out)? {
            return Ok(false);
        }
        // Its age is that of what it holds.
        out.set_modified(times)?;
        out.sync_all()?;
        fs::rename(&partial, &target)?;
        File::open(dir)?.sync_all()?;
        Ok(true)
    })();
    match written {
        Ok(true) => {
            fs::remove_file(&segment.path).map_err(Error::io("remove", &segment.path))?;
            Ok(true)
        }
        Ok(false) => {
            let _ = fs::remove_file(&partial);
            Ok(false)
        }
        Err(error) => {
            let _ = fs::remove_file(&partial);
            Err(Error::io("write", &partial)(error))
        }
    }
}

/// Copies header and blocks; false where there is no header.
fn copy(source: &mut impl Read, out: &mut impl Write) -> io::Result<bool> {
    let mut block = Vec::with_capacity(BLOCK);
    source.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
    let Found::Frame(_, length) = frame::look(&block, 0) else {
        return Ok(false);
    };
    out.write_all(&block[..length])?;
    block.drain(..length);
    let mut packed = vec![0; HEAD + lz4_flex::block::get_maximum_output_size(BLOCK)];
    while !block.is_empty() {
        let length = lz4_flex::block::compress_into(&block, &mut packed[HEAD..]).map_err(io::Error::other)?;
        let sum = crc32fast::hash(&packed[HEAD..HEAD + length]);
        for (at, number) in [block.len() as u32, length as u32, sum].into_iter().enumerate() {
            packed[4 * at..4 * at + 4].copy_from_slice(&number.to_le_bytes());
        }
        out.write_all(&packed[..HEAD + length])?;
        block.clear();
        source.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
    }
    Ok(true)
}

/// Bytes of blocks that were not whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lost(pub u64);

/// Reads the next whole block and appends it, unpacked. Whether there was one.
pub(crate) fn read_block(file: &mut impl Read, out: &mut Vec<u8>, lost: &mut Lost) -> io::Result<bool> {
    loop {
        let mut head = Vec::with_capacity(HEAD);
        file.take(HEAD as u64).read_to_end(&mut head)?;
        if head.len() < HEAD {
            lost.0 += head.len() as u64;
            return Ok(false);
        }
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, packed_length, sum) = (number(0) as usize, number(4) as usize, number(8));
        if length > BLOCK || packed_length > lz4_flex::block::get_maximum_output_size(BLOCK) {
            // Where the next block begins cannot be known.
            lost.0 += HEAD as u64 + io::copy(file, &mut io::sink())?;
            return Ok(false);
        }
        let mut packed = Vec::with_capacity(packed_length);
        file.take(packed_length as u64).read_to_end(&mut packed)?;
        if packed.len() < packed_length {
            lost.0 += (HEAD + packed.len()) as u64;
            return Ok(false);
        }
        if !cfg!(fuzzing) && crc32fast::hash(&packed) != sum {
            lost.0 += (HEAD + packed_length) as u64;
            continue;
        }
        let before = out.len();
        out.resize(before + length, 0);
        match lz4_flex::block::decompress_into(&packed, &mut out[before..]) {
            Ok(written) if written == length => return Ok(true),
            _ => {
                lost.0 += (HEAD + packed_length) as u64;
                out.truncate(before);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any bytes where blocks are expected end in time, and are blocks or none.
        #[test]
        fn any_bytes_are_blocks_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (mut rest, mut out) = (&bytes[..], Vec::new());
            while read_block(&mut rest, &mut out, &mut Lost::default()).unwrap() {}
        }
    }
}
