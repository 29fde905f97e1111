//! What becomes of partitions: the reference's rules, and its cases by their names.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use disk_table::{Geometry, Loaded, Partition, Table};
use ignition::config;
use layout::Guid;
use layout::disk::{KEEP_SIZE, LINUX_DATA_TYPE, MIB, PARTITIONS, ROOT, SECTOR};
use provision::disks::partitions::{BootDisk, Kind, Plan, Refusal, plan};

const BLOCKS: u64 = MIB / SECTOR;
const TYPE: &str = "316f19f9-9e0f-431e-859e-ae6908dbe8ca";

/// A disk with room for so many MiB of partitions.
fn geometry(mib: u64) -> Geometry {
    Geometry::new((mib + 2) * MIB, SECTOR)
}

/// A table of partitions given as number, label, start and size in MiB.
fn table(mib: u64, partitions: &[(u32, &str, u64, u64)]) -> Table {
    let mut table = Loaded::empty(geometry(mib), Guid::from_bytes([7; 16])).unwrap().table;
    for (number, label, start, size) in partitions {
        table.insert(&Partition {
            number: *number,
            type_guid: TYPE.parse().unwrap(),
            guid: Guid::from_bytes([*number as u8; 16]),
            first: start * BLOCKS,
            last: (start + size) * BLOCKS - 1,
            attributes: 4,
            name: (*label).to_owned(),
        });
    }
    table
}

/// The partitions of a config, as JSON without the outer braces of each.
fn config(partitions: &[&str]) -> Vec<config::Partition> {
    partitions.iter().map(|text| serde_json::from_str(&format!("{{{text}}}")).unwrap()).collect()
}

/// Number, label, start and size in MiB of all partitions, by place.
fn show(table: &Table) -> Vec<String> {
    let mut partitions = table.partitions();
    partitions.sort_by_key(|p| p.first);
    let mib = |blocks: u64| blocks as f64 / BLOCKS as f64;
    partitions
        .iter()
        .map(|p| format!("{} {} {}+{}", p.number, p.name, mib(p.first), mib(p.last + 1 - p.first)))
        .collect()
}

fn run(mib: u64, there: &[(u32, &str, u64, u64)], wanted: &[&str]) -> Result<Plan, Refusal> {
    plan(&table(mib, there), geometry(mib), None, &config(wanted))
}

/// The partitions after it, and that a second run finds nothing to do.
#[track_caller]
fn check(mib: u64, there: &[(u32, &str, u64, u64)], wanted: &[&str], expected: &[&str]) {
    let first = run(mib, there, wanted).unwrap();
    assert_eq!(show(&first.table), expected);
    let second = plan(&first.table, geometry(mib), None, &config(wanted)).unwrap();
    assert_eq!((second.changes, second.table), (vec![], first.table), "a second run");
}

#[track_caller]
fn refused(mib: u64, there: &[(u32, &str, u64, u64)], wanted: &[&str], index: usize, says: &str) {
    let refusal = run(mib, there, wanted).unwrap_err();
    assert_eq!(refusal.index, index, "{refusal:?}");
    assert!(refusal.cause.contains(says), "{}", refusal.cause);
    assert!(!refusal.next_step.is_empty());
}

const BASE: [(u32, &str, u64, u64); 3] =
    [(1, "EFI-SYSTEM", 1, 128), (6, "OEM", 129, 128), (9, "ROOT", 257, 64)];
const BASE_AFTER: [&str; 3] = ["1 EFI-SYSTEM 1+128", "6 OEM 129+128", "9 ROOT 257+64"];

