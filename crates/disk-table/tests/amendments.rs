//! The partition table on first boot and on a disk that has grown, and what a power cut leaves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use disk_table::{Amendment, Change, Origin, Table, Unreadable, amend, is_as_shipped};
use layout::Guid;
use layout::disk::{DISK_GUID, ESP, MIB, PARTITIONS, ROOT, SECTOR};
use proptest::prelude::*;
use support::{Disk, PARTITION, SIZE, identifiers, uuid};

fn first_boot(disk: &Disk) -> Amendment {
    amend(&disk.load().unwrap(), disk.geometry(), Some(identifiers(1))).expect("a shipped table is changed")
}

fn apply(disk: &mut Disk, amendment: &Amendment) {
    for write in amendment.writes.iter().flatten() {
        disk.write(write.offset, &write.bytes);
    }
}

fn booted_once() -> Disk {
    let mut disk = Disk::shipped();
    let amendment = first_boot(&disk);
    apply(&mut disk, &amendment);
    disk
}

fn root_size(table: &Table) -> u64 {
    let root = table.find(&ROOT).unwrap();
    (root.last + 1 - root.first) * SECTOR
}

#[test]
fn the_table_of_another_partitioner_is_read() {
    let loaded = Disk::shipped().load().unwrap();
    assert_eq!(loaded.origin, Origin::Primary);
    assert_eq!(loaded.table.disk_guid, DISK_GUID);
    let read: Vec<_> =
        loaded.table.partitions().into_iter().map(|p| (p.number, p.name, p.type_guid, p.guid)).collect();
    let shipped: Vec<_> =
        PARTITIONS.iter().map(|p| (p.number, p.label.to_owned(), p.type_guid, p.guid)).collect();
    assert_eq!(read, shipped);
}

#[test]
fn first_boot_makes_identifiers_anew_and_leaves_the_slots() {
    let mut disk = Disk::shipped();
    let amendment = first_boot(&disk);
    assert_eq!(amendment.changes, [Change::Identified]);
    apply(&mut disk, &amendment);
    let [disk_guid, esp, root] = identifiers(1);
    let foreign = disk.read_by_another();
    assert_eq!(*foreign.guid(), uuid(disk_guid));
    for shipped in PARTITIONS {
        let expected = match shipped {
            ESP => esp,
            ROOT => root,
            slot => slot.guid,
        };
        assert_eq!(foreign.partitions()[&shipped.number].part_guid, uuid(expected), "{}", shipped.label);
    }
}

#[test]
fn root_takes_a_bigger_disk_and_the_backup_moves_to_its_end() {
    for (size, root) in [
        (SIZE, PARTITION),
        (SIZE + SECTOR, PARTITION),
        (SIZE + 32 * SECTOR, PARTITION),
        (SIZE + 33 * SECTOR, 2 * MIB),
        (SIZE + MIB, 2 * MIB),
        (200 * MIB, 192 * MIB),
        (200 * MIB + 5 * SECTOR, 192 * MIB),
    ] {
        let mut disk = Disk::shipped().grown_to(size);
        let amendment = first_boot(&disk);
        assert_eq!(root_size(&amendment.table), root, "{size}");
        apply(&mut disk, &amendment);
        let foreign = disk.read_by_another();
        assert_eq!(foreign.header().backup_lba, size / SECTOR - 1, "{size}");
        assert_eq!(foreign.header().last_usable, size / SECTOR - 34, "{size}");
        let mbr = disk.read(0, 512).unwrap();
        assert_eq!(mbr[458..462], u32::to_le_bytes((size / SECTOR - 1) as u32), "{size}");
        assert_eq!(
            amend(&disk.load().unwrap(), disk.geometry(), None),
            None,
            "{size}: nothing is left to do"
        );
    }
}

#[test]
fn a_disk_that_grows_later_is_used_and_keeps_its_identifiers() {
    let disk = booted_once();
    let before = disk.load().unwrap().table;
    assert!(!is_as_shipped(&before));
    let mut disk = disk.grown_to(50 * MIB);
    let amendment = amend(&disk.load().unwrap(), disk.geometry(), None).unwrap();
    let grown = Change::RootGrown { from: PARTITION, to: 42 * MIB };
    assert_eq!(amendment.changes, [Change::BackupMoved, grown]);
    apply(&mut disk, &amendment);
    let after = disk.load().unwrap().table;
    assert_eq!(after.disk_guid, before.disk_guid);
    assert_eq!(after.find(&ROOT).unwrap().guid, before.find(&ROOT).unwrap().guid);
}

#[test]
fn a_partition_behind_root_bounds_it() {
    let data = layout::Partition { number: 8, label: "DATA", guid: Guid::from_bytes([9; 16]), ..ROOT };
    // The last partition of the table lies over the place of the backup: start one earlier.
    let partitions: Vec<_> = PARTITIONS.into_iter().filter(|p| p.number != 2).chain([data]).collect();
    let disk = Disk::with(&partitions, DISK_GUID).grown_to(100 * MIB);
    let amendment = first_boot(&disk);
    assert_eq!(root_size(&amendment.table), PARTITION);
    assert!(amendment.changes.contains(&Change::BackupMoved));
}

