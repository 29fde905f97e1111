//! Superblocks and partition tables as the usual tools make them: the parts of them that are read, as rows of
//! 16 bytes (`superblocks/*.hex`; made by e2fsprogs, xfsprogs, btrfs-progs, dosfstools, cryptsetup and
//! others; those of MD and LVM2 written by their specifications), and what blkid says of them.
#![allow(clippy::unwrap_used)] // A test that cannot go on ends there.

use std::collections::BTreeMap;

use devices::superblock::{Contents, Probe, Source, probe};
use devices::table::{self, Scheme};
use proptest::prelude::*;

/// A device that is zeros but for some rows.
#[derive(Clone)]
struct Rows {
    size: u64,
    rows: BTreeMap<u64, Vec<u8>>,
}

impl Source for Rows {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        assert!(length <= 64 << 10, "reads are bounded");
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.size)?;
        let mut bytes = vec![0; length];
        for (at, row) in self.rows.range(offset.saturating_sub(16)..end) {
            for (at, byte) in (*at..).zip(row) {
                if (offset..end).contains(&at) {
                    bytes[(at - offset) as usize] = *byte;
                }
            }
        }
        Some(bytes)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

fn rows(name: &str) -> Rows {
    let path = format!("{}/tests/superblocks/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut lines = text.lines();
    let size = lines.next().unwrap().strip_prefix("size ").unwrap().parse().unwrap();
    let row = |line: &str| {
        let (at, hex) = line.split_once(' ').unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
        (u64::from_str_radix(at, 16).unwrap(), bytes.collect())
    };
    Rows { size, rows: lines.map(row).collect() }
}

fn shown(contents: &Contents) -> String {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
    let fields = [contents.uuid.clone(), contents.label.as_ref().map(text), contents.version.clone()];
    let fields = fields.map(|field| field.unwrap_or("-".to_owned()));
    format!("{} {} {}", contents.kind, contents.usage.as_str(), fields.join(" | "))
}

#[test]
fn what_blkid_says_of_them() {
    for (name, expected) in [
        ("ext2", "ext2 filesystem 11111111-2222-3333-4444-555555555502 | old | 1.0"),
        ("ext3", "ext3 filesystem 11111111-2222-3333-4444-555555555503 | mid | 1.0"),
        ("ext4", "ext4 filesystem 11111111-2222-3333-4444-555555555501 | data disk | 1.0"),
        ("xfs", "xfs filesystem 11111111-2222-3333-4444-555555555504 | xfsdata | -"),
        ("btrfs", "btrfs filesystem 11111111-2222-3333-4444-555555555505 | bt/rfs | -"),
        ("erofs", "erofs filesystem 11111111-2222-3333-4444-555555555506 | erolabel | -"),
        ("squashfs", "squashfs filesystem - | - | 4.0"),
        ("vfat12", "vfat filesystem 0000-1111 | - | FAT12"),
        ("vfat16", "vfat filesystem 1234-ABCD | FAT SIXT | FAT16"),
        ("vfat32", "vfat filesystem 4321-DCBA | FAT32 | FAT32"),
        ("exfat", "exfat filesystem EFFB-BDD7 | exlabel | 1.0"),
        ("ntfs", "ntfs filesystem 4A1D45240D6AD39A | - | -"),
        ("swap", "swap other 11111111-2222-3333-4444-555555555507 | swappy | 1"),
        ("iso", "iso9660 filesystem 2026-11-27-17-28-03-00 | My CD | Joliet Extension"),
        ("luks1", "crypto_LUKS crypto 11111111-2222-3333-4444-555555555509 | - | 1"),
        ("luks2", "crypto_LUKS crypto 11111111-2222-3333-4444-555555555508 | lukslabel | 2"),
        ("md090", "linux_raid_member raid 00112233-4455-6677-8899-aabbccddeeff | - | 0.90.0"),
        ("md10", "linux_raid_member raid 00112233-4455-6677-8899-aabbccddeeff | host:data | 1.0"),
        ("md11", "linux_raid_member raid 00112233-4455-6677-8899-aabbccddeeff | host:data | 1.1"),
        ("md12", "linux_raid_member raid 00112233-4455-6677-8899-aabbccddeeff | host:data | 1.2"),
        ("lvm", "LVM2_member raid abcdef-GHIJ-KLmn-opQR-STuv-wx01-234567 | - | LVM2 001"),
    ] {
        match probe(&rows(name)) {
            Probe::One(contents) => assert_eq!(shown(&contents), expected),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// Puts the rows of both on one device.
fn both(one: &str, other: &str) -> Rows {
    let (mut whole, other) = (rows(one), rows(other));
    whole.size = whole.size.max(other.size);
    whole.rows.extend(other.rows);
    whole
}

#[test]
fn two_file_systems_are_none_and_a_member_is_nothing_else() {
    assert_eq!(probe(&both("ext4", "btrfs")), Probe::Ambivalent(vec!["ext4", "btrfs"]));
    let kind = |source: &Rows| match probe(source) {
        Probe::One(contents) => contents.kind,
        other => panic!("{other:?}"),
    };
    // RAID 1 with its superblock at the end: what the array holds begins at the same place.
    assert_eq!(kind(&both("ext4", "md10")), "linux_raid_member");
    assert_eq!(kind(&both("btrfs", "luks2")), "crypto_LUKS");
    // An image that is for sticks and for CDs.
    assert_eq!(kind(&both("vfat32", "iso")), "vfat");
    assert_eq!(probe(&Rows { size: 8 << 20, rows: BTreeMap::new() }), Probe::Nothing);
    assert_eq!(probe(&Rows { size: 0, rows: BTreeMap::new() }), Probe::Nothing);
}

#[test]
fn a_gpt_names_its_partitions_and_its_backup_counts_where_it_is_broken() {
    let mut disk = rows("gpt");
    for intact in [true, false] {
        if !intact {
            disk.rows.get_mut(&0x240).unwrap()[0] ^= 1;
        }
        let table = table::read(&disk, 512).unwrap();
        assert_eq!(
            (table.scheme, table.uuid.as_deref()),
            (Scheme::Gpt, Some("aaaaaaaa-0000-4000-8000-000000000000"))
        );
        let names = (1..=5).map(|number| table.entry(number).map(|entry| entry.name.unwrap()));
        let names: Vec<_> = names.collect();
        let expected = ["data part", "we/ird\\x", "swap", "Größe"].map(|name| Some(name.to_owned()));
        assert_eq!(names[..4], expected);
        assert_eq!(names[4], None);
        let swap = table.entry(3).unwrap();
        assert_eq!(swap.uuid.as_deref(), Some("aaaaaaaa-0000-4000-8000-000000000003"));
        assert_eq!(swap.kind.as_deref(), Some("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"));
    }
    assert_eq!(table::read(&rows("gpt"), 4096), None, "blocks of another size");
}

#[test]
fn an_mbr_numbers_its_partitions() {
    let table = table::read(&rows("mbr"), 512).unwrap();
    assert_eq!((table.scheme, table.uuid.as_deref()), (Scheme::Dos, Some("deadbeef")));
    let uuid = |number| table.entry(number).and_then(|entry| entry.uuid);
    assert_eq!(uuid(1).as_deref(), Some("deadbeef-01"));
    assert_eq!(uuid(3), None);
    assert_eq!(uuid(17).as_deref(), Some("deadbeef-11"), "a logical one");
    assert_eq!(table.entry(1).unwrap().kind.as_deref(), Some("0x83"));
    for name in ["vfat12", "vfat16", "vfat32", "ext4", "ntfs"] {
        assert_eq!(table::read(&rows(name), 512), None, "{name} is no table");
    }
}

const NAMES: [&str; 22] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "erofs", "squashfs", "vfat12", "vfat16", "vfat32", "exfat",
    "ntfs", "swap", "iso", "luks1", "luks2", "md090", "md12", "lvm", "md10", "gpt", "mbr",
];

proptest! {
    #[test]
    fn broken_ones_are_read_or_not_but_do_no_harm(
        which in 0..NAMES.len(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..16, any::<u8>()), 1..12),
        size in 0u64..1 << 24,
    ) {
        let mut source = rows(NAMES[which]);
        let at: Vec<u64> = source.rows.keys().copied().collect();
        for (row, column, value) in changes {
            source.rows.get_mut(&at[row.index(at.len())]).unwrap()[column] = value;
        }
        _ = probe(&source);
        _ = table::read(&source, 512);
        source.size = size;
        _ = probe(&source);
        _ = table::read(&source, 4096);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
        _ = probe(&bytes.as_slice());
        _ = table::read(&bytes.as_slice(), 512);
    }
}
