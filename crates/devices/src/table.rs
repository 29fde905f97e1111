//! Partition tables: what names a partition has in them (UEFI specification, chapter 5, and the
//! "MBR" that it describes).

use layout::Guid;

use crate::superblock::Source;

/// The kinds of tables that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A GPT.
    Gpt,
    /// An MBR.
    Dos,
}

impl Scheme {
    /// As blkid writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gpt => "gpt",
            Self::Dos => "dos",
        }
    }
}

/// A disk's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its kind.
    pub scheme: Scheme,
    /// The disk's own id.
    pub uuid: Option<String>,
    entries: Vec<(u32, Entry)>,
}

/// A partition of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// What `/dev/disk/by-partuuid` calls it.
    pub uuid: Option<String>,
    /// Its name; an MBR has none.
    pub name: Option<String>,
    /// Its type: a GUID, or `0x83`.
    pub kind: Option<String>,
}

impl Table {
    /// The partition of a number. Those of an MBR beyond the fourth are in chains that are not read: their id
    /// follows from the number.
    pub fn entry(&self, number: u32) -> Option<Entry> {
        let found = self.entries.iter().find(|(known, _)| *known == number).map(|(_, entry)| entry.clone());
        match (self.scheme, found) {
            (Scheme::Dos, None) if number > 4 => {
                Some(Entry { uuid: self.dos_uuid(number), ..Entry::default() })
            }
            (_, found) => found,
        }
    }

    fn dos_uuid(&self, number: u32) -> Option<String> {
        self.uuid.as_ref().map(|disk| format!("{disk}-{number:02x}"))
    }
}

const HEADER: usize = 92;
/// A table of more entries, or longer ones, than any tool makes is not read.
const LONGEST: usize = 64 << 10;

/// Reads a disk's table. `sector` is the disk's logical block in bytes.
pub fn read(source: &dyn Source, sector: u64) -> Option<Table> {
    let first = source.read(0, 512)?;
    let is_mbr = first[510..] == [0x55, 0xaa];
    let is_protective = is_mbr && (0..4).any(|at| first[450 + 16 * at] == 0xee);
    if is_protective {
        let last = (source.size() / sector).checked_sub(1)?;
        return gpt(source, sector, 1).or_else(|| gpt(source, sector, last));
    }
    // A boot sector of a file system ends in the same bytes, but has no flags where a table has them.
    let is_table = is_mbr && (0..4).all(|at| matches!(first[446 + 16 * at], 0 | 0x80));
    is_table.then(|| dos(&first)).filter(|table| !table.entries.is_empty())
}

fn gpt(source: &dyn Source, sector: u64, at: u64) -> Option<Table> {
    let header = source.read(at.checked_mul(sector)?, HEADER)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let mut unsummed = header.clone();
    unsummed[16..20].fill(0);
    // Longer headers are allowed, but nobody writes them.
    let is_sound = header.starts_with(b"EFI PART")
        && number(12) as usize == HEADER
        && crc32fast::hash(&unsummed) == number(16);
    let (count, size) = (number(80) as usize, number(84) as usize);
    if !is_sound || size < 128 || count.checked_mul(size)? > LONGEST {
        return None;
    }
    let start = u64::from_le_bytes(header[72..80].try_into().ok()?);
    let array = source.read(start.checked_mul(sector)?, count * size)?;
    if crc32fast::hash(&array) != number(88) {
        return None;
    }
    let guid = |bytes: &[u8]| Some(Guid::from_gpt_bytes(bytes.try_into().ok()?));
    let used = (1..).zip(array.chunks_exact(size)).filter(|(_, entry)| entry[..16] != [0; 16]);
    let entries = used.map(|(number, entry)| {
        let units = entry[56..128].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        let name = String::from_utf16_lossy(&units);
        let uuid = guid(&entry[16..32]).map(|guid| guid.to_string());
        let kind = guid(&entry[..16]).map(|guid| guid.to_string());
        (number, Entry { uuid, kind, name: (!name.is_empty()).then_some(name) })
    });
    let uuid = guid(&header[56..72]).map(|guid| guid.to_string());
    Some(Table { scheme: Scheme::Gpt, uuid, entries: entries.collect() })
}

fn dos(first: &[u8]) -> Table {
    let id = u32::from_le_bytes([first[440], first[441], first[442], first[443]]);
    let uuid = (id != 0).then(|| format!("{id:08x}"));
    let mut table = Table { scheme: Scheme::Dos, uuid, entries: vec![] };
    for number in 1..=4u32 {
        let kind = first[446 + 16 * (number as usize - 1) + 4];
        if kind != 0 {
            let uuid = table.dos_uuid(number);
            table.entries.push((number, Entry { uuid, name: None, kind: Some(format!("0x{kind:x}")) }));
        }
    }
    table
}
