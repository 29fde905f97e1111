//! A GPT whose checksums fit, whatever it says: its partitions have names or none.
#![no_main]

use devices::superblock::Source;
use devices::table;
use libfuzzer_sys::fuzz_target;

const SECTOR: usize = 512;
/// Where the entries are, and how far they are summed.
const ENTRIES: usize = 2 * SECTOR;
const HEADER: usize = 92;

/// A disk of which the end is zeros.
struct Disk(Vec<u8>);

impl Source for Disk {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        assert!(length <= 64 << 10, "reads are bounded");
        let start = usize::try_from(offset).ok()?;
        Some(self.0.get(start..start.checked_add(length)?)?.to_vec())
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

fuzz_target!(|data: &[u8]| {
    let mut disk = vec![0; 128 << 10];
    disk[..data.len().min(64 << 10)].copy_from_slice(&data[..data.len().min(64 << 10)]);
    (disk[510], disk[511], disk[450]) = (0x55, 0xaa, 0xee);
    disk[SECTOR..SECTOR + 8].copy_from_slice(b"EFI PART");
    disk[SECTOR + 12..SECTOR + 16].copy_from_slice(&(HEADER as u32).to_le_bytes());
    disk[SECTOR + 72..SECTOR + 80].copy_from_slice(&2u64.to_le_bytes());
    let number = |disk: &[u8], at: usize| u32::from_le_bytes(disk[at..at + 4].try_into().unwrap()) as usize;
    let length = number(&disk, SECTOR + 80).saturating_mul(number(&disk, SECTOR + 84));
    if let Some(entries) = disk.get(ENTRIES..ENTRIES.saturating_add(length)) {
        let sum = crc32fast::hash(entries).to_le_bytes();
        disk[SECTOR + 88..SECTOR + 92].copy_from_slice(&sum);
    }
    disk[SECTOR + 16..SECTOR + 20].fill(0);
    let sum = crc32fast::hash(&disk[SECTOR..SECTOR + HEADER]).to_le_bytes();
    disk[SECTOR + 16..SECTOR + 20].copy_from_slice(&sum);
    if let Some(table) = table::read(&Disk(disk), SECTOR as u64) {
        (0..200).for_each(|number| drop(table.entry(number)));
    }
});
