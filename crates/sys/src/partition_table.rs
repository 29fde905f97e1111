//! Partition tables: on the disk, and as the kernel knows them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use disk_table::{Extent, Geometry, KernelChange, Loaded, Table, Unreadable, Write, kernel_changes};

use crate::block::{self, Disk};
use crate::error::{Doing, Result};

/// Reads the table of a disk that is open.
///
/// # Errors
/// There is none that can be read.
pub fn load(disk: &File, geometry: Geometry) -> std::result::Result<Loaded, Unreadable> {
    disk_table::load(geometry, |offset, length| read_at(disk, offset, length))
}

/// Bytes of a file, or of a device.
///
/// # Errors
/// There are not as many, or they cannot be read.
pub fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// Writes a table's copies, each of which is on the disk before the next is begun.
///
/// # Errors
/// The disk cannot be written.
pub fn write(node: &Path, writes: &[Vec<Write>]) -> Result<()> {
    let write = || -> io::Result<()> {
        let disk = OpenOptions::new().write(true).open(node)?;
        for writes in writes {
            for write in writes {
                disk.write_all_at(&write.bytes, write.offset)?;
            }
            disk.sync_all()?;
        }
        Ok(())
    };
    write().doing_to("write the partition table of", node)
}

/// Has the kernel see the partitions of a table on a disk, and no others. Partitions that stay may be in use.
///
/// # Errors
/// The kernel refuses.
pub fn tell_kernel(disk: &Disk, table: &Table) -> Result<()> {
    let node = block::device_path(&disk.name);
    let extents: Vec<Extent> =
        disk.partitions.iter().map(|p| Extent { number: p.number, start: p.start, size: p.size }).collect();
    for change in kernel_changes(&extents, table, geometry(disk)) {
        match change {
            KernelChange::Delete(number) => block::delete_partition(&node, number),
            KernelChange::Resize(p) => block::resize_partition(&node, p.number, p.start, p.size),
            KernelChange::Add(p) => block::add_partition(&node, p.number, p.start, p.size),
        }?;
    }
    Ok(())
}

/// How a disk is divided into blocks.
pub fn geometry(disk: &Disk) -> Geometry {
    Geometry::new(disk.size, disk.block_size)
}
