//! The table's bytes.

use std::io;
use std::ops::Range;

use layout::Guid;

use super::{Geometry, Write};

const SIGNATURE: &[u8; 8] = b"EFI PART";
const REVISION: u32 = 0x0001_0000;
/// Bytes of a header of revision 1.0; the rest of its block is reserved.
const HEADER: usize = 92;
/// Where the first copy's header stands, and where the entries of one that we write do.
const PRIMARY: u64 = 1;
const PRIMARY_ENTRIES: u64 = 2;
/// Smallest size of an entry; others are this times a power of two.
const ENTRY: usize = 128;
/// Far more than any partitioner makes (128 entries of 128 bytes are 16 KiB).
const MOST_ENTRY_BYTES: usize = 1 << 20;
/// Partition type of a protective MBR's only record.
const PROTECTIVE: u8 = 0xee;
/// Entries of a table that we make: as many as every partitioner makes.
const ENTRIES: usize = 128;
/// The longest name of a partition, in UTF-16 units.
pub const MOST_NAME_UNITS: usize = 36;

/// Why one copy of a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Reading failed.
    #[error("it cannot be read ({0})")]
    Io(io::Error),
    /// There is no such thing here.
    #[error("it has no signature")]
    NoSignature,
    /// Torn or damaged.
    #[error("the checksum of its {0} is wrong")]
    Checksum(&'static str),
    /// A field holds what it cannot.
    #[error("its {0} is impossible")]
    Impossible(&'static str),
    /// The disk was bigger once.
    #[error("it is for a disk of at least {wanted} blocks, and this one has {blocks}")]
    DiskTooSmall {
        /// Blocks that the table wants.
        wanted: u64,
        /// Blocks that there are.
        blocks: u64,
    },
}

/// Why a disk gives no table.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Nothing there says that this disk has a GUID partition table.
    #[error("it has no GUID partition table")]
    NotGpt,
    /// Reading the first blocks failed.
    #[error("it cannot be read ({0})")]
    Io(io::Error),
    /// Neither copy can be used.
    #[error("the partition table: {primary}; its backup: {backup}")]
    Both {
        /// Fault of the first copy.
        primary: Fault,
        /// Fault of the backup.
        backup: Fault,
    },
}

/// Which copy a table was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The first copy, at the start of the disk.
    Primary,
    /// The backup, at its end; the first copy is damaged.
    Backup,
}

/// A table and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The table.
    pub table: Table,
    /// The copy that it was read from.
    pub origin: Origin,
    /// Block of the other copy, as this one says.
    pub alternate: u64,
    /// The protective MBR.
    mbr: [u8; 512],
}

/// A table. What its entries hold beyond the fields known here is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The disk's GUID.
    pub disk_guid: Guid,
    /// First block that partitions may use.
    pub first_usable: u64,
    /// Last block that partitions may use.
    pub last_usable: u64,
    entry_size: usize,
    entries: Vec<u8>,
}

/// An entry that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Number, from 1.
    pub number: u32,
    /// What it is for.
    pub type_guid: Guid,
    /// PARTUUID.
    pub guid: Guid,
    /// First block.
    pub first: u64,
    /// Last block.
    pub last: u64,
    /// Attribute bits.
    pub attributes: u64,
    /// Label.
    pub name: String,
}