#[test]
fn create_startsize0() {
    let wanted = [r#""label": "fills-disk", "number": 1, "startMiB": 0, "sizeMiB": 0"#];
    // As sgdisk has it, the end is that of the free space, whole mebibyte or not.
    let plan = run(64, &[], &wanted).unwrap();
    let fills = &plan.table.partitions()[0];
    assert_eq!((fills.first, fills.last), (BLOCKS, geometry(64).blocks - 34));
    assert_eq!((fills.type_guid, fills.guid), (LINUX_DATA_TYPE, Guid::NIL));
    let again = super_plan(&plan.table, 64, &wanted);
    assert_eq!(again.changes, []);
}

fn super_plan(table: &Table, mib: u64, wanted: &[&str]) -> Plan {
    plan(table, geometry(mib), None, &config(wanted)).unwrap()
}

#[test]
fn create_numbersize0() {
    let wanted = ["uno", "dos", "tres"].map(|label| format!(r#""label": "{label}", "sizeMiB": 32"#));
    let wanted = wanted.each_ref().map(String::as_str);
    check(100, &[], &wanted, &["1 uno 1+32", "2 dos 33+32", "3 tres 65+32"]);
}

#[test]
fn number0_happens_last() {
    let wanted = [r#""label": "newpart", "sizeMiB": 32"#, r#""number": 1, "label": "foobar""#];
    check(100, &[(1, "foobar", 1, 32)], &wanted, &["1 foobar 1+32", "2 newpart 33+32"]);
}

#[test]
fn match_all() {
    for wipe in ["false", "true"] {
        let wanted: Vec<String> = BASE
            .iter()
            .map(|(number, label, start, size)| {
                format!(
                    r#""label": "{label}", "number": {number}, "startMiB": {start}, "sizeMiB": {size},
                    "typeGuid": "{}", "wipePartitionEntry": {wipe}"#,
                    TYPE.to_uppercase()
                )
            })
            .collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let plan = run(330, &BASE, &wanted).unwrap();
        assert_eq!((plan.changes, plan.table), (vec![], table(330, &BASE)));
    }
}

#[test]
fn match_sizestart_unspecified() {
    check(600, &BASE, &[r#""label": "ROOT", "number": 9"#], &BASE_AFTER);
}

#[test]
fn match_recreate_delete_add() {
    let there = [(1, "important-data", 1, 32), (2, "ephemeral-data", 33, 32), (3, "bunch-of-junk", 65, 64)];
    let wanted = [
        r#""label": "important-data", "number": 1, "startMiB": 1, "sizeMiB": 32"#,
        r#""label": "ephemeral-data", "number": 2, "startMiB": 33, "sizeMiB": 64, "wipePartitionEntry": true"#,
        r#""number": 3, "shouldExist": false, "wipePartitionEntry": true"#,
        r#""label": "even-more-data", "number": 4, "startMiB": 97, "sizeMiB": 32"#,
    ];
    check(
        130,
        &there,
        &wanted,
        &["1 important-data 1+32", "2 ephemeral-data 33+64", "4 even-more-data 97+32"],
    );
    let kinds: Vec<_> =
        run(130, &there, &wanted).unwrap().changes.iter().map(|c| (c.index, c.number, c.kind)).collect();
    assert_eq!(kinds, [(1, 2, Kind::Replaced), (2, 3, Kind::Deleted), (3, 4, Kind::Created)]);
}

#[test]
fn match_recreate() {
    let there = [(1, "a", 1, 32), (2, "b", 33, 32), (3, "c", 65, 64)];
    let other = "6050e8fc-1e31-473b-bcc0-714e32fcb09d";
    let wanted = [
        format!(r#""label": "a", "number": 1, "startMiB": 1, "sizeMiB": 32, "typeGuid": "{other}""#),
        format!(r#""label": "b", "number": 2, "startMiB": 33, "sizeMiB": 32, "guid": "{other}""#),
        r#""label": "d", "number": 3, "startMiB": 65, "sizeMiB": 32"#.to_owned(),
    ];
    let wanted = wanted.map(|text| format!(r#"{text}, "wipePartitionEntry": true"#));
    let wanted = wanted.each_ref().map(String::as_str);
    check(130, &there, &wanted, &["1 a 1+32", "2 b 33+32", "3 d 65+32"]);
    let made = run(130, &there, &wanted).unwrap().table.partitions();
    assert_eq!((made[0].type_guid, made[1].guid), (other.parse().unwrap(), other.parse().unwrap()));
    assert_eq!(
        (made[0].guid, made[0].attributes),
        (Guid::NIL, 4),
        "what is made anew is anew, but for its attributes"
    );
}

#[test]
fn delete() {
    let one = r#""number": 1, "shouldExist": false, "wipePartitionEntry": true"#;
    check(64, &[(1, "deleteme", 1, 32)], &[one], &[]);
    check(64, &[], &[one], &[]);
    refused(64, &[(1, "deleteme", 1, 32)], &[r#""number": 1, "shouldExist": false"#], 0, "is not to be");
    // Both are refused before anything is done.
    refused(
        330,
        &BASE,
        &[r#""number": 10, "shouldExist": false"#, r#""number": 9, "sizeMiB": 2"#],
        1,
        "differs",
    );
    // The number that goes can be another's at once.
    check(64, &[(1, "old", 1, 32)], &[one, r#""label": "new", "number": 2"#], &["2 new 1+64.98388671875"]);
}

#[test]
fn complex() {
    let there = [
        (1, "p1", 1, 64),
        (2, "dont-delete", 65, 32),
        (3, "garbo-town", 97, 32),
        (4, "more-junk", 193, 32),
        (5, "dont-delete2", 225, 32),
    ];
    let wanted = [
        r#""label": "p1", "number": 1, "startMiB": 1, "sizeMiB": 32, "wipePartitionEntry": true,
           "guid": "53f2e871-f468-437c-b90d-f3c6409df81a""#,
        r#""label": "dont-delete", "number": 2, "sizeMiB": 32"#,
        r#""label": "new-biggest", "number": 3, "sizeMiB": 0, "startMiB": 0, "wipePartitionEntry": true"#,
        r#""number": 4, "shouldExist": false, "wipePartitionEntry": true"#,
        r#""number": 9, "shouldExist": false"#,
    ];
    let expected = ["1 p1 1+32", "2 dont-delete 65+32", "3 new-biggest 97+128", "5 dont-delete2 225+32"];
    check(320, &there, &wanted, &expected);

    let there = [(1, "p1", 1, 32), (2, "to-replace", 33, 80)];
    let wanted = [
        r#""label": "p1", "number": 1, "startMiB": 1, "sizeMiB": 32, "wipePartitionEntry": true,
           "guid": "f7c8f4c2-f406-426d-8fa2-56f0f03f2062""#,
        r#""number": 2, "shouldExist": false, "wipePartitionEntry": true"#,
        r#""label": "new-auto2", "sizeMiB": 64, "wipePartitionEntry": true"#,
        r#""label": "new-auto3", "sizeMiB": 96, "wipePartitionEntry": true"#,
    ];
    let first = run(193, &there, &wanted).unwrap();
    assert_eq!(show(&first.table), ["1 p1 1+32", "2 new-auto2 33+64", "3 new-auto3 97+96"]);
}

#[test]
fn resize() {
    let filling = r#""label": "ROOT", "number": 9, "startMiB": 0, "sizeMiB": 0, "wipePartitionEntry": true"#;
    let plan = run(400, &BASE, &[filling]).unwrap();
    assert_eq!(show(&plan.table)[2], "9 ROOT 257+144.98388671875");
    for (size, after) in [(100, "9 ROOT 257+100"), (10, "9 ROOT 257+10")] {
        let wanted = [format!(r#""label": "ROOT", "number": 9, "sizeMiB": {size}, "resize": true"#)];
        let plan = run(400, &BASE, &[&wanted[0]]).unwrap();
        assert_eq!(show(&plan.table)[2], after);
        assert_eq!(plan.changes[0].kind, Kind::Resized);
        let (old, new) = (&table(400, &BASE).partitions()[2], &plan.table.partitions()[2]);
        assert_eq!((new.guid, new.type_guid, new.attributes), (old.guid, old.type_guid, old.attributes));
        // Only a size can be changed so.
        let other = wanted[0].replace("ROOT", "other");
        refused(400, &BASE, &[&other], 0, "its label is 'ROOT', not 'other'");
    }
}

#[test]
fn what_differs_is_told_all_at_once() {
    let wanted = [r#""number": 9, "label": "data", "sizeMiB": 2, "startMiB": 258,
        "guid": "53f2e871-f468-437c-b90d-f3c6409df81a""#];
    let refusal = run(330, &BASE, &wanted).unwrap_err();
    assert_eq!(
        refusal.cause,
        "partition 9 (ROOT) is there and differs: its start is 257 MiB, not 258 MiB; its size is 64 MiB, not 2 MiB; \
         its GUID is 09090909-0909-0909-0909-090909090909, not 53f2e871-f468-437c-b90d-f3c6409df81a; \
         its label is 'ROOT', not 'data'"
    );
}

#[test]
fn what_has_no_place_is_refused() {
    for (there, wanted, says) in [
        (
            &BASE[..],
            r#""number": 2, "startMiB": 300, "sizeMiB": 1"#,
            "at 300 MiB, which is in partition 9 (ROOT)",
        ),
        (&BASE, r#""number": 2, "startMiB": 321, "sizeMiB": 100"#, "there are 10 MiB and 1031680 bytes free"),
        (&BASE, r#""number": 2, "sizeMiB": 100"#, "in the largest free space there are"),
        (&BASE, r#""number": 2, "startMiB": 5000, "sizeMiB": 1"#, "which is outside of the disk"),
        (&BASE, r#""number": 200"#, "no place for number 200"),
        (&BASE, r#""number": -1"#, "no place for number -1"),
        (&BASE, r#""number": 2, "sizeMiB": -1"#, "sizeMiB is -1"),
        (&BASE, r#""number": 2, "startMiB": 9223372036854775807"#, "startMiB is 9223372036854775807"),
        (&BASE, r#""number": 2, "guid": "x""#, "guid 'x' is no GUID"),
        (&[(1, "a", 1, 331)], r#""label": "b""#, "no free space for partition 2"),
        // match.failstofill and match.failstostart: 0 is what it would be if it were made anew.
        (&[(9, "ROOT", 1, 32)], r#""number": 9, "sizeMiB": 0"#, "its size is 32 MiB"),
        (&[(9, "ROOT", 33, 298)], r#""number": 9, "startMiB": 0"#, "its start is 33 MiB, not 1 MiB"),
        (
            &[(1, "a", 11, 10)],
            r#""number": 2, "startMiB": 2, "sizeMiB": 0"#,
            "to fill the largest free space, which begins at 21 MiB",
        ),
    ] {
        refused(330, there, &[wanted], 0, says);
    }
}

#[test]
fn a_disk_that_has_grown_is_as_it_was_until_it_is_changed() {
    let fills = r#""number": 1, "label": "data", "startMiB": 0, "sizeMiB": 0"#;
    let small = run(64, &[], &[fills]).unwrap().table;
    let large = geometry(164);
    assert_eq!(plan(&small, large, None, &config(&[fills])).unwrap().changes, []);
    let wanted = config(&[r#""number": 1, "label": "data""#, r#""label": "more", "sizeMiB": 50"#]);
    let changed = plan(&small, large, None, &wanted).unwrap();
    assert_eq!(show(&changed.table)[1], "2 more 66+50");
    assert_eq!(plan(&changed.table, large, None, &wanted).unwrap().changes, []);
}

/// A boot disk as stage 1 leaves it to a config: 8 MiB a partition, and free space behind ROOT.
fn boot_table(mib: u64) -> Table {
    let mut table = table(mib, &[]);
    for (partition, start) in PARTITIONS.iter().zip((0..).map(|i| 1 + 8 * i)) {
        let (first, last) = (start * BLOCKS, (start + 8) * BLOCKS - 1);
        let (number, type_guid, guid) = (partition.number, partition.type_guid, partition.guid);
        let name = partition.label.to_owned();
        table.insert(&Partition { number, type_guid, guid, first, last, attributes: 0, name });
    }
    table
}

fn on_boot_disk(wanted: &[&str]) -> Result<Plan, Refusal> {
    plan(&boot_table(5000), geometry(5000), Some(BootDisk { root_needs: 8 * MIB }), &config(wanted))
}

#[test]
fn new_partitions_of_the_boot_disk_lie_behind_root() {
    let plan = on_boot_disk(&[r#""label": "data", "sizeMiB": 100"#]).unwrap();
    assert_eq!(show(&plan.table)[6..], ["7 ROOT 49+8", "8 data 57+100"]);
    assert!(plan.notes[0].starts_with("ROOT will have 8 MiB only"), "{:?}", plan.notes);
    let plan = on_boot_disk(&[r#""label": "data", "startMiB": 2000, "sizeMiB": 0"#]).unwrap();
    assert_eq!(show(&plan.table)[6..], ["7 ROOT 49+8", "8 data 2000+3001.98388671875"]);
    assert_eq!(plan.notes, [""; 0]);
}

#[test]
fn a_root_of_a_given_size_keeps_it() {
    for root in [
        r#""label": "ROOT", "number": 7, "sizeMiB": 2000, "resize": true"#,
        r#""label": "ROOT", "sizeMiB": 2000, "resize": true"#,
        r#""label": "ROOT", "number": 7, "sizeMiB": 2000, "wipePartitionEntry": true"#,
        r#""label": "root", "number": 4, "sizeMiB": 2000, "resize": true"#,
    ] {
        let wanted = [root, r#""label": "var", "sizeMiB": 0"#];
        let plan = on_boot_disk(&wanted).unwrap();
        assert_eq!(show(&plan.table)[6..], ["7 ROOT 49+2000", "8 var 2049+2952.98388671875"], "{root}");
        let (old, new) = (boot_table(5000).find(&ROOT).unwrap(), plan.table.find(&ROOT).unwrap());
        assert_eq!((new.guid, new.attributes), (old.guid, KEEP_SIZE));
        assert_eq!(plan.notes.len(), usize::from(root.contains("number\": 4")), "{:?}", plan.notes);
        let boot = Some(BootDisk { root_needs: 2000 * MIB });
        assert_eq!(
            provision::disks::partitions::plan(&plan.table, geometry(5000), boot, &config(&wanted))
                .unwrap()
                .changes,
            []
        );
    }
    // All that is left is no size that is kept.
    let plan =
        on_boot_disk(&[r#""label": "ROOT", "number": 7, "sizeMiB": 0, "startMiB": 49, "resize": true"#]);
    assert_eq!(plan.unwrap().table.find(&ROOT).unwrap().attributes, 0);
    // One that has it already is marked.
    let plan = on_boot_disk(&[r#""label": "ROOT", "number": 7, "sizeMiB": 8"#]).unwrap();
    assert_eq!(plan.changes[0].kind, Kind::Marked);
    assert_eq!(plan.table.find(&ROOT).unwrap().attributes, KEEP_SIZE);
}

#[test]
fn what_the_system_is_started_from_cannot_be_changed() {
    for (wanted, says) in [
        (
            r#""number": 1, "shouldExist": false, "wipePartitionEntry": true"#,
            "partition 1 of the boot disk is ESP",
        ),
        (r#""number": 2, "label": "data", "wipePartitionEntry": true"#, "is BIOS"),
        (r#""number": 4, "sizeMiB": 4, "resize": true"#, "is USR-A-VERITY"),
        (r#""number": 7, "shouldExist": false, "wipePartitionEntry": true"#, "ROOT cannot be deleted"),
        (r#""number": 7, "label": "data", "wipePartitionEntry": true"#, "only the size may change"),
        (
            r#""number": 7, "startMiB": 60, "sizeMiB": 9, "wipePartitionEntry": true"#,
            "only the size may change",
        ),
        (
            r#""number": 7, "sizeMiB": 4, "resize": true"#,
            "ROOT would have 4 MiB, and its file system takes 8 MiB",
        ),
        (r#""number": 9, "label": "USR-B", "sizeMiB": 9"#, "has a partition USR-B already"),
        (r#""number": 5, "label": "var""#, "is there and differs: its label is 'USR-B', not 'var'"),
    ] {
        let refusal = on_boot_disk(&[wanted]).unwrap_err();
        assert!(refusal.cause.contains(says), "{wanted}: {}", refusal.cause);
    }
    // Saying what is there is no change.
    let all = PARTITIONS
        .map(|p| format!(r#""number": {}, "label": "{}", "typeGuid": "{}""#, p.number, p.label, p.type_guid));
    assert_eq!(on_boot_disk(&all.each_ref().map(String::as_str)).unwrap().changes, []);
    // A disk that the machine was not booted from is a disk like others.
    let other = plan(
        &boot_table(100),
        geometry(100),
        None,
        &config(&[r#""number": 4, "sizeMiB": 4, "resize": true"#]),
    );
    assert_eq!(other.unwrap().changes[0].kind, Kind::Resized);
}
