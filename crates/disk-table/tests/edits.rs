//! Tables that are changed by number, and what the kernel is told of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use disk_table::KernelChange::{Add, Delete, Resize};
use disk_table::{Change, Extent, Geometry, Loaded, Partition, Table, amend, kernel_changes, settle};
use layout::Guid;
use layout::disk::{KEEP_SIZE, MIB, ROOT, SECTOR};
use support::{Disk, SIZE, identifiers, uuid};

const BLOCKS: u64 = MIB / SECTOR;

fn data(number: u32, start: u64, size: u64) -> Partition {
    Partition {
        number,
        type_guid: Guid::from_bytes([1; 16]),
        guid: Guid::from_bytes([number as u8; 16]),
        first: start * BLOCKS,
        last: (start + size) * BLOCKS - 1,
        attributes: 0,
        name: format!("données {number}"),
    }
}

fn empty_disk() -> (Disk, Loaded) {
    let disk = Disk::from_bytes(&[0; 512]).grown_to(SIZE);
    let loaded = Loaded::empty(disk.geometry(), Guid::from_bytes([7; 16])).unwrap();
    (disk, loaded)
}

fn write(disk: &mut Disk, loaded: &Loaded, table: &Table) {
    for write in loaded.writes(table, disk.geometry()).iter().flatten() {
        disk.write(write.offset, &write.bytes);
    }
}

#[test]
fn a_new_table_is_read_by_another_partitioner() {
    let (mut disk, loaded) = empty_disk();
    let mut table = loaded.table.clone();
    for partition in [data(1, 1, 2), data(3, 4, 1), data(5, 3, 1)] {
        table.insert(&partition);
    }
    table.remove(3);
    write(&mut disk, &loaded, &table);
    let foreign = disk.read_by_another();
    assert_eq!(*foreign.guid(), uuid(Guid::from_bytes([7; 16])));
    assert_eq!((foreign.header().first_usable, foreign.header().last_usable), (34, SIZE / SECTOR - 34));
    let read: Vec<_> = foreign
        .partitions()
        .iter()
        .map(|(number, p)| (*number, p.name.clone(), p.first_lba, p.last_lba))
        .collect();
    let expected = [(1, "données 1".to_owned(), 2048, 6143), (5, "données 5".to_owned(), 6144, 8191)];
    assert_eq!(read, expected);
    assert_eq!(disk.load().unwrap().table, table);
}

#[test]
fn a_disk_without_room_for_a_table_gets_none() {
    for (blocks, fits) in [(0, false), (6, false), (67, false), (68, true)] {
        let geometry = Geometry { block_size: SECTOR, blocks };
        assert_eq!(Loaded::empty(geometry, Guid::NIL).is_some(), fits, "{blocks}");
    }
}

#[test]
fn what_a_config_has_a_say_in_comes_before_root_grows() {
    let mut disk = Disk::shipped().grown_to(100 * MIB);
    let settled = settle(&disk.load().unwrap(), disk.geometry(), Some(identifiers(1))).unwrap();
    assert_eq!(settled.changes, [Change::Identified, Change::BackupMoved]);
    for write in settled.writes.iter().flatten() {
        disk.write(write.offset, &write.bytes);
    }
    let loaded = disk.load().unwrap();
    assert_eq!(settle(&loaded, disk.geometry(), None), None);
    let mut table = loaded.table.clone();
    table.insert(&data(8, 50, 10));
    write(&mut disk, &loaded, &table);
    let grown = amend(&disk.load().unwrap(), disk.geometry(), None).unwrap();
    assert_eq!(grown.changes, [Change::RootGrown { from: MIB, to: 43 * MIB }]);
}

#[test]
fn a_root_of_a_given_size_keeps_it() {
    let mut disk = Disk::shipped().grown_to(100 * MIB);
    let loaded = disk.load().unwrap();
    let mut table = loaded.table.clone();
    let root = table.find(&ROOT).unwrap();
    table.insert(&Partition { attributes: KEEP_SIZE, ..root });
    write(&mut disk, &loaded, &table);
    let amendment = amend(&disk.load().unwrap(), disk.geometry(), None).unwrap();
    assert_eq!(amendment.changes, [Change::BackupMoved]);
    assert_eq!(amendment.table.find(&ROOT).unwrap().last, root.last);
}

#[test]
fn the_kernel_is_told_in_an_order_without_overlaps() {
    let extent = |number, start: u64, size: u64| Extent { number, start: start * MIB, size: size * MIB };
    let table_of = |partitions: &[Partition]| {
        let mut table = empty_disk().1.table;
        partitions.iter().for_each(|partition| table.insert(partition));
        table
    };
    let known = [extent(1, 1, 2), extent(2, 3, 2)];
    for (wanted, expected) in [
        (vec![data(1, 1, 2), data(2, 3, 2)], vec![]),
        (vec![data(1, 1, 2)], vec![Delete(2)]),
        (vec![data(1, 1, 2), data(2, 3, 3)], vec![Resize(extent(2, 3, 3))]),
        (vec![data(1, 1, 4)], vec![Delete(2), Resize(extent(1, 1, 4))]),
        (vec![data(1, 1, 1), data(2, 2, 3)], vec![Delete(2), Resize(extent(1, 1, 1)), Add(extent(2, 2, 3))]),
        (vec![data(1, 1, 3), data(2, 3, 1)], vec![Resize(extent(2, 3, 1)), Resize(extent(1, 1, 3))]),
        (vec![data(1, 1, 2), data(2, 3, 2), data(8, 5, 1)], vec![Add(extent(8, 5, 1))]),
        (vec![], vec![Delete(1), Delete(2)]),
    ] {
        let told = kernel_changes(&known, &table_of(&wanted), Geometry::new(SIZE, SECTOR));
        assert_eq!(told, expected, "{wanted:?}");
    }
}