#[test]
fn a_torn_first_copy_is_restored_from_the_backup() {
    for block in 1..=3 {
        let mut disk = booted_once();
        let whole = disk.clone();
        disk.write(block * SECTOR, &[0xa5; 512]);
        let loaded = disk.load().unwrap();
        assert_eq!(loaded.origin, Origin::Backup, "{block}");
        let amendment = amend(&loaded, disk.geometry(), None).unwrap();
        assert_eq!(amendment.changes, [Change::Repaired], "{block}");
        apply(&mut disk, &amendment);
        assert_eq!(disk, whole, "{block}");
    }
}

#[test]
fn what_holds_no_table_is_refused_and_says_why() {
    let zeros = Disk::from_bytes(&[0; 8192]);
    assert!(matches!(zeros.load(), Err(Unreadable::NotGpt)));
    let tiny = Disk::from_bytes(&[0; 512]);
    assert!(matches!(tiny.load(), Err(Unreadable::NotGpt)));

    let shrunk = Disk::shipped().grown_to(4 * MIB);
    let error = shrunk.load().unwrap_err().to_string();
    assert!(error.contains("it is for a disk of at least"), "{error}");

    let mut torn = Disk::shipped();
    for block in [1, SIZE / SECTOR - 1] {
        torn.write(block * SECTOR, &[0; 512]);
    }
    let error = torn.load().unwrap_err().to_string();
    assert_eq!(error, "the partition table: it has no signature; its backup: it has no signature");
}

/// The blocks of each phase of an amendment's writes.
fn phases(amendment: &Amendment) -> Vec<Vec<(u64, Vec<u8>)>> {
    let blocks = |write: &disk_table::Write| {
        let chunks = write.bytes.chunks_exact(SECTOR as usize).zip(0..);
        chunks.map(|(b, i)| (write.offset + i * SECTOR, b.to_vec())).collect::<Vec<_>>()
    };
    amendment.writes.iter().map(|writes| writes.iter().flat_map(blocks).collect()).collect()
}

/// What is on the disk when the power goes while `phase` is written, those blocks of it having got
/// there that `landed` says.
fn cut(disk: &Disk, amendment: &Amendment, phase: usize, landed: impl Fn(usize) -> bool) -> Disk {
    let mut disk = disk.clone();
    for (number, blocks) in phases(amendment).iter().enumerate().take(phase + 1) {
        for (i, (offset, block)) in blocks.iter().enumerate() {
            if number < phase || landed(i) {
                disk.write(*offset, block);
            }
        }
    }
    disk
}

/// After a cut the next boot reads the table of before or of after, and ends with a whole one.
fn check_recovery(before: &Disk, amendment: &Amendment, mut disk: Disk) {
    let old = before.load().unwrap().table;
    let loaded = disk.load().expect("a copy can be read");
    assert!(loaded.table == old || loaded.table == amendment.table, "{:?}", loaded.table);
    let again = identifiers(7);
    if let Some(next) = amend(&loaded, disk.geometry(), Some(again)) {
        apply(&mut disk, &next);
    }
    let end = disk.load().unwrap();
    assert_eq!(end.origin, Origin::Primary);
    assert!(!is_as_shipped(&end.table));
    assert_eq!(amend(&end, disk.geometry(), None), None);
    assert_eq!(root_size(&end.table), root_size(&amendment.table));
    disk.write(SECTOR, &[0; 512]);
    let backup = disk.load().expect("the backup is whole too");
    assert_eq!((backup.origin, backup.table), (Origin::Backup, end.table));
}

#[test]
fn a_power_cut_at_any_write_leaves_a_table() {
    for size in [SIZE, SIZE + SECTOR, 20 * MIB] {
        let disk = Disk::shipped().grown_to(size);
        let amendment = first_boot(&disk);
        for (phase, blocks) in phases(&amendment).iter().enumerate() {
            for n in 0..=blocks.len() {
                check_recovery(&disk, &amendment, cut(&disk, &amendment, phase, |i| i < n));
                check_recovery(&disk, &amendment, cut(&disk, &amendment, phase, |i| i >= n));
                check_recovery(&disk, &amendment, cut(&disk, &amendment, phase, |i| i == n));
                check_recovery(&disk, &amendment, cut(&disk, &amendment, phase, |i| i != n));
            }
        }
    }
}

proptest! {
    #[test]
    fn so_does_one_that_lets_any_blocks_land(phase in 0..2usize, landed: [bool; 40], grown in 0..3u64) {
        let disk = Disk::shipped().grown_to(SIZE + grown * MIB);
        let amendment = first_boot(&disk);
        check_recovery(&disk, &amendment, cut(&disk, &amendment, phase, |i| landed[i]));
    }

    #[test]
    fn damage_never_makes_a_fault_of_ours(blocks in prop::collection::vec((0..34u64, 0..512usize, any::<u8>()), 1..8)) {
        let mut disk = Disk::shipped();
        for (block, at, value) in blocks {
            let mut bytes = disk.read(block * SECTOR, 512).unwrap();
            bytes[at] = value;
            disk.write(block * SECTOR, &bytes);
        }
        if let Ok(loaded) = disk.load() {
            prop_assert_eq!(loaded.table.partitions().len(), PARTITIONS.len());
        }
    }
}
