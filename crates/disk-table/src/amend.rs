//! What stage 1 changes in a table: identifiers on first boot, and the size when there is room.

use std::fmt;

use layout::Guid;
use layout::disk::{ALIGNMENT, DISK_GUID, KEEP_SIZE, REMADE, ROOT};

use super::{Geometry, Loaded, Origin, Table, Write};

/// Random identifiers: the disk's, then one for each partition of [`REMADE`].
pub type Identifiers = [Guid; 1 + REMADE.len()];

/// A reason to write the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The first copy was damaged; it is restored from the backup.
    Repaired,
    /// The disk and its own partitions got identifiers of their own.
    Identified,
    /// The backup was not at the end of the disk.
    BackupMoved,
    /// ROOT takes the free space behind it.
    RootGrown {
        /// Its size before, in bytes.
        from: u64,
        /// Its size now, in bytes.
        to: u64,
    },
}

/// A table to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The table as it will be.
    pub table: Table,
    /// Why.
    pub changes: Vec<Change>,
    /// How: each element is to be on the disk before the next is begun.
    pub writes: [Vec<Write>; 2],
}

/// Whether an identifier of the table is still the one that every image is shipped with.
pub fn is_as_shipped(table: &Table) -> bool {
    table.disk_guid == DISK_GUID
        || REMADE.iter().any(|shipped| table.find(shipped).is_some_and(|p| p.guid == shipped.guid))
}

/// What there is to change in the table of a disk. `fresh` are the identifiers for one that
/// [`is_as_shipped`]. None where all is as it should be, and for a table of another partitioner that
/// lets partitions lie where the two copies would be written.
///
/// ROOT grows to the next partition behind it, or to the end of the disk, unless it is to keep its size
/// ([`KEEP_SIZE`]).
pub fn amend(loaded: &Loaded, geometry: Geometry, fresh: Option<Identifiers>) -> Option<Amendment> {
    change(loaded, geometry, |table| {
        let mut changes = settlements(table, loaded, geometry, fresh);
        changes.extend(grow_root(table, geometry));
        changes
    })
}

/// Like [`amend`], but ROOT stays as it is: what comes before a config that has a say in the disk's partitions.
pub fn settle(loaded: &Loaded, geometry: Geometry, fresh: Option<Identifiers>) -> Option<Amendment> {
    change(loaded, geometry, |table| settlements(table, loaded, geometry, fresh))
}

fn change(
    loaded: &Loaded,
    geometry: Geometry,
    change: impl FnOnce(&mut Table) -> Vec<Change>,
) -> Option<Amendment> {
    let mut table = loaded.table.clone();
    if !table.fits(geometry) {
        return None;
    }
    let changes = change(&mut table);
    (!changes.is_empty()).then(|| Amendment { writes: loaded.writes(&table, geometry), table, changes })
}

fn settlements(
    table: &mut Table,
    loaded: &Loaded,
    geometry: Geometry,
    fresh: Option<Identifiers>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    if loaded.origin == Origin::Backup {
        changes.push(Change::Repaired);
    }
    if let Some([disk, partitions @ ..]) = fresh.filter(|_| is_as_shipped(table)) {
        table.disk_guid = disk;
        for (shipped, guid) in REMADE.iter().zip(partitions) {
            if let Some(partition) = table.find(shipped) {
                table.set_guid(partition.number, guid);
            }
        }
        changes.push(Change::Identified);
    }
    let backup_is_elsewhere = loaded.origin == Origin::Primary && loaded.alternate != geometry.last_block();
    let last_usable = table.usable(geometry).end - 1;
    if backup_is_elsewhere || table.last_usable < last_usable {
        table.last_usable = last_usable;
        changes.push(Change::BackupMoved);
    }
    changes
}

fn grow_root(table: &mut Table, geometry: Geometry) -> Option<Change> {
    let root = table.find(&ROOT).filter(|root| root.attributes & KEEP_SIZE == 0)?;
    let behind = table.partitions().into_iter().map(|p| p.first).filter(|first| *first > root.last).min();
    let end = behind.unwrap_or(table.last_usable + 1).min(table.last_usable + 1);
    let unit = (ALIGNMENT / geometry.block_size).max(1);
    let last = (end / unit * unit).checked_sub(1).filter(|last| *last > root.last)?;
    table.set_last(root.number, last);
    let bytes = |last: u64| (last + 1 - root.first) * geometry.block_size;
    Some(Change::RootGrown { from: bytes(root.last), to: bytes(last) })
}

/// What size, in bytes, ROOT will have once it has grown.
pub fn root_size_to_be(table: &Table, geometry: Geometry) -> Option<u64> {
    let mut table = table.clone();
    grow_root(&mut table, geometry);
    table.find(&ROOT).map(|root| (root.last + 1 - root.first) * geometry.block_size)
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repaired => f.write_str("the damaged first copy is restored from the backup"),
            Self::Identified => f.write_str("the disk, the ESP and ROOT get identifiers of their own"),
            Self::BackupMoved => f.write_str("the backup moves to the end of the disk"),
            Self::RootGrown { from, to } => {
                write!(f, "ROOT grows from {} MiB to {} MiB", from >> 20, to >> 20)
            }
        }
    }
}
