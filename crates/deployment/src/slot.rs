//! A slot: its two partitions, what they hold, and how they are written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::Result;
use layout::{Guid, Slot};
use verity::{BLOCK, RootHash, Superblock, root_hash_of_top};

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
}

impl SlotDevice {
    /// The tree that the hash partition begins with.
    ///
    /// # Errors
    /// There is none, or it cannot be read: why, for people.
    pub fn tree(&self) -> Result<(Superblock, RootHash), String> {
        read_tree(self.slot, self.data.size, |offset, length| self.hashes.read(offset, length))
    }

    /// Erases the superblock: what the slot holds is not whole from here on. It is on the disk when this returns.
    ///
    /// # Errors
    /// The partition cannot be written.
    pub fn invalidate(&self) -> Result<()> {
        anyhow::bail!("not built yet")
    }

    /// Builds the hash tree of the first `size` bytes of data, which are on the disk, writes it, and last its superblock.
    ///
    /// # Errors
    /// The root hash is not `wanted`, or a partition cannot be read or written.
    pub fn seal(&self, size: u64, uuid: Guid, salt: &[u8], wanted: RootHash) -> Result<()> {
        _ = (size, uuid, salt, wanted);
        anyhow::bail!("not built yet")
    }

    /// Reads the slot back from the disk, not from memory, and compares every block with the tree, and the tree with the
    /// root hash.
    ///
    /// # Errors
    /// Something differs, or cannot be read.
    pub fn verify(&self, wanted: RootHash) -> Result<()> {
        _ = wanted;
        anyhow::bail!("not built yet")
    }
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
) -> Result<(Superblock, RootHash), String> {
    let (data, hashes) = (slot.data().label, slot.verity().label);
    let unreadable = |e: io::Error| format!("{hashes} cannot be read ({e})");
    let superblock =
        Superblock::parse(&read(0, BLOCK).map_err(unreadable)?).map_err(|e| format!("{hashes}: {e}"))?;
    if superblock.data_size() > room {
        return Err(format!("its hash tree is for {} bytes, and {data} has {room}", superblock.data_size()));
    }
    let top = read(superblock.top_block_offset(), BLOCK).map_err(unreadable)?;
    let top = top.first_chunk().ok_or("its hash tree is cut short")?;
    let root_hash = root_hash_of_top(top, &superblock);
    Ok((superblock, root_hash))
}
