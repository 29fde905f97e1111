//! Where in an image its file system and its hash tree are.

use disk_table::Table;
use layout::Guid;
use layout::disk::SECTOR;
use layout::extension::{DATA_TYPE, VERITY_TYPE};
use verity::{BLOCK, RootHash, Superblock, SuperblockError, root_hash_of_top};

/// A piece of a file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins.
    pub start: u64,
    /// Its length.
    pub size: u64,
}

/// The two partitions of an image that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The file system.
    pub data: Extent,
    /// Its hash tree.
    pub hashes: Extent,
}

/// Why a file is no image that can be verified.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A partition is missing, or is there twice.
    #[error("it has {count} partitions for {what}, and must have one")]
    Partitions {
        /// What the partition is for.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// Its hash tree cannot be read.
    #[error("its hash tree: {0}")]
    Superblock(SuperblockError),
    /// Its hash tree is for something else.
    #[error("its hash tree covers {covered} bytes, and its file system has {size}")]
    Size {
        /// Bytes that the tree covers.
        covered: u64,
        /// Bytes that the partition has.
        size: u64,
    },
}

/// Finds the partitions in an image's table.
///
/// # Errors
/// There is none, or more than one.
pub fn parts(table: &Table) -> Result<Parts, Unfit> {
    Ok(Parts {
        data: extent(table, DATA_TYPE, "a file system")?,
        hashes: extent(table, VERITY_TYPE, "a hash tree")?,
    })
}

fn extent(table: &Table, kind: Guid, what: &'static str) -> Result<Extent, Unfit> {
    let all: Vec<_> = table.partitions().into_iter().filter(|one| one.type_guid == kind).collect();
    match all.as_slice() {
        [one] => Ok(Extent { start: one.first * SECTOR, size: (one.last - one.first + 1) * SECTOR }),
        other => Err(Unfit::Partitions { what, count: other.len() }),
    }
}

/// Bytes at the beginning of a hash tree that say what it covers, and with which root hash.
pub const HEAD: usize = 2 * BLOCK;

/// The superblock and the root hash that a hash tree begins with: its first [`HEAD`] bytes.
///
/// # Errors
/// They are none of a tree, or of one that covers more than the file system.
pub fn head(bytes: &[u8], data: Extent) -> Result<(Superblock, RootHash), Unfit> {
    let superblock = Superblock::parse(bytes).map_err(Unfit::Superblock)?;
    let covered = superblock.data_size();
    if covered > data.size {
        return Err(Unfit::Size { covered, size: data.size });
    }
    let top = usize::try_from(superblock.top_block_offset()).unwrap_or(usize::MAX);
    let top = bytes.get(top..).unwrap_or_default();
    let top = top.first_chunk().ok_or(SuperblockError::Short(bytes.len())).map_err(Unfit::Superblock)?;
    let root_hash = root_hash_of_top(top, &superblock);
    Ok((superblock, root_hash))
}
