//! A small disk in memory, partitioned as an image is, by a library that is not ours.

#![allow(dead_code, missing_docs, reason = "each test binary uses its part of this")]

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::LazyLock;

use disk_table as ours;
use gpt::GptConfig;
use gpt::mbr::ProtectiveMBR;
use gpt::partition_types::{OperatingSystem, Type};
use layout::Guid;
use layout::disk::{DISK_GUID, MIB, PARTITIONS, SECTOR};
use uuid::Uuid;

/// Each partition of the test disk has this size.
pub const PARTITION: u64 = MIB;
/// Size of the test disk: room for the table on both ends.
pub const SIZE: u64 = 9 * MIB;

/// A disk's blocks of 512 bytes; one that is missing holds zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Disk {
    pub size: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Disk {
    /// As the builder ships it: shipped identifiers, ROOT up to the end.
    pub fn shipped() -> Self {
        static SHIPPED: LazyLock<Disk> = LazyLock::new(|| Disk::with(&PARTITIONS, DISK_GUID));
        SHIPPED.clone()
    }

    /// With these partitions, one behind the other.
    pub fn with(partitions: &[layout::Partition], guid: Guid) -> Self {
        let mut bytes = vec![0; SIZE as usize];
        let mut device = Cursor::new(&mut bytes);
        let end = u32::try_from(SIZE / SECTOR - 1).unwrap();
        ProtectiveMBR::with_lb_size(end).overwrite_lba0(&mut device).unwrap();
        let config = GptConfig::new().writable(true);
        let mut disk = config.create_from_device(device, Some(uuid(guid))).unwrap();
        let entries = partitions.iter().zip(1..).map(|(p, place)| {
            let entry = gpt::partition::Partition {
                part_type_guid: Type { guid: uuid(p.type_guid), os: OperatingSystem::None },
                part_guid: uuid(p.guid),
                first_lba: place * PARTITION / SECTOR,
                last_lba: (place + 1) * PARTITION / SECTOR - 1,
                flags: 0,
                name: p.label.to_owned(),
            };
            (p.number, entry)
        });
        disk.update_partitions(entries.collect()).unwrap();
        disk.write().unwrap();
        Self::from_bytes(&bytes)
    }

    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut disk = Self { size: bytes.len() as u64, blocks: BTreeMap::new() };
        disk.write(0, bytes);
        disk
    }

    pub fn grown_to(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    pub fn geometry(&self) -> ours::Geometry {
        ours::Geometry::new(self.size, SECTOR)
    }

    pub fn load(&self) -> Result<ours::Loaded, ours::Unreadable> {
        ours::load(self.geometry(), |offset, length| self.read(offset, length))
    }

    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        if offset + length as u64 > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let blocks = offset / SECTOR..(offset + length as u64).div_ceil(SECTOR);
        let zeros = vec![0; SECTOR as usize];
        let bytes: Vec<u8> = blocks.flat_map(|at| self.blocks.get(&at).unwrap_or(&zeros).clone()).collect();
        let skip = (offset % SECTOR) as usize;
        Ok(bytes[skip..skip + length].to_vec())
    }

    /// Writes whole blocks.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        assert_eq!(offset % SECTOR, 0);
        assert_eq!(bytes.len() as u64 % SECTOR, 0, "whole blocks");
        assert!(offset + bytes.len() as u64 <= self.size, "inside the disk");
        for (block, at) in bytes.chunks_exact(SECTOR as usize).zip(offset / SECTOR..) {
            if block.iter().any(|b| *b != 0) {
                self.blocks.insert(at, block.to_vec());
            } else {
                self.blocks.remove(&at);
            }
        }
    }

    /// Both copies as the foreign library reads them; it accepts only whole ones.
    pub fn read_by_another(&self) -> gpt::GptDisk<Cursor<Vec<u8>>> {
        let bytes = self.read(0, self.size as usize).unwrap();
        GptConfig::new().only_valid_headers(true).open_from_device(Cursor::new(bytes)).unwrap()
    }
}

pub fn uuid(guid: Guid) -> Uuid {
    Uuid::from_bytes(guid.to_bytes())
}

pub fn identifiers(first: u8) -> ours::Identifiers {
    std::array::from_fn(|i| Guid::from_random([first + i as u8; 16]))
}
