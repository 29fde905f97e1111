//! Packing segments that are no longer written.
//!
//! A packed segment begins with the header frame as it was. The segment's blocks ([`BLOCK`])
//! follow, the first without the header: length unpacked and packed, CRC-32 of what is packed, four
//! bytes each, then lz4. A block can be read, or lost, without the others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::Error;
use crate::frame::{self, Found};
use crate::segment::{self, BLOCK, Segment};

/// Bytes before a block.
const HEAD: usize = 12;
/// lz4 makes of a byte no more than so many.
const RATIO_MAX: u32 = 255;

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
    let mut block = Vec::with_capacity(BLOCK as usize);
    source.by_ref().take(BLOCK).read_to_end(&mut block)?;
    let Found::Frame(_, length) = frame::look(&block, 0) else {
        return Ok(false);
    };
    out.write_all(&block[..length])?;
    block.drain(..length);
    let mut packed = vec![0; HEAD + lz4_flex::block::get_maximum_output_size(BLOCK as usize)];
    while !block.is_empty() {
        let length = lz4_flex::block::compress_into(&block, &mut packed[HEAD..]).map_err(io::Error::other)?;
        let sum = crc32fast::hash(&packed[HEAD..HEAD + length]);
        for (at, number) in [block.len() as u32, length as u32, sum].into_iter().enumerate() {
            packed[4 * at..4 * at + 4].copy_from_slice(&number.to_le_bytes());
        }
        out.write_all(&packed[..HEAD + length])?;
        block.clear();
        source.by_ref().take(BLOCK).read_to_end(&mut block)?;
    }
    Ok(true)
}

/// A packed segment that is read.
#[derive(Debug)]
pub(crate) struct Packed {
    file: File,
    blocks: Vec<Block>,
    /// Bytes at the end that are no block.
    pub lost: u64,
}

#[derive(Debug)]
struct Block {
    /// Where the packed bytes are in the file.
    at: u64,
    length: u32,
    packed_length: u32,
    sum: u32,
}

impl Packed {
    /// Looks where the blocks are, the first of which begins at a place in the file.
    pub fn new(file: File, mut at: u64) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut blocks = Vec::new();
        let mut head = [0; HEAD];
        while at + HEAD as u64 <= size {
            file.read_exact_at(&mut head, at)?;
            let [length, packed_length, sum] = [0, 4, 8]
                .map(|at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
            let end = at + HEAD as u64 + u64::from(packed_length);
            // Where the next one begins cannot be known if this is none.
            let fits = u64::from(length) <= BLOCK && length / RATIO_MAX <= packed_length && end <= size;
            if !fits || length == 0 {
                break;
            }
            blocks.push(Block { at: at + HEAD as u64, length, packed_length, sum });
            at = end;
        }
        Ok(Self { file, blocks, lost: size.saturating_sub(at) })
    }

    /// The number of blocks.
    pub fn blocks(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Appends a block, unpacked; one that is damaged is zeros. Whether there is one of that number.
    pub fn read(&self, number: u64, out: &mut Vec<u8>) -> io::Result<bool> {
        let Some(block) = usize::try_from(number).ok().and_then(|number| self.blocks.get(number)) else {
            return Ok(false);
        };
        let mut packed = vec![0; block.packed_length as usize];
        self.file.read_exact_at(&mut packed, block.at)?;
        let (before, length) = (out.len(), block.length as usize);
        out.resize(before + length, 0);
        let is_whole = cfg!(fuzzing) || crc32fast::hash(&packed) == block.sum;
        if !is_whole || lz4_flex::block::decompress_into(&packed, &mut out[before..]).ok() != Some(length) {
            out[before..].fill(0);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any bytes where blocks are expected end in time, and are blocks or none.
        #[test]
        fn any_bytes_are_blocks_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300), small in any::<bool>()) {
            let mut file = tempfile::tempfile().unwrap();
            // Lengths of few bytes are more often those of blocks.
            let bytes: Vec<u8> = bytes.iter().map(|b| if small { b % 2 } else { *b }).collect();
            file.write_all(&bytes).unwrap();
            let packed = Packed::new(file, 0).unwrap();
            let mut out = Vec::new();
            for number in 0..packed.blocks() {
                prop_assert!(packed.read(number, &mut out).unwrap());
            }
            prop_assert!(!packed.read(packed.blocks(), &mut out).unwrap());
        }
    }
}