impl Loaded {
    /// An empty table for a disk that has none, which need not be on it. None where the disk is too small.
    pub fn empty(geometry: Geometry, disk_guid: Guid) -> Option<Self> {
        let mut mbr = [0; 512];
        // From block 1 on; cylinders and heads as the UEFI specification has them (section 5.2.3).
        mbr[446..458].copy_from_slice(&[0, 0, 2, 0, PROTECTIVE, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
        mbr[510..].copy_from_slice(&[0x55, 0xaa]);
        let mut table = Table {
            disk_guid,
            first_usable: 0,
            last_usable: 0,
            entry_size: ENTRY,
            entries: vec![0; ENTRIES * ENTRY],
        };
        let usable = table.usable(geometry);
        (table.first_usable, table.last_usable) = (usable.start, usable.end.checked_sub(1)?);
        let has_room = table.first_usable <= table.last_usable;
        has_room.then_some(Self { table, origin: Origin::Primary, alternate: geometry.last_block(), mbr })
    }

    /// What must be written for both copies to hold `table`, a changed one of this disk's. Each element is to be
    /// on the disk before the next is begun.
    pub fn writes(&self, table: &Table, geometry: Geometry) -> [Vec<Write>; 2] {
        table.writes(geometry, &self.mbr)
    }
}

/// Reads the table of a disk, `read(offset, length)` giving that many bytes of it.
///
/// # Errors
/// Where there is none, or neither copy is whole.
pub fn load(
    geometry: Geometry,
    mut read: impl FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<Loaded, Unreadable> {
    let block = geometry.block_size as usize;
    if geometry.blocks < 6 || !(512..=65536).contains(&block) || !block.is_power_of_two() {
        return Err(Unreadable::NotGpt);
    }
    let start = read(0, 2 * block).map_err(Unreadable::Io)?;
    let (first, header) = start.split_at_checked(block).ok_or(Unreadable::NotGpt)?;
    let mbr: [u8; 512] = *first.first_chunk().ok_or(Unreadable::NotGpt)?;
    if !is_protective(&mbr) {
        return Err(Unreadable::NotGpt);
    }
    let primary = match Table::decode(header, PRIMARY, geometry, &mut read) {
        Ok((table, alternate)) => return Ok(Loaded { table, origin: Origin::Primary, alternate, mbr }),
        Err(fault) => fault,
    };
    let last = geometry.last_block();
    let backup = read(last * geometry.block_size, block)
        .map_err(Fault::Io)
        .and_then(|header| Table::decode(&header, last, geometry, &mut read));
    match backup {
        Ok((table, alternate)) => Ok(Loaded { table, origin: Origin::Backup, alternate, mbr }),
        Err(backup) => Err(Unreadable::Both { primary, backup }),
    }
}

fn is_protective(mbr: &[u8; 512]) -> bool {
    let records = mbr[446..510].chunks_exact(16);
    mbr[510..] == [0x55, 0xaa] && records.into_iter().any(|record| record[4] == PROTECTIVE)
}

impl Table {
    /// Reads the copy whose header block stands at block `at`; gives the other copy's block too.
    fn decode(
        header: &[u8],
        at: u64,
        geometry: Geometry,
        read: &mut impl FnMut(u64, usize) -> io::Result<Vec<u8>>,
    ) -> Result<(Self, u64), Fault> {
        if header.len() < HEADER || &header[..8] != SIGNATURE {
            return Err(Fault::NoSignature);
        }
        let size = u32_at(header, 12) as usize;
        if !(HEADER..=header.len()).contains(&size) {
            return Err(Fault::Impossible("header size"));
        }
        let mut summed = header[..size].to_vec();
        summed[16..20].fill(0);
        if crc32fast::hash(&summed) != u32_at(header, 16) {
            return Err(Fault::Checksum("header"));
        }
        if u64_at(header, 24) != at {
            return Err(Fault::Impossible("own place"));
        }
        let (count, entry_size) = (u32_at(header, 80) as usize, u32_at(header, 84) as usize);
        let length = count.checked_mul(entry_size).filter(|l| (1..=MOST_ENTRY_BYTES).contains(l));
        let (Some(length), true) = (length, entry_size % ENTRY == 0 && entry_size.is_power_of_two()) else {
            return Err(Fault::Impossible("number or size of entries"));
        };
        let (first_usable, last_usable) = (u64_at(header, 40), u64_at(header, 48));
        if last_usable >= geometry.blocks {
            return Err(Fault::DiskTooSmall { wanted: last_usable + 1, blocks: geometry.blocks });
        }
        let entries_at = u64_at(header, 72);
        let last_entry_block = entries_at.saturating_add(blocks_of(length, geometry) - 1);
        if first_usable > last_usable || entries_at < PRIMARY_ENTRIES || last_entry_block >= geometry.blocks {
            return Err(Fault::Impossible("range"));
        }
        let entries = read(entries_at * geometry.block_size, length).map_err(Fault::Io)?;
        if entries.len() != length || crc32fast::hash(&entries) != u32_at(header, 88) {
            return Err(Fault::Checksum("entries"));
        }
        let disk_guid = Guid::from_gpt_bytes(array_at(header, 56));
        Ok((Self { disk_guid, first_usable, last_usable, entry_size, entries }, u64_at(header, 32)))
    }

    /// The partitions, in order of number.
    pub fn partitions(&self) -> Vec<Partition> {
        let numbered = self.entries.chunks_exact(self.entry_size).zip(1..);
        numbered.filter_map(|(entry, number)| Partition::decode(entry, number)).collect()
    }

    /// The partition with this label and type.
    pub fn find(&self, wanted: &layout::Partition) -> Option<Partition> {
        let matches = |p: &Partition| p.name == wanted.label && p.type_guid == wanted.type_guid;
        self.partitions().into_iter().find(matches)
    }

    /// How many entries there are, used or not: the highest number of a partition.
    pub fn capacity(&self) -> u32 {
        (self.entries.len() / self.entry_size) as u32
    }

    /// Removes partition `number`.
    pub fn remove(&mut self, number: u32) {
        self.put(number, 0, &[0; ENTRY]);
    }

    /// Puts a partition in the place of its number, whatever is there. Of a name that is too long the first
    /// [`MOST_NAME_UNITS`] are taken.
    pub fn insert(&mut self, partition: &Partition) {
        let mut entry = [0; ENTRY];
        entry[..16].copy_from_slice(&partition.type_guid.to_gpt_bytes());
        entry[16..32].copy_from_slice(&partition.guid.to_gpt_bytes());
        entry[32..40].copy_from_slice(&partition.first.to_le_bytes());
        entry[40..48].copy_from_slice(&partition.last.to_le_bytes());
        entry[48..56].copy_from_slice(&partition.attributes.to_le_bytes());
        let units = partition.name.encode_utf16().take(MOST_NAME_UNITS).flat_map(u16::to_le_bytes);
        entry[56..].iter_mut().zip(units).for_each(|(to, byte)| *to = byte);
        self.put(partition.number, 0, &entry);
    }

    /// Lets partitions use all blocks up to where the backup stands at the end of the disk.
    pub fn use_whole_disk(&mut self, geometry: Geometry) {
        self.last_usable = self.last_usable.max(self.usable(geometry).end - 1);
    }

    /// Gives partition `number` another PARTUUID.
    pub fn set_guid(&mut self, number: u32, guid: Guid) {
        self.put(number, 16, &guid.to_gpt_bytes());
    }

    /// Moves the end of partition `number`.
    pub fn set_last(&mut self, number: u32, last: u64) {
        self.put(number, 40, &last.to_le_bytes());
    }

    fn put(&mut self, number: u32, at: usize, field: &[u8]) {
        let start = (number as usize - 1) * self.entry_size + at;
        self.entries[start..start + field.len()].copy_from_slice(field);
    }

    /// The blocks between the two copies, where these stand as [`Self::writes`] puts them.
    pub(super) fn usable(&self, geometry: Geometry) -> Range<u64> {
        let entries = blocks_of(self.entries.len(), geometry);
        PRIMARY_ENTRIES + entries..geometry.last_block().saturating_sub(entries)
    }

    /// Whether no partition may lie where the two copies are written: so it is unless another partitioner put them
    /// elsewhere.
    pub fn fits(&self, geometry: Geometry) -> bool {
        let usable = self.usable(geometry);
        usable.start <= self.first_usable && self.last_usable < usable.end
    }

    /// What must be written for both copies to hold this table, the backup being at the disk's
    /// end. Each element is to be on the disk before the next is begun.
    fn writes(&self, geometry: Geometry, mbr: &[u8; 512]) -> [Vec<Write>; 2] {
        let last = geometry.last_block();
        let backup_entries = last - blocks_of(self.entries.len(), geometry);
        let block = |number: u64, bytes: Vec<u8>| Write { offset: number * geometry.block_size, bytes };
        let mut first_block = mbr.to_vec();
        protect(&mut first_block, geometry);
        [
            vec![
                Write { offset: 0, bytes: first_block },
                block(backup_entries, self.entries.clone()),
                block(last, self.header(geometry, last, PRIMARY, backup_entries)),
            ],
            vec![
                block(PRIMARY, self.header(geometry, PRIMARY, last, PRIMARY_ENTRIES)),
                block(PRIMARY_ENTRIES, self.entries.clone()),
            ],
        ]
    }

    fn header(&self, geometry: Geometry, at: u64, other: u64, entries_at: u64) -> Vec<u8> {
        let mut block = vec![0; geometry.block_size as usize];
        let mut put = |at: usize, field: &[u8]| block[at..at + field.len()].copy_from_slice(field);
        put(0, SIGNATURE);
        put(8, &REVISION.to_le_bytes());
        put(12, &(HEADER as u32).to_le_bytes());
        put(24, &at.to_le_bytes());
        put(32, &other.to_le_bytes());
        put(40, &self.first_usable.to_le_bytes());
        put(48, &self.last_usable.to_le_bytes());
        put(56, &self.disk_guid.to_gpt_bytes());
        put(72, &entries_at.to_le_bytes());
        put(80, &((self.entries.len() / self.entry_size) as u32).to_le_bytes());
        put(84, &(self.entry_size as u32).to_le_bytes());
        put(88, &crc32fast::hash(&self.entries).to_le_bytes());
        let sum = crc32fast::hash(&block[..HEADER]);
        block[16..20].copy_from_slice(&sum.to_le_bytes());
        block
    }
}

impl Partition {
    fn decode(entry: &[u8], number: u32) -> Option<Self> {
        let type_guid = Guid::from_gpt_bytes(array_at(entry, 0));
        let units = entry[56..ENTRY].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let name = char::decode_utf16(units.take_while(|unit| *unit != 0));
        (type_guid != Guid::NIL).then(|| Self {
            number,
            type_guid,
            guid: Guid::from_gpt_bytes(array_at(entry, 16)),
            first: u64_at(entry, 32),
            last: u64_at(entry, 40),
            attributes: u64_at(entry, 48),
            name: name.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
        })
    }
}

/// Makes the protective record span the disk (at most what 32 bits can say).
fn protect(mbr: &mut [u8], geometry: Geometry) {
    let span = u32::try_from(geometry.last_block()).unwrap_or(u32::MAX);
    for record in mbr[446..510].chunks_exact_mut(16).filter(|record| record[4] == PROTECTIVE) {
        record[12..].copy_from_slice(&span.to_le_bytes());
    }
}

fn blocks_of(length: usize, geometry: Geometry) -> u64 {
    (length as u64).div_ceil(geometry.block_size)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}
