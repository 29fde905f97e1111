//! The whole disk, as a sparse raw file: GPT by crate gpt, every GUID set (UEFI Specification,
//! chapter 5), and the partitions of crate `layout`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition as Entry;
use gpt::partition_types::{OperatingSystem, Type};
use layout::disk::{
    ALIGNMENT, BIOS, DISK_GUID, ESP, PARTITIONS, ROOT, SECTOR, TAIL, USR_A, USR_A_VERITY, USR_B, USR_B_VERITY,
};
use layout::{Guid, Partition, Slot};
use uuid::Uuid;

use crate::esp::Esp;
use crate::size::TooLarge;
use crate::{Error, Result, sparse};

/// Sizes of the partitions, in bytes; each a multiple of [`ALIGNMENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// EFI system partition.
    pub esp: u64,
    /// BIOS boot partition.
    pub bios: u64,
    /// `/usr` of each slot.
    pub usr: u64,
    /// Hash tree of each slot.
    pub usr_verity: u64,
    /// ROOT in the image; it grows on first boot.
    pub root: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            esp: ESP.default_size,
            bios: BIOS.default_size,
            usr: USR_A.default_size,
            usr_verity: USR_A_VERITY.default_size,
            root: ROOT.default_size,
        }
    }
}

/// A partition in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which partition.
    pub partition: Partition,
    /// Where it begins, in bytes.
    pub start: u64,
    /// Its size, in bytes.
    pub size: u64,
}

impl Sizes {
    /// Where each partition lies, in order.
    pub fn places(&self) -> [Place; PARTITIONS.len()] {
        let mut start = ALIGNMENT;
        PARTITIONS.map(|partition| {
            let place = Place { partition, start, size: self.of(partition) };
            start += place.size;
            place
        })
    }

    /// Size of the whole disk, in bytes.
    pub fn disk_size(&self) -> u64 {
        self.places().iter().map(|place| place.size).sum::<u64>() + ALIGNMENT + TAIL
    }

    fn of(&self, partition: Partition) -> u64 {
        match partition {
            ESP => self.esp,
            BIOS => self.bios,
            USR_A | USR_B => self.usr,
            USR_A_VERITY | USR_B_VERITY => self.usr_verity,
            _ => self.root,
        }
    }
}

/// What a disk is made of.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'a> {
    /// Sizes of the partitions.
    pub sizes: Sizes,
    /// Content of the EFI system partition.
    pub esp: &'a Esp,
    /// GRUB's core image, where the disk boots by BIOS too.
    pub bios: Option<&'a Path>,
    /// The erofs for slot A.
    pub usr: &'a Path,
    /// Its hash tree.
    pub usr_verity: &'a Path,
    /// ROOT's file system.
    pub root: &'a Path,
    /// Every time in what is made here, in seconds.
    pub epoch: u64,
}

/// Writes the disk to `out`, sparse: blocks of zeros take no space.
///
/// # Errors
/// [`TooLarge`] where something does not fit its partition, a size that no partition can have, or a
/// file that cannot be read or written.
pub fn write(out: &Path, disk: &Disk) -> Result<()> {
    write_all(out, disk).inspect_err(|_| {
        // Half a disk would be taken for one; where it cannot be removed, the first error counts.
        let _ = fs::remove_file(out);
    })
}

fn write_all(out: &Path, disk: &Disk) -> Result<()> {
    let places = disk.sizes.places();
    for place in &places {
        if place.size == 0 || !place.size.is_multiple_of(ALIGNMENT) {
            let label = place.partition.label;
            return Err(Error::PartitionSize { label, size: place.size, alignment: ALIGNMENT });
        }
    }
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    let mut file = options.open(out).map_err(Error::io("writing", out))?;
    file.set_len(disk.sizes.disk_size()).map_err(Error::io("writing", out))?;
    let entries = places.iter().map(|place| (place.partition.number, entry(place))).collect();
    write_table(&mut file, out, DISK_GUID, disk.sizes.disk_size(), entries)?;

    for Place { partition, start, size } in places {
        let content = match partition {
            ESP => {
                disk.esp.write(&file, out, start, size, disk.epoch)?;
                None
            }
            BIOS => disk.bios,
            p if p == Slot::A.data() => Some(disk.usr),
            p if p == Slot::A.verity() => Some(disk.usr_verity),
            ROOT => Some(disk.root),
            _ => None,
        };
        if let Some(content) = content {
            copy(content, &file, out, start, size, partition.label)?;
        }
    }
    Ok(())
}

pub(crate) fn copy(from: &Path, to: &File, out: &Path, start: u64, room: u64, label: &str) -> Result<()> {
    let source = File::open(from).map_err(Error::io("reading", from))?;
    let size = source.metadata().map_err(Error::io("reading", from))?.len();
    if size > room {
        let (what, place) = (from.display().to_string(), label.to_owned());
        return Err(TooLarge { what, size, place, room, largest: Vec::new() }.into());
    }
    let mut source = sparse::Reader::new(&source).map_err(Error::io("reading", from))?;
    sparse::copy(&mut source, to, start).map_err(Error::io("writing", out))?;
    Ok(())
}

/// Writes a table of these partitions, by number, to a file of `size` bytes.
pub(crate) fn write_table(
    file: &mut File,
    path: &Path,
    disk_guid: Guid,
    size: u64,
    entries: BTreeMap<u32, Entry>,
) -> Result<()> {
    let failed = |cause: gpt::GptError| Error::Gpt { path: path.to_owned(), cause };
    let mut table = gpt::GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(&mut *file, Some(uuid(disk_guid)))
        .map_err(failed)?;
    table.update_partitions(entries).map_err(failed)?;
    table.write_inplace().map_err(failed)?;
    drop(table);
    // The sectors behind the first, as the protective MBR counts them; 32 bits hold 2 TiB.
    let covered = u32::try_from((size / SECTOR).saturating_sub(1)).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(covered)
        .overwrite_lba0(file)
        .map_err(|cause| Error::Gpt { path: path.to_owned(), cause: std::io::Error::other(cause).into() })?;
    Ok(())
}

fn entry(place: &Place) -> Entry {
    Entry {
        part_type_guid: Type { guid: uuid(place.partition.type_guid), os: OperatingSystem::None },
        part_guid: uuid(place.partition.guid),
        first_lba: place.start / SECTOR,
        last_lba: (place.start + place.size) / SECTOR - 1,
        flags: 0,
        name: place.partition.label.to_owned(),
    }
}

pub(crate) fn uuid(guid: Guid) -> Uuid {
    Uuid::from_bytes(guid.to_bytes())
}
