//! A disk's partitions, as sgdisk sees them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use layout::disk::SECTOR;
use vm::{Disk, Testbed};

/// A partition in sgdisk's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Type GUID, in lower case.
    pub type_guid: String,
    /// PARTUUID, in lower case.
    pub guid: String,
    /// Where it lies, in bytes.
    pub bytes: Range<u64>,
}

/// The partitions of a raw disk in `folder`, by label.
///
/// # Errors
/// sgdisk fails, or says something that is not understood.
pub fn partitions(bed: &Testbed, folder: &Path, disk: &Path) -> vm::Result<BTreeMap<String, Part>> {
    let disk = disk.to_string_lossy();
    let mut partitions = BTreeMap::new();
    for expected in layout::disk::PARTITIONS {
        let number = format!("--info={}", expected.number);
        let text = bed.run_tool(folder, &["sgdisk", &number, &disk])?;
        let (label, part) = parse(&text).unwrap_or_else(|| panic!("sgdisk {number} says:\n{text}"));
        partitions.insert(label, part);
    }
    Ok(partitions)
}

/// Where, in a slot's data, what every boot reads begins: the superblock of the erofs.
pub const EROFS_SUPERBLOCK: u64 = 1024;
/// Where, in a hash partition, the top of the tree is: the block after the superblock.
pub const TOP_OF_TREE: u64 = 4096;

/// Flips a byte of a raw disk, `offset` bytes into the partition of a label.
///
/// # Errors
/// The disk has no such partition that sgdisk sees, or cannot be written.
pub fn flip(bed: &Testbed, disk: &Disk, label: &str, offset: u64) -> vm::Result<()> {
    let folder = disk.file().parent().unwrap_or(Path::new("/"));
    let start = partitions(bed, folder, disk.file())?[label].bytes.start;
    disk.flip_byte(start + offset)
}

/// Reads the answer of `sgdisk --info`.
fn parse(text: &str) -> Option<(String, Part)> {
    let value = |name: &str| -> Option<&str> {
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    let first_word = |name: &str| value(name)?.split_ascii_whitespace().next();
    let sector = |name: &str| first_word(name)?.parse::<u64>().ok();
    let part = Part {
        type_guid: first_word("Partition GUID code")?.to_lowercase(),
        guid: first_word("Partition unique GUID")?.to_lowercase(),
        bytes: sector("First sector")? * SECTOR..(sector("Last sector")? + 1) * SECTOR,
    };
    Some((value("Partition name")?.trim_matches('\'').to_owned(), part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sgdisk_says_is_understood() {
        let text = "Partition GUID code: C12A7328-F81F-11D2-BA4B-00A0C93EC93B (EFI system partition)\n\
            Partition unique GUID: 7516B3A3-3326-4CBF-B4A4-89ECAC535C84\n\
            First sector: 2048 (at 1024.0 KiB)\n\
            Last sector: 4095 (at 2.0 MiB)\n\
            Partition size: 2048 sectors (1024.0 KiB)\n\
            Attribute flags: 0000000000000000\n\
            Partition name: 'ESP'\n";
        let (label, part) = parse(text).unwrap();
        assert_eq!(label, "ESP");
        assert_eq!(part.bytes, 1 << 20..2 << 20);
        assert_eq!(part.type_guid, layout::disk::ESP.type_guid.to_string());
        assert_eq!(parse("Partition #9 does not exist.\n"), None);
    }
}
