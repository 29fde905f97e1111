//! A slot: its two partitions, what they hold, and how they are written.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use layout::{Guid, Slot};
use rustix::fs::{Advice, fadvise};
use verity::{BLOCK, HashTree, RootHash, Superblock, root_hash_of_top};

/// A part of a disk: a partition's device, or a part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The device or the file.
    pub path: PathBuf,
    /// Where the part begins in it, in bytes.
    pub offset: u64,
    /// Its size, in bytes.
    pub size: u64,
}

/// A slot's partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotDevice {
    /// Which slot it is.
    pub slot: Slot,
    /// The erofs.
    pub data: Region,
    /// The hash tree.
    pub hashes: Region,
}

/// Why a hash partition gives no tree, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTree {
    /// It holds none, or none that fits.
    #[error("{0}")]
    Absent(String),
    /// The disk does not give it. It may another time.
    #[error("{0}")]
    Unreadable(String),
}

impl Region {
    /// Bytes of it.
    ///
    /// # Errors
    /// It cannot be read, or ends before.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(&self.path)?.read_exact_at(&mut bytes, self.offset + offset)?;
        Ok(bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let doing = || format!("write {}", self.path.display());
        if offset + bytes.len() as u64 > self.size {
            bail!("cannot {}: the partition ends before", doing());
        }
        let file = OpenOptions::new().write(true).open(&self.path).with_context(doing)?;
        file.write_all_at(bytes, self.offset + offset).with_context(doing)
    }

    fn sync(&self) -> Result<()> {
        let doing = || format!("write {} to its disk", self.path.display());
        File::open(&self.path).and_then(|file| file.sync_all()).with_context(doing)
    }

    fn forget(&self) -> Result<()> {
        self.sync()?;
        let doing = || format!("read {} anew", self.path.display());
        forget(&File::open(&self.path).with_context(doing)?, self.offset, self.size).with_context(doing)
    }
}

impl SlotDevice {
    /// The tree that the hash partition begins with.
    ///
    /// # Errors
    /// There is none, or it cannot be read: why, for people.
    pub fn tree(&self) -> Result<(Superblock, RootHash), NoTree> {
        read_tree(self.slot, self.data.size, |offset, length| self.hashes.read(offset, length))
    }

    /// Erases the superblock: what the slot holds is not whole from here on. It is on the disk when this returns.
    ///
    /// # Errors
    /// The partition cannot be written.
    pub fn invalidate(&self) -> Result<()> {
        self.hashes.write(0, &[0; BLOCK])?;
        self.hashes.sync()
    }

    /// Builds the hash tree of the first `size` bytes of data, which are on the disk, writes it, and last its superblock.
    ///
    /// # Errors
    /// The root hash is not `wanted`, or a partition cannot be read or written.
    pub fn seal(&self, size: u64, uuid: Guid, salt: &[u8], wanted: RootHash) -> Result<()> {
        let tree = HashTree::from_leaves(uuid, salt, &self.leaves(size, salt)?)?;
        if tree.root_hash != wanted {
            bail!("slot {} has root hash {} and must have {wanted}", self.slot, tree.root_hash);
        }
        let bytes = &tree.bytes;
        if bytes.len() as u64 > self.hashes.size {
            bail!(
                "the hash tree has {} bytes, and {} {}",
                bytes.len(),
                self.slot.verity().label,
                self.hashes.size
            );
        }
        let (superblock, rest) = bytes.split_at(BLOCK);
        self.hashes.write(BLOCK as u64, rest)?;
        self.hashes.sync()?;
        self.hashes.write(0, superblock)?;
        self.hashes.sync()
    }

    /// Reads the slot back from the disk, not from memory, and compares every block with the tree, and the tree with the
    /// root hash.
    ///
    /// # Errors
    /// Something differs, or cannot be read.
    pub fn verify(&self, wanted: RootHash) -> Result<()> {
        self.hashes.forget()?;
        self.data.forget()?;
        let tree = self.tree().map_err(|reason| anyhow::anyhow!("slot {}: {reason}", self.slot));
        let (superblock, _) = tree?;
        let leaves = self.leaves(superblock.data_size(), &superblock.salt)?;
        let tree = HashTree::from_leaves(superblock.uuid, &superblock.salt, &leaves)?;
        if tree.root_hash != wanted {
            bail!("slot {} has root hash {} on the disk, and must have {wanted}", self.slot, tree.root_hash);
        }
        let bytes = &tree.bytes;
        let there = self.hashes.read(0, bytes.len());
        let there = there.with_context(|| format!("read {}", self.hashes.path.display()))?;
        if there != *bytes {
            bail!("the hash tree of slot {} is not that of its data", self.slot);
        }
        // Half a gigabyte of a slot that does not run is of no use in memory.
        self.data.forget()
    }

    /// The digests of the first `size` bytes of data.
    fn leaves(&self, size: u64, salt: &[u8]) -> Result<Vec<u8>> {
        if size > self.data.size || !size.is_multiple_of(BLOCK as u64) {
            bail!("slot {} cannot hold a /usr of {size} bytes", self.slot);
        }
        let doing = || format!("read {}", self.data.path.display());
        let file = File::open(&self.data.path).with_context(doing)?;
        verity::read_leaves(salt, size, |offset, part| {
            file.read_exact_at(part, self.data.offset + offset).with_context(doing)
        })
    }
}

/// Has what memory holds of a file or a device read from the disk again. What is not on the disk yet stays.
pub(crate) fn forget(file: &File, offset: u64, size: u64) -> Result<()> {
    Ok(fadvise(file, offset, NonZeroU64::new(size), Advice::DontNeed)?)
}

/// Reads the superblock and the top of the tree that a hash partition begins with. `room` is the size of the slot's data
/// partition, in bytes; `read` reads the hash partition.
///
/// # Errors
/// There is no tree, it is for more data than there is room, or it cannot be read: why, for people.
pub fn read_tree(
    slot: Slot,
    room: u64,
    read: impl Fn(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<(Superblock, RootHash), NoTree> {
    let (data, hashes) = (slot.data().label, slot.verity().label);
    let no_tree = |e: io::Error| {
        let text = format!("{hashes} cannot be read ({e})");
        // Past the end there is nothing, now as later.
        if e.kind() == io::ErrorKind::UnexpectedEof { NoTree::Absent(text) } else { NoTree::Unreadable(text) }
    };
    let superblock = Superblock::parse(&read(0, BLOCK).map_err(no_tree)?)
        .map_err(|e| NoTree::Absent(format!("{hashes}: {e}")))?;
    if superblock.data_size() > room {
        let size = superblock.data_size();
        return Err(NoTree::Absent(format!("its hash tree is for {size} bytes, and {data} has {room}")));
    }
    let top = read(superblock.top_block_offset(), BLOCK).map_err(no_tree)?;
    let top = top.first_chunk().ok_or_else(|| NoTree::Absent("its hash tree is cut short".into()))?;
    let root_hash = root_hash_of_top(top, &superblock);
    Ok((superblock, root_hash))
}
