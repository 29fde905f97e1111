//! The format of the log: a superblock, then records, each a header that fills a sector, and its data.

use std::ops::Range;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
const METADATA: u64 = 16;
/// Bytes of a header that mean something.
pub const HEADER_SIZE: usize = 32;

/// Why a log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first sector is not that of a log.
    #[error("no log of writes: it does not begin with the magic number of dm-log-writes")]
    Magic,
    /// A version of the format that there is not yet.
    #[error("a log of writes of version {0}; only {VERSION} is known")]
    Version(u64),
    /// Sectors of a size that no disk has.
    #[error("a log of writes with sectors of {0} bytes: expected a power of two from 512 on")]
    SectorSize(u32),
    /// A header that says what no header says.
    #[error("a record with the flags {0:#x}, which are not known: the log is damaged")]
    Flags(u64),
    /// A header whose sizes are beyond any disk.
    #[error("a record at sector {0} that reaches beyond any disk: the log is damaged")]
    Extent(u64),
}

/// The start of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Bytes of a sector of the log, and of the units in which it counts.
    pub sector_size: u64,
}

impl Superblock {
    /// Bytes of it that mean something.
    pub const SIZE: usize = 28;

    /// Reads it. Its count of records is not taken: the writer brings it up to date at a flush only.
    ///
    /// # Errors
    /// It is no superblock of a log that is known.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Result<Self, Fault> {
        if word(bytes, 0) != MAGIC {
            return Err(Fault::Magic);
        }
        if word(bytes, 1) != VERSION {
            return Err(Fault::Version(word(bytes, 1)));
        }
        let size = (word(&bytes[20..], 0) >> 32) as u32;
        if size < 512 || !size.is_power_of_two() {
            return Err(Fault::SectorSize(size));
        }
        Ok(Self { sector_size: size.into() })
    }
}

/// A header: its record, and how many bytes of data follow the header's sector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the disk was told.
    pub record: Record,
    /// Bytes up to the next header.
    pub data: u64,
}

impl Header {
    /// Reads a header whose data begins at `data` of the log.
    ///
    /// # Errors
    /// It says what no header says.
    pub fn parse(bytes: &[u8; HEADER_SIZE], superblock: Superblock, data: u64) -> Result<Self, Fault> {
        let [sector, sectors, flags, extra] = [0, 1, 2, 3].map(|index| word(bytes, index));
        if flags & !(FLUSH | FUA | DISCARD | MARK | METADATA) != 0 {
            return Err(Fault::Flags(flags));
        }
        let beyond = || Fault::Extent(sector);
        let start = sector.checked_mul(superblock.sector_size).ok_or_else(beyond)?;
        let length = sectors.checked_mul(superblock.sector_size).ok_or_else(beyond)?;
        let end = start.checked_add(length).ok_or_else(beyond)?;
        let (kind, follows) = if flags & MARK != 0 {
            (Kind::Mark, extra.checked_next_multiple_of(superblock.sector_size).ok_or_else(beyond)?)
        } else if flags & DISCARD != 0 {
            (Kind::Discard, 0)
        } else {
            (Kind::Write { data }, length)
        };
        data.checked_add(follows).ok_or_else(beyond)?;
        let record = Record { bytes: start..end, kind, flush: flags & FLUSH != 0, fua: flags & FUA != 0 };
        Ok(Self { record, data: follows })
    }
}

/// What a disk was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which bytes of the disk; none for a flush alone.
    pub bytes: Range<u64>,
    /// What was to become of them.
    pub kind: Kind,
    /// All that was answered before is put on the medium first.
    pub flush: bool,
    /// It is on the medium when it is answered.
    pub fua: bool,
}

/// What was to become of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They are what the log has from `data` on.
    Write {
        /// Bytes from the start of the log.
        data: u64,
    },
    /// Nobody wants them any more; a disk then has zeroes there.
    Discard,
    /// Nothing: who wrote the log left a word for its readers.
    Mark,
}

/// The little-endian word number `index`.
fn word(bytes: &[u8], index: usize) -> u64 {
    bytes.iter().skip(index * 8).take(8).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(words: [u64; 4]) -> [u8; HEADER_SIZE] {
        words.map(u64::to_le_bytes).concat().try_into().unwrap()
    }

    fn superblock(magic: u64, version: u64, size: u32) -> [u8; Superblock::SIZE] {
        let words = [magic, version, 7].map(u64::to_le_bytes).concat();
        [words, size.to_le_bytes().to_vec()].concat().try_into().unwrap()
    }

    #[test]
    fn a_superblock_is_that_of_a_known_log_or_refused() {
        let cases = [
            ((MAGIC, 1, 512), Ok(Superblock { sector_size: 512 })),
            ((MAGIC, 1, 4096), Ok(Superblock { sector_size: 4096 })),
            ((0, 0, 0), Err(Fault::Magic)),
            ((MAGIC, 2, 512), Err(Fault::Version(2))),
            ((MAGIC, 1, 500), Err(Fault::SectorSize(500))),
            ((MAGIC, 1, 256), Err(Fault::SectorSize(256))),
        ];
        for ((magic, version, size), expected) in cases {
            assert_eq!(Superblock::parse(&superblock(magic, version, size)), expected);
        }
    }

    #[test]
    fn each_record_is_read_with_what_follows_it() {
        let superblock = Superblock { sector_size: 512 };
        let write = Kind::Write { data: 9000 };
        for (words, bytes, kind, flush, fua, data) in [
            ([4, 2, 0, 0], 2048..3072, write, false, false, 1024),
            ([0, 0, FLUSH, 0], 0..0, write, true, false, 0),
            ([1, 1, FLUSH | FUA, 0], 512..1024, write, true, true, 512),
            ([8, 8, DISCARD, 0], 4096..8192, Kind::Discard, false, false, 0),
            ([0, 0, MARK, 5], 0..0, Kind::Mark, false, false, 512),
            ([2, 1, METADATA, 0], 1024..1536, write, false, false, 512),
        ] {
            let record = Record { bytes, kind, flush, fua };
            assert_eq!(Header::parse(&header(words), superblock, 9000), Ok(Header { record, data }));
        }
    }

    #[test]
    fn a_damaged_record_is_refused() {
        let superblock = Superblock { sector_size: 512 };
        for (words, fault) in [
            ([0, 0, 32, 0], Fault::Flags(32)),
            ([u64::MAX / 2, 1, 0, 0], Fault::Extent(u64::MAX / 2)),
            ([1, u64::MAX / 512, 0, 0], Fault::Extent(1)),
            ([0, 0, MARK, u64::MAX], Fault::Extent(0)),
        ] {
            assert_eq!(Header::parse(&header(words), superblock, 0), Err(fault));
        }
    }
}
