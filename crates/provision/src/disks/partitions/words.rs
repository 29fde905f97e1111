//! How places and partitions are called in what a person reads.

use disk_table::{Geometry, Partition};
use layout::disk::MIB;

use super::Refusal;
use super::wanted::Wanted;
use crate::disks::placement::NoPlace;

/// Why there is no place for a partition.
pub fn describe(
    wanted: &Wanted,
    number: u32,
    no_place: &NoPlace,
    start: u64,
    size: u64,
    geometry: Geometry,
    there: &[Partition],
) -> Refusal {
    let mib = |blocks: u64| show(blocks, geometry);
    let (cause, next_step) = match no_place {
        NoPlace::Full => {
            (format!("there is no free space for partition {number}"), "a larger disk, or fewer partitions")
        }
        NoPlace::StartIsTaken(owner) => {
            let of = owner.and_then(|owner| there.iter().find(|p| p.number == owner));
            let taken = match (owner, of) {
                (Some(owner), Some(of)) => format!("in partition {owner} ({})", named(of)),
                (Some(owner), None) => format!("in partition {owner}"),
                (None, _) => "outside of the disk".to_owned(),
            };
            (
                format!("partition {number} is to begin at {}, which is {taken}", mib(start)),
                "another startMiB, or 0",
            )
        }
        NoPlace::OnlySoMany(blocks) => {
            let begin = if start == 0 {
                "in the largest free space".to_owned()
            } else {
                format!("at {}", mib(start))
            };
            let cause = format!(
                "partition {number} is to have {}, and {begin} there are {} free",
                mib(size),
                mib(*blocks)
            );
            (cause, "a smaller sizeMiB, or 0 for all that is free")
        }
        NoPlace::StartIsElsewhere(largest) => {
            let cause = format!(
                "partition {number} is to begin at {} and to fill the largest free space, which begins at {}",
                mib(start),
                mib(largest.first)
            );
            (cause, "a sizeMiB, or startMiB: 0")
        }
    };
    wanted.refuse(cause, next_step)
}

/// A number of blocks, as a size.
pub fn show(blocks: u64, geometry: Geometry) -> String {
    let bytes = blocks.saturating_mul(geometry.block_size);
    match bytes.is_multiple_of(MIB) {
        true => format!("{} MiB", bytes / MIB),
        false => format!("{} MiB and {} bytes", bytes / MIB, bytes % MIB),
    }
}

/// A partition's label.
pub fn named(p: &Partition) -> String {
    if p.name.is_empty() { "without a label".to_owned() } else { p.name.clone() }
}
