//! Block devices as sysfs shows them, and the ioctls of their partition tables.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Doing, Error, Result};
use crate::ioctl;

const SYS_BLOCK: &str = "/sys/block";
/// `BLKRRPART` (linux/fs.h).
const REREAD_PARTITIONS: std::ffi::c_ulong = ioctl::none(0x12, 95);
/// sysfs counts in these, whatever the device's own block is.
const SYSFS_SECTOR: u64 = 512;

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Kernel name, for example `vda` or `nvme0n1`.
    pub name: String,
    /// Where it is attached: its path in sysfs, from the bus down. Unlike the name it does not
    /// depend on the order in which the kernel found the disks.
    pub place: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// Logical block size in bytes.
    pub block_size: u64,
    /// Partitions as the kernel sees them, by number.
    pub partitions: Vec<DiskPartition>,
}

/// A partition as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskPartition {
    /// Kernel name, for example `vda1` or `nvme0n1p1`.
    pub name: String,
    /// Number in the table, from 1.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Size in bytes.
    pub size: u64,
}

/// The device node of a kernel name. A `/` in the name stands as `!` in sysfs.
pub fn device_path(name: &str) -> PathBuf {
    Path::new("/dev").join(name.replace('!', "/"))
}

/// Disks of hardware, by name: no loop, memory, device-mapper or optical device, no floppy, no
/// path of a multipath NVMe, none without a medium. A disk that goes away meanwhile is left out.
pub fn disks() -> Result<Vec<Disk>> {
    let mut disks = Vec::new();
    for entry in fs::read_dir(SYS_BLOCK).doing_to("list", Path::new(SYS_BLOCK))?.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let folder = entry.path();
        let hidden = number::<u32>(&folder, "hidden").is_some_and(|h| h != 0);
        if name.starts_with("fd") || name.starts_with("sr") || hidden || !folder.join("device").exists() {
            continue;
        }
        if let Some(disk) = read_disk(name, &folder).filter(|d| d.size > 0) {
            disks.push(disk);
        }
    }
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(disks)
}

/// The disk of that name as the kernel sees it now. None where there is none.
pub fn disk(name: &str) -> Option<Disk> {
    read_disk(name.to_owned(), &Path::new(SYS_BLOCK).join(name))
}

fn read_disk(name: String, folder: &Path) -> Option<Disk> {
    let mut partitions: Vec<_> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let folder = entry.path();
            Some(DiskPartition {
                number: number(&folder, "partition")?,
                start: number::<u64>(&folder, "start")? * SYSFS_SECTOR,
                size: number::<u64>(&folder, "size")? * SYSFS_SECTOR,
                name: entry.file_name().into_string().ok()?,
            })
        })
        .collect();
    partitions.sort_by_key(|p| p.number);
    Some(Disk {
        size: number::<u64>(folder, "size")? * SYSFS_SECTOR,
        block_size: number(folder, "queue/logical_block_size")?,
        place: fs::canonicalize(folder).ok()?,
        name,
        partitions,
    })
}

fn number<T: FromStr>(folder: &Path, file: &str) -> Option<T> {
    fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
}

/// Has the kernel read the disk's partition table anew. No partition of it may be in use.
pub fn reread_partitions(disk: &Path) -> Result<()> {
    let file = File::open(disk).doing_to("open", disk)?;
    ioctl::without_argument(file.as_fd(), REREAD_PARTITIONS).map_err(|e| {
        Error::new(format!("have the kernel read the partition table of {} anew", disk.display()), e)
    })?;
    Ok(())
}
