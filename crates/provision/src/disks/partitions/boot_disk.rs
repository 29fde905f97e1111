//! What may become of the disk that the machine was booted from.

use disk_table::{Geometry, Partition, Table};
use layout::disk::{KEEP_SIZE, MIB, PARTITIONS, ROOT};

use super::{Kind, Placed, Refusal};

/// The boot disk's own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootDisk {
    /// Bytes that ROOT must have: as many as the file system takes that stays on it.
    pub root_needs: u64,
}

/// Holds the boot disk to its rules.
pub fn allow(
    placed: &Placed,
    kind: Kind,
    old: Option<&Partition>,
    entry: Option<&Partition>,
    geometry: Geometry,
    boot: BootDisk,
) -> Result<(), Refusal> {
    let Placed { wanted, number, .. } = placed;
    let ours =
        |p: &Partition| PARTITIONS.iter().find(|ours| p.name == ours.label && p.type_guid == ours.type_guid);
    let is_taken = |entry: &&Partition| PARTITIONS.iter().any(|ours| ours.label == entry.name);
    let Some(old) = old.filter(|old| ours(old).is_some()) else {
        return match entry.filter(is_taken) {
            Some(entry) => Err(wanted
                .refuse(format!("the boot disk has a partition {} already", entry.name), "another label")),
            None => Ok(()),
        };
    };
    if !is_root(old) {
        let cause =
            format!("partition {number} of the boot disk is {}: the system is started from it", old.name);
        return Err(wanted.refuse(cause, "no number, for the next that is free; ROOT is label ROOT"));
    }
    let Some(new) = entry.filter(|new| new.first == old.first && is_root(new)) else {
        let cause = match kind {
            Kind::Deleted => "ROOT cannot be deleted".to_owned(),
            _ => "of ROOT only the size may change, and its GUID".to_owned(),
        };
        return Err(wanted.refuse(cause, "sizeMiB and resize: true, without startMiB and typeGuid"));
    };
    let size = (new.last + 1 - new.first) * geometry.block_size;
    let needs = boot.root_needs;
    if size < needs {
        let cause = format!(
            "ROOT would have {} MiB, and its file system takes {} MiB",
            size / MIB,
            needs.div_ceil(MIB)
        );
        return Err(wanted.refuse(
            cause,
            "a larger sizeMiB; or a file system of storage.filesystems on /dev/disk/by-partlabel/ROOT with \
             wipeFilesystem: true",
        ));
    }
    Ok(())
}

/// So little, in bytes, that a person should be told.
const SMALL_ROOT: u64 = 1 << 30;

/// What a person should know of the ROOT that there will be.
pub fn warn_of_small_root(table: &Table, geometry: Geometry) -> Option<String> {
    let is_given = table.find(&ROOT).is_some_and(|root| root.attributes & KEEP_SIZE != 0);
    let size = disk_table::root_size_to_be(table, geometry).filter(|_| !is_given)?;
    (size < SMALL_ROOT).then(|| {
        format!(
            "ROOT will have {} MiB only, since a partition of the config begins behind it: give ROOT a sizeMiB with \
             resize: true, or that one a startMiB",
            size / MIB
        )
    })
}

/// Whether a partition is ROOT.
pub fn is_root(p: &Partition) -> bool {
    p.name == ROOT.label && p.type_guid == ROOT.type_guid
}
