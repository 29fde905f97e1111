//! A disk's partition table on the disk, and in the kernel.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use disk_table::{Extent, Geometry, KernelChange, Loaded, Table, Unreadable, Write, kernel_changes, load};
use sys::block::{self, device_path};

use crate::device::read_at;
use crate::programs::wipefs;

/// What says how a disk is divided.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// A GUID partition table.
    Table(Box<Loaded>),
    /// Nothing: nor is there anything else on the disk.
    Blank,
    /// Something else, and why it is no table that can be changed.
    Other(String),
}

/// Looks at a disk.
///
/// # Errors
/// It cannot be read.
pub fn read(node: &Path, geometry: Geometry) -> Result<State, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", node.display());
    let file = File::open(node).map_err(failed)?;
    match load(geometry, |offset, length| read_at(&file, offset, length)) {
        Ok(loaded) if loaded.table.fits(geometry) => Ok(State::Table(Box::new(loaded))),
        Ok(_) => Ok(State::Other("its table is not where partitioners put it".to_owned())),
        Err(Unreadable::NotGpt) => match wipefs::list(node)? {
            kinds if kinds.is_empty() => Ok(State::Blank),
            kinds => Ok(State::Other(format!("it holds {}", kinds.join(", ")))),
        },
        Err(Unreadable::Io(error)) => Err(failed(error)),
        Err(damaged) => Ok(State::Other(damaged.to_string())),
    }
}

/// Writes a table's copies, each of which is on the disk before the next is begun.
///
/// # Errors
/// The disk cannot be written.
pub fn write(node: &Path, writes: &[Vec<Write>]) -> Result<(), String> {
    let write = || {
        let disk = OpenOptions::new().write(true).open(node)?;
        for writes in writes {
            for write in writes {
                disk.write_all_at(&write.bytes, write.offset)?;
            }
            disk.sync_all()?;
        }
        Ok(())
    };
    write().map_err(|error: io::Error| {
        format!("cannot write the partition table of {}: {error}", node.display())
    })
}

/// Has the kernel see the partitions of a table on the disk with this name, and no others.
///
/// # Errors
/// The kernel refuses.
pub fn tell_kernel(disk: &str, table: &Table) -> Result<(), String> {
    let node = device_path(disk);
    let gone = || format!("the disk {disk} went away");
    let known = block::disk(disk).ok_or_else(gone)?;
    let geometry = Geometry::new(known.size, known.block_size);
    let extents: Vec<Extent> =
        known.partitions.iter().map(|p| Extent { number: p.number, start: p.start, size: p.size }).collect();
    for change in kernel_changes(&extents, table, geometry) {
        let told = match change {
            KernelChange::Delete(number) => block::delete_partition(&node, number),
            KernelChange::Resize(p) => block::resize_partition(&node, p.number, p.start, p.size),
            KernelChange::Add(p) => block::add_partition(&node, p.number, p.start, p.size),
        };
        told.map_err(|error| error.to_string())?;
    }
    Ok(())
}
