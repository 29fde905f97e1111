//! Layer: pure. The GUID partition table (UEFI specification, section 5.3): read from either of its copies,
//! changed, and written so that a power cut at any moment leaves a copy that can be read.
//!
//! The kernel and the firmware trust the first copy; where that one is torn, firmware and this
//! module take the backup in the disk's last block. So a change writes the backup, waits until it
//! is on the disk, and only then writes the first copy.
//!
//! [`amend`] and [`settle`] say what stage 1 changes in the table of its own disk, [`kernel_changes`] what the
//! kernel must be told of a table that was changed while partitions of it are in use.
#![forbid(unsafe_code)]

mod amend;
mod kernel;
mod table;

pub use amend::{Amendment, Change, Identifiers, amend, is_as_shipped, root_size_to_be, settle};
pub use kernel::{Extent, KernelChange, kernel_changes};
pub use table::{Fault, Loaded, MOST_NAME_UNITS, Origin, Partition, Table, Unreadable, load};

/// How a disk is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes in a logical block.
    pub block_size: u64,
    /// Number of blocks.
    pub blocks: u64,
}

impl Geometry {
    /// Of a disk of `size` bytes.
    pub fn new(size: u64, block_size: u64) -> Self {
        Self { block_size, blocks: size / block_size }
    }

    /// The blocks of so many bytes; None where they do not end with a block.
    pub fn blocks_of(self, bytes: u64) -> Option<u64> {
        bytes.is_multiple_of(self.block_size).then(|| bytes / self.block_size)
    }

    fn last_block(self) -> u64 {
        self.blocks.saturating_sub(1)
    }
}

/// Bytes to be written to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where, in bytes from the start of the disk.
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
}
