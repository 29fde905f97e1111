//! Block devices as sysfs shows them, and the ioctls of their partition tables.

use std::ffi::c_int;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Doing, Error, Result};
use crate::ioctl;

const SYS_BLOCK: &str = "/sys/block";
/// `BLKRRPART` (linux/fs.h).
const REREAD_PARTITIONS: std::ffi::c_ulong = ioctl::none(0x12, 95);
/// `BLKPG` (linux/blkpg.h): tells of one partition.
const TELL: std::ffi::c_ulong = ioctl::none(0x12, 105);
const ADD: c_int = 1;
const DELETE: c_int = 2;
const RESIZE: c_int = 3;
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

/// Has the kernel read ahead so many KiB where a file on the block device `device` is read in order, or a page of it is
/// touched (Documentation/ABI/stable/sysfs-block, `read_ahead_kb`).
pub fn set_read_ahead(device: &Path, kib: u32) -> Result<()> {
    let name = device.file_name().unwrap_or_default();
    let setting = Path::new(SYS_BLOCK).join(name).join("queue/read_ahead_kb");
    fs::write(&setting, kib.to_string()).doing_to("write", &setting)
}

/// Has the kernel read the disk's partition table anew. No partition of it may be in use.
pub fn reread_partitions(disk: &Path) -> Result<()> {
    let file = File::open(disk).doing_to("open", disk)?;
    ioctl::without_argument(file.as_fd(), REREAD_PARTITIONS).map_err(|e| {
        Error::new(format!("have the kernel read the partition table of {} anew", disk.display()), e)
    })?;
    Ok(())
}

/// Tells the kernel of a partition of `disk` that it does not know: `number` in the table, from `start` on, of `size`
/// bytes. Others may be in use.
pub fn add_partition(disk: &Path, number: u32, start: u64, size: u64) -> Result<()> {
    tell(disk, ADD, number, [start, size])
        .doing(|| format!("tell the kernel of partition {number} of {}", disk.display()))
}

/// Tells the kernel that a partition of `disk` is there no more. It must not be in use.
pub fn delete_partition(disk: &Path, number: u32) -> Result<()> {
    let doing = || format!("have the kernel forget partition {number} of {}", disk.display());
    tell(disk, DELETE, number, [0; 2]).doing(doing)
}

/// Tells the kernel of another size of a partition of `disk`, which may be in use.
pub fn resize_partition(disk: &Path, number: u32, start: u64, size: u64) -> Result<()> {
    let doing = || format!("tell the kernel that partition {number} of {} has {size} bytes", disk.display());
    tell(disk, RESIZE, number, [start, size]).doing(doing)
}

/// `struct blkpg_ioctl_arg` and the `struct blkpg_partition` that it points to.
#[repr(C)]
struct Told {
    operation: c_int,
    flags: c_int,
    length: c_int,
    partition: *const Partition,
}

#[repr(C)]
struct Partition {
    start: i64,
    size: i64,
    number: c_int,
    names: [u8; 128],
}

fn tell(disk: &Path, operation: c_int, number: u32, place: [u64; 2]) -> io::Result<()> {
    let too_large = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let [start, size] = place.map(|bytes| i64::try_from(bytes).map_err(too_large));
    let number = number.try_into().map_err(too_large)?;
    let partition = Partition { start: start?, size: size?, number, names: [0; 128] };
    let length = size_of::<Partition>() as c_int;
    let told = Told { operation, flags: 0, length, partition: &raw const partition };
    // SAFETY: the kernel reads the two structures, which outlive the call, and writes neither.
    unsafe { ioctl::with_structure(File::open(disk)?.as_fd(), TELL, &told) }
}
