//! ext2, ext3, ext4 (Linux, fs/ext4/ext4.h: struct ext4_super_block).

use super::{Contents, Source, Usage, le16, le32};

const MAGIC: u16 = 0xef53;
const HAS_JOURNAL: u32 = 0x4;
const JOURNAL_DEVICE: u32 = 0x8;
/// What an ext3 driver could do with: sparse superblocks, large files, directory trees.
const EXT3_READ_ONLY: u32 = 0x7;
/// Types in directories, a journal to replay, meta block groups.
const EXT3_INCOMPATIBLE: u32 = 0x16;

/// Block counts have upper halves.
const WIDE: u32 = 0x80;
/// Blocks have 1 KiB to 64 KiB.
const MOST_SHIFT: u32 = 6;

pub fn read(source: &dyn Source) -> Option<Contents> {
    let block = source.read(1024, 256)?;
    if le16(&block, 56)? != MAGIC {
        return None;
    }
    let (compatible, incompatible, read_only) = (le32(&block, 92)?, le32(&block, 96)?, le32(&block, 100)?);
    let beyond_ext3 = incompatible & !EXT3_INCOMPATIBLE != 0 || read_only & !EXT3_READ_ONLY != 0;
    let (kind, usage) = match (incompatible & JOURNAL_DEVICE, beyond_ext3, compatible & HAS_JOURNAL) {
        (JOURNAL_DEVICE, ..) => ("jbd", Usage::Other),
        (_, true, _) => ("ext4", Usage::Filesystem),
        (_, false, 0) => ("ext2", Usage::Filesystem),
        (_, false, _) => ("ext3", Usage::Filesystem),
    };
    let version = format!("{}.{}", le32(&block, 76)?, le16(&block, 62)?);
    Some(Contents::new(kind, usage).uuid(&block[104..120]).label(&block[120..136]).version(version))
}

/// The size, in bytes, of an ext2, ext3 or ext4: it may be smaller than what it lies on.
pub fn size(source: &dyn Source) -> Option<u64> {
    let block = source.read(1024, 1024)?;
    let is_wide = le32(&block, 96)? & WIDE != 0;
    let shift = le32(&block, 24).filter(|shift| *shift <= MOST_SHIFT)?;
    let upper = if is_wide { le32(&block, 336)? } else { 0 };
    let blocks = u64::from(upper) << 32 | u64::from(le32(&block, 4)?);
    (le16(&block, 56)? == MAGIC).then(|| blocks.saturating_mul(1024 << shift))
}
