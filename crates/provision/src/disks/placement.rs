//! Where a partition lies whose place the config leaves open: as sgdisk(8) has it, by which the reference goes.

use disk_table::{Geometry, Table};
use layout::disk::ALIGNMENT;

/// Blocks one behind the other, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first block.
    pub first: u64,
    /// The last block.
    pub last: u64,
}

impl Span {
    /// Number of blocks.
    pub fn blocks(self) -> u64 {
        self.last - self.first + 1
    }

    fn contains(self, block: u64) -> bool {
        (self.first..=self.last).contains(&block)
    }
}

/// Why there is no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlace {
    /// No block of the disk is free, or none at a whole mebibyte.
    Full,
    /// The start lies in a partition (its number), or outside of what partitions may use.
    StartIsTaken(Option<u32>),
    /// From the start on there are only so many blocks free.
    OnlySoMany(u64),
    /// The size is to be all of the largest free block, and the start is not in that.
    StartIsElsewhere(Span),
}

/// The place for a partition that begins at block `start` and has `size` blocks; 0 of either is for the disk to say:
/// the start of the largest block of free space (at a whole mebibyte), and its end.
pub fn place(table: &Table, geometry: Geometry, start: u64, size: u64) -> Result<Span, NoPlace> {
    let free = free_spans(table);
    // Of several that are equally large the first.
    let largest = free.iter().copied().reduce(|a, b| if b.blocks() > a.blocks() { b } else { a });
    let first = match start {
        0 => {
            let unit = (ALIGNMENT / geometry.block_size).max(1);
            let largest = largest.ok_or(NoPlace::Full)?;
            Some(largest.first.next_multiple_of(unit))
                .filter(|first| *first <= largest.last)
                .ok_or(NoPlace::Full)?
        }
        start => start,
    };
    let last = match (size, largest) {
        (0, None) => return Err(NoPlace::Full),
        (0, Some(largest)) if largest.contains(first) => return Ok(Span { first, last: largest.last }),
        (0, Some(largest)) => return Err(NoPlace::StartIsElsewhere(largest)),
        (size, _) => first.saturating_add(size - 1),
    };
    let Some(around) = free.iter().find(|span| span.contains(first)) else {
        let owner = table.partitions().into_iter().find(|p| (p.first..=p.last).contains(&first));
        return Err(NoPlace::StartIsTaken(owner.map(|p| p.number)));
    };
    match last <= around.last {
        true => Ok(Span { first, last }),
        false => Err(NoPlace::OnlySoMany(around.last - first + 1)),
    }
}

fn free_spans(table: &Table) -> Vec<Span> {
    let mut partitions = table.partitions();
    partitions.sort_by_key(|p| p.first);
    let mut free = Vec::new();
    let mut next = table.first_usable;
    for p in &partitions {
        if let Some(last) = p.first.checked_sub(1).filter(|last| *last >= next) {
            free.push(Span { first: next, last: last.min(table.last_usable) });
        }
        next = next.max(p.last.saturating_add(1));
    }
    free.push(Span { first: next, last: table.last_usable });
    free.retain(|span| span.first <= span.last);
    free
}
