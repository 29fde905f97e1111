//! Layer: pure. What a disk was told, in order, and what of it a power cut leaves.
//!
//! A disk with a write cache promises this much: what was written before a flush that it has answered is on the
//! medium, and so is a write with forced unit access (FUA) that it has answered. Of all else, each sector may be
//! there or not, in any order: caches write back when and what they like. [`left_by`] says for a log of writes and
//! flushes what a cut leaves, in the worst ways that this promise allows, so that one recording gives as many crash
//! images as one likes.
//!
//! The log's format is that of Linux' dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst), which
//! QEMU's block driver `blklogwrites` writes too.
#![forbid(unsafe_code)]

mod contents;
mod cut;
mod format;

pub use contents::{Contents, Piece};
pub use cut::{Cut, Policy, left_by};
pub use format::{Fault, HEADER_SIZE, Header, Kind, Record, Superblock};

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR: u64 = 512;
