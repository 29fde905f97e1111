//! What the kernel must be told of a table that has changed.
//!
//! The kernel reads a whole table anew only while no partition of the disk is in use. Where one is, it is told of
//! each change (`BLKPG`, linux/blkpg.h).

use super::{Geometry, Table};

/// A partition, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Number, from 1.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Size in bytes.
    pub size: u64,
}

/// A change that the kernel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelChange {
    /// The partition of this number is gone.
    Delete(u32),
    /// The end of one has moved.
    Resize(Extent),
    /// There is one more.
    Add(Extent),
}

/// What makes of the partitions that the kernel knows those of the table, in an order in which none overlaps another
/// in between.
pub fn kernel_changes(known: &[Extent], table: &Table, geometry: Geometry) -> Vec<KernelChange> {
    let wanted: Vec<Extent> = table
        .partitions()
        .iter()
        .map(|p| Extent {
            number: p.number,
            start: p.first * geometry.block_size,
            size: (p.last + 1 - p.first) * geometry.block_size,
        })
        .collect();
    let same_start = |a: &Extent, b: &Extent| a.number == b.number && a.start == b.start;
    let stays = |known: &&Extent| wanted.iter().any(|wanted| same_start(wanted, known));
    let deleted = known.iter().filter(|known| !stays(known)).map(|known| KernelChange::Delete(known.number));
    let mut changes: Vec<KernelChange> = deleted.collect();
    let of = |wanted: &Extent| known.iter().find(|known| same_start(known, wanted));
    let resized = wanted.iter().filter_map(|wanted| Some((*wanted, of(wanted)?.size)));
    let (smaller, larger): (Vec<_>, Vec<_>) =
        resized.filter(|(wanted, size)| wanted.size != *size).partition(|(wanted, size)| wanted.size < *size);
    changes.extend(smaller.into_iter().chain(larger).map(|(wanted, _)| KernelChange::Resize(wanted)));
    changes
        .extend(wanted.iter().filter(|wanted| of(wanted).is_none()).map(|wanted| KernelChange::Add(*wanted)));
    changes
}
