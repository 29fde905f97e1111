//! FAT12, FAT16, FAT32 (Microsoft's FAT specification 1.03) and exFAT (its specification 1.00).

use super::{Contents, Source, Usage, from_utf16, le16, le32, le64, volume_number};

/// So much of a root directory is searched for the label, which mkfs writes first.
const LONGEST_DIRECTORY: usize = 64 << 10;
const ENTRY: usize = 32;

pub fn fat(source: &dyn Source) -> Option<Contents> {
    let boot = source.read(0, 512)?;
    let names: [(usize, &[u8]); 5] =
        [(54, b"FAT12   "), (54, b"FAT16   "), (54, b"FAT     "), (54, b"MSDOS"), (82, b"FAT32   ")];
    // A table of partitions ends in the same signature: only one of these words tells.
    if boot[510..] != [0x55, 0xaa] || !names.iter().any(|(at, name)| boot[*at..].starts_with(name)) {
        return None;
    }
    let sector = usize::from(le16(&boot, 11)?);
    let (cluster, reserved, fats, media) = (boot[13], le16(&boot, 14)?, boot[16], boot[21]);
    let is_sane = (512..=4096).contains(&sector)
        && sector.is_power_of_two()
        && cluster.is_power_of_two()
        && reserved != 0
        && fats != 0
        && (media >= 0xf8 || media == 0xf0);
    if !is_sane {
        return None;
    }
    let (entries, short_length) = (usize::from(le16(&boot, 17)?), le16(&boot, 22)?);
    let is_fat32 = short_length == 0;
    let length = if is_fat32 { u64::from(le32(&boot, 36)?) } else { short_length.into() };
    let after_fats = u64::from(reserved) + u64::from(fats) * length;
    let (start, size) = if is_fat32 {
        // The first cluster of the root directory; clusters count from 2.
        let first = u64::from(le32(&boot, 44)?).checked_sub(2)?;
        (after_fats + first * u64::from(cluster), usize::from(cluster) * sector)
    } else {
        (after_fats, entries * ENTRY)
    };
    let number = le32(&boot, if is_fat32 { 67 } else { 39 })?;
    let mut contents = Contents::new("vfat", Usage::Filesystem);
    contents.uuid = (number != 0).then(|| volume_number(number));
    let directory = source.read(start.checked_mul(sector as u64)?, size.min(LONGEST_DIRECTORY));
    if let Some(name) = directory.as_deref().and_then(volume_label) {
        contents = contents.label(name);
    }
    Some(contents.version(match (is_fat32, &boot[54..59]) {
        (true, _) => "FAT32",
        (false, b"FAT12") => "FAT12",
        (false, _) => "FAT16",
    }))
}

/// The entry of a directory that is the volume's label.
fn volume_label(directory: &[u8]) -> Option<&[u8]> {
    const LABEL: u8 = 0x08;
    /// A part of a long name has all of these.
    const LONG_NAME: u8 = 0x0f;
    directory
        .chunks_exact(ENTRY)
        .take_while(|entry| entry[0] != 0)
        .find(|entry| entry[0] != 0xe5 && entry[11] & (LONG_NAME | 0x10) == LABEL)
        .map(|entry| &entry[..11])
}

pub fn exfat(source: &dyn Source) -> Option<Contents> {
    let boot = source.read(0, 512)?;
    let (sector, cluster) = (u32::from(boot[108]), u32::from(boot[109]));
    if boot[3..11] != *b"EXFAT   " || !(9..=12).contains(&sector) || sector + cluster > 25 {
        return None;
    }
    let mut contents = Contents::new("exfat", Usage::Filesystem);
    let number = le32(&boot, 100)?;
    contents.uuid = (number != 0).then(|| volume_number(number));
    contents.version = Some(format!("{}.{}", boot[105], boot[104]));
    let (heap, first) = (u64::from(le32(&boot, 88)?), u64::from(le32(&boot, 96)?.checked_sub(2)?));
    let start = (heap << sector).checked_add(first << (sector + cluster))?;
    let size = 1usize << (sector + cluster);
    contents.label = source.read(start, size.min(LONGEST_DIRECTORY)).as_deref().and_then(exfat_label);
    // The volume's length, in sectors, is no more than there is.
    (le64(&boot, 72)? << sector <= source.size()).then_some(contents)
}

fn exfat_label(directory: &[u8]) -> Option<Vec<u8>> {
    const LABEL: u8 = 0x83;
    let entry = directory.chunks_exact(ENTRY).take_while(|entry| entry[0] != 0).find(|e| e[0] == LABEL)?;
    let units = entry[2..24].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let label = from_utf16(units.take(entry[1].into()));
    (!label.is_empty()).then_some(label)
}
