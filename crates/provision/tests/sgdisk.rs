//! Places that the config leaves open are those that sgdisk gives: the reference has them from it. Run where
//! `BERTH_TEST_TOOLS` names the root of a tools tree.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::path::{Path, PathBuf};

use disk_table::{Geometry, Loaded, Partition, Table, Write, load};
use layout::Guid;
use layout::disk::{LINUX_DATA_TYPE, MIB, SECTOR};
use provision::disks::placement::place;
use sandbox::Tree;
use sys::partition_table::read_at;

const BLOCKS: u64 = MIB / SECTOR;
/// Disks on which each is tried, some of a size that is no whole number of mebibytes.
const SIZES: [u64; 3] = [64 * MIB, 200 * MIB + 7 * SECTOR, 1025 * MIB];

/// Numbers that are the same each time.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn entry(number: u32, first: u64, last: u64) -> Partition {
    let guid = Guid::from_bytes([number as u8; 16]);
    Partition { number, type_guid: LINUX_DATA_TYPE, guid, first, last, attributes: 0, name: String::new() }
}

fn read(path: &Path, geometry: Geometry) -> Table {
    let file = File::open(path).unwrap();
    load(geometry, |offset, length| read_at(&file, offset, length)).unwrap().table
}

/// Runs sgdisk; whether it did what it was asked.
fn sgdisk(tools: &Tree, disk: &Path, arguments: &[String]) -> bool {
    tools.command("sgdisk").args(arguments).arg(disk).bind(disk).output().unwrap().status.success()
}

#[test]
fn places_are_those_of_sgdisk() {
    let Some(root) = std::env::var_os("BERTH_TEST_TOOLS") else {
        eprintln!("not run: BERTH_TEST_TOOLS is not set");
        return;
    };
    let tools = Tree::at(PathBuf::from(root));
    let folder = tempfile::tempdir().unwrap();
    let mut noise = Noise(0x2545_f491_4f6c_dd1d);
    for round in 0..12 {
        let size = SIZES[round % SIZES.len()];
        let geometry = Geometry::new(size, SECTOR);
        let disk = folder.path().join(round.to_string());
        let file = File::create(&disk).unwrap();
        file.set_len(size).unwrap();
        let loaded = Loaded::empty(geometry, Guid::from_bytes([7; 16])).unwrap();
        let mut table = loaded.table.clone();
        // Some partitions at random places, with free space between them.
        for number in 1..=noise.below(4) as u32 {
            let first = (1 + noise.below(size / MIB)) * BLOCKS;
            let last = first + (1 + noise.below(12)) * BLOCKS - 1;
            let overlaps = table.partitions().iter().any(|p| p.first <= last && first <= p.last);
            if !overlaps && last <= table.last_usable {
                table.insert(&entry(number, first, last));
            }
        }
        for Write { offset, bytes } in loaded.writes(&table, geometry).iter().flatten() {
            std::os::unix::fs::FileExt::write_all_at(&file, bytes, *offset).unwrap();
        }
        // Then those of a config: with a place, or without.
        for number in 5..=6 + noise.below(2) as u32 {
            let start = if noise.below(3) == 0 { (1 + noise.below(size / MIB)) * BLOCKS } else { 0 };
            let blocks = if noise.below(3) == 0 { 0 } else { (1 + noise.below(40)) * BLOCKS };
            let given = sgdisk(&tools, &disk, &[format!("--new={number}:{start}:+{blocks}")]);
            let ours = place(&table, geometry, start, blocks);
            let after = read(&disk, geometry);
            let theirs = after.partitions().into_iter().find(|p| p.number == number);
            let what = format!("round {round}: {start} {blocks} in {:?}", table.partitions());
            assert_eq!(given, theirs.is_some(), "{what}");
            assert_eq!(
                ours.as_ref().ok().map(|s| (s.first, s.last)),
                theirs.as_ref().map(|p| (p.first, p.last)),
                "{what}"
            );
            table = after;
        }
    }
}
