//! Which disk and slot are booted, and what is said where there is none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

#[path = "../../crates/disk-table/tests/support/mod.rs"]
mod support;

use disk_table::amend;
use initramfs::arguments::Arguments;
use initramfs::boot::Step;
use initramfs::plan::{
    Boot, Candidate, Decision, Disk, Failure, Patience, SlotState, Traces, Unmarked, Waiting, decide, grace,
    lost, unmarked,
};
use layout::disk::{ESP, PARTITIONS, ROOT};
use layout::{Guid, Slot};
use support::identifiers;
use verity::{RootHash, Superblock};

const OLD: RootHash = RootHash([0x0d; 32]);
const NEW: RootHash = RootHash([0x2e; 32]);

fn arguments(usrhash: RootHash, more: &str) -> Arguments {
    Arguments::parse(&format!("usrhash={usrhash} {more}")).unwrap()
}

fn slot(hash: Option<RootHash>) -> SlotState {
    let superblock = Superblock { uuid: Guid::NIL, data_blocks: 2, salt: Vec::new() };
    hash.map_or(SlotState::None("there is no verity superblock".into()), |root_hash| SlotState::Tree {
        superblock,
        root_hash,
    })
}

/// A disk of ours that has been booted once, its identifiers made from `id`.
fn berth(name: &str, id: u8, a: Option<RootHash>, b: Option<RootHash>) -> Disk {
    let mut disk = support::Disk::shipped();
    let amendment = amend(&disk.load().unwrap(), disk.geometry(), Some(identifiers(id))).unwrap();
    for write in amendment.writes.iter().flatten() {
        disk.write(write.offset, &write.bytes);
    }
    ours(name, &disk, a, b)
}

/// A disk as it is shipped.
fn fresh(name: &str) -> Disk {
    ours(name, &support::Disk::shipped(), Some(NEW), None)
}

fn ours(name: &str, disk: &support::Disk, a: Option<RootHash>, b: Option<RootHash>) -> Disk {
    let loaded = disk.load().unwrap();
    let slots = [(Slot::A, slot(a)), (Slot::B, slot(b))];
    // The later its letter, the nearer to the processor: names do not say where a disk is attached.
    let letter = name.bytes().last().unwrap();
    let place = format!("/sys/devices/pci0000:00/0000:00:{:02x}.0/block/{name}", b'z' - letter).into();
    Disk::Ours(Box::new(Candidate { name: name.into(), place, loaded, slots }))
}

fn other(name: &str) -> Disk {
    Disk::Other { name: name.into(), reason: "it has no GUID partition table".into() }
}

fn esp_of(id: u8) -> Option<Guid> {
    Some(identifiers(id)[1])
}

fn booted(decision: Decision) -> Boot {
    match decision {
        Decision::Boot(boot) => *boot,
        other => panic!("not booted: {other:?}"),
    }
}

fn refused(decision: Decision) -> Failure {
    match decision {
        Decision::Fail(failure) => failure,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_slot_with_the_wanted_hash_is_booted() {
    for (a, b, expected) in [
        (Some(NEW), None, Slot::A),
        (Some(OLD), Some(NEW), Slot::B),
        (Some(NEW), Some(OLD), Slot::A),
        (None, Some(NEW), Slot::B),
        (Some(NEW), Some(NEW), Slot::A),
    ] {
        let boot = booted(decide(&arguments(NEW, ""), None, &[berth("vda", 1, a, b)]));
        assert_eq!((boot.slot, boot.root_hash), (expected, NEW), "{a:?} {b:?}");
        assert_eq!(boot.remark, None);
    }
}

#[test]
fn the_disk_is_the_one_that_was_booted_from() {
    let disks =
        [other("sda"), berth("sdb", 1, Some(NEW), None), berth("sdc", 5, Some(NEW), None), fresh("sdd")];
    for (esp, argument, expected) in [
        (esp_of(1), "", "sdb"),
        (esp_of(5), "", "sdc"),
        (Some(ESP.guid), "", "sdd"),
        (esp_of(1), "berth.disk=sdc", "sdc"),
        (None, "berth.disk=sdd", "sdd"),
    ] {
        let boot = booted(decide(&arguments(NEW, argument), esp, &disks));
        assert_eq!(boot.disk.name, expected, "{esp:?} {argument}");
        assert_eq!(boot.remark, None);
    }
}

#[test]
fn of_several_disks_the_same_one_is_taken_in_whatever_order_they_are_found() {
    let mut disks = vec![
        berth("sda", 9, Some(NEW), None),
        berth("sdb", 1, Some(NEW), None),
        berth("sdc", 5, Some(OLD), None),
    ];
    for _ in 0..3 {
        disks.rotate_left(1);
        let boot = booted(decide(&arguments(NEW, ""), None, &disks));
        assert_eq!(boot.disk.name, "sdb");
        let remark = boot.remark.expect("the choice is explained");
        assert!(remark.contains("taking sdb, not sda, sdc"), "{remark}");
        let boot = booted(decide(&arguments(OLD, ""), None, &disks));
        assert_eq!(boot.disk.name, "sdc", "the disk that holds the hash");
    }
}

#[test]
fn of_a_disk_and_its_copy_the_one_with_the_wanted_slot_is_taken_and_told() {
    // The copy was made before an update, or the copy alone got one; names say nothing.
    for (sda, sdb, expected) in [
        (OLD, NEW, "taking sdb, not sda"),
        (NEW, OLD, "taking sda, not sdb"),
        // Alike, the one that is attached first.
        (NEW, NEW, "taking sdb, not sda"),
    ] {
        let disks = [berth("sda", 1, Some(sda), None), berth("sdb", 1, Some(sdb), None), fresh("sdc")];
        let boot = booted(decide(&arguments(NEW, ""), esp_of(1), &disks));
        let remark = boot.remark.expect("the choice is explained");
        assert!(remark.contains(expected) && remark.contains("copies"), "{remark}");
    }
    // The right one may still be on its way.
    let disks = [berth("sda", 1, Some(OLD), None), berth("sdb", 1, Some(OLD), None)];
    let decision = decide(&arguments(NEW, ""), esp_of(1), &disks);
    assert!(matches!(decision, Decision::Wait(Patience::Short, _)), "{decision:?}");
}

#[test]
fn a_disk_that_is_not_there_yet_is_waited_for() {
    let (new, named) = (arguments(NEW, ""), arguments(NEW, "berth.disk=vdz"));
    let strangers = [other("sda"), berth("sdb", 1, Some(NEW), None)];
    for (arguments, esp, disks, expected) in [
        (&new, None, &[][..], "a disk with Berth's partitions has not appeared; seen: no disk"),
        (&new, None, &strangers[..1], "seen: sda (it has no GUID partition table)"),
        (&new, esp_of(5), &strangers[..], "sdb (Berth's, another one)"),
        (&named, esp_of(1), &strangers[..], "the disk vdz (named by berth.disk=) has not appeared"),
    ] {
        match decide(arguments, esp, disks) {
            Decision::Wait(Patience::Long, failure) => {
                assert!(failure.cause.contains(expected), "{expected}: {}", failure.cause);
                assert!(!failure.next_step.is_empty());
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_hash_that_neither_slot_has_is_a_failed_boot_that_names_both() {
    let wanted = RootHash([0x33; 32]);
    let disks = [berth("vda", 1, Some(OLD), Some(NEW))];
    // Another disk may be the one, and if the firmware named it, this may be a copy.
    let after_a_while = |esp| match decide(&arguments(wanted, ""), esp, &disks) {
        Decision::Wait(Patience::Short, failure) => failure,
        other => panic!("{other:?}"),
    };
    let failures = [
        after_a_while(esp_of(1)),
        after_a_while(None),
        refused(decide(&arguments(wanted, "berth.disk=vda"), None, &disks)),
    ];
    for failure in failures {
        let cause = failure.cause;
        for expected in
            [format!("usrhash={wanted}"), format!("slot A holds {OLD}"), format!("slot B holds {NEW}")]
        {
            assert!(cause.contains(&expected), "{cause}");
        }
    }
    let named = arguments(wanted, "berth.disk=vda");
    let empty = refused(decide(&named, None, &[berth("vda", 1, Some(OLD), None)]));
    assert!(empty.cause.contains("slot B holds nothing (there is no verity superblock)"), "{}", empty.cause);
}

#[test]
fn what_was_lost_is_certain_only_of_the_disk_that_was_booted_from() {
    let wanted = RootHash([0x33; 32]);
    let damaged = || berth("vda", 1, Some(OLD), None);
    let elsewhere = || berth("vdb", 2, Some(OLD), None);
    for (name, hash, more, esp, disks, expected) in [
        ("the loader's disk", wanted, "", esp_of(1), vec![elsewhere(), damaged()], Some("vda")),
        ("named, too", wanted, "berth.disk=vda", esp_of(1), vec![damaged()], Some("vda")),
        ("another is named", wanted, "berth.disk=vdb", esp_of(1), vec![damaged(), elsewhere()], None),
        ("nobody says which", wanted, "", None, vec![damaged()], None),
        ("not there", wanted, "", esp_of(1), vec![elsewhere(), other("sda")], None),
        ("a copy is there", wanted, "", esp_of(1), vec![damaged(), berth("vdc", 1, Some(OLD), None)], None),
        ("it is there", OLD, "", esp_of(1), vec![damaged()], None),
        ("ROOT is in memory", wanted, "root=tmpfs", esp_of(1), vec![damaged()], None),
    ] {
        let found = lost(&arguments(hash, more), esp, &disks).map(|disk| disk.name.as_str());
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_disk_without_root_is_booted_in_memory_only() {
    let partitions: Vec<_> = PARTITIONS.into_iter().filter(|p| *p != ROOT).collect();
    let disk = ours("vda", &support::Disk::with(&partitions, Guid::NIL), Some(NEW), None);
    let failure = refused(decide(&arguments(NEW, ""), None, std::slice::from_ref(&disk)));
    assert_eq!(failure.cause, "vda has no partition ROOT");
    booted(decide(&arguments(NEW, "root=tmpfs"), None, &[disk]));
}

#[test]
fn a_disk_that_is_not_ours_is_refused_by_name() {
    let failure = refused(decide(&arguments(NEW, "berth.disk=sda"), None, &[other("sda")]));
    assert_eq!(failure.cause, "berth.disk=sda is not a Berth disk: it has no GUID partition table");
}

fn silent(name: &str) -> Disk {
    Disk::Silent { name: name.into() }
}

#[test]
fn a_disk_that_does_not_answer_keeps_no_other_from_being_booted() {
    let disks = [silent("sda"), berth("sdb", 1, Some(NEW), None)];
    let long = Duration::from_secs(1);
    for (what, more, esp, disks, is_long) in [
        ("the loader's disk", "", esp_of(1), &disks[..], false),
        ("it is named", "berth.disk=sdb", None, &disks, false),
        ("labels decide, and the silent one may have them, too", "", None, &disks, true),
        (
            "so may it be another copy",
            "",
            esp_of(1),
            &[silent("sdc"), berth("sdb", 1, Some(NEW), None), berth("sda", 1, Some(NEW), None)],
            true,
        ),
    ] {
        let arguments = arguments(NEW, more);
        let decision = decide(&arguments, esp, disks);
        let grace = grace(&arguments, esp, &decision);
        assert_eq!(booted(decision).disk.name, "sdb", "{what}");
        assert_eq!(grace > long, is_long, "{what}: {grace:?}");
    }
}

#[test]
fn a_disk_that_does_not_answer_is_no_other_disk() {
    // The one that is named may be ours.
    for (more, esp, expected) in [
        (
            "berth.disk=sda",
            None,
            "the disk sda (named by berth.disk=) has not appeared; seen: sda (it does not answer)",
        ),
        ("", esp_of(1), "seen: sda (it does not answer)"),
    ] {
        match decide(&arguments(NEW, more), esp, &[silent("sda")]) {
            Decision::Wait(Patience::Long, failure) => assert!(failure.cause.contains(expected), "{failure}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lost(&arguments(NEW, ""), esp_of(1), &[silent("sda")]), None);
}

#[test]
fn the_short_patience_begins_when_a_disk_is_there_that_will_not_do() {
    let seconds = Duration::from_secs;
    let mut waiting = Waiting::default();
    for (patience, spent, left) in [
        (Patience::Long, 0, 100),
        (Patience::Long, 40, 60),
        // A slow controller shows its first disk.
        (Patience::Short, 60, 10),
        (Patience::Short, 65, 5),
        (Patience::Short, 70, 0),
        (Patience::Short, 80, 0),
        (Patience::Long, 80, 20),
        (Patience::Long, 200, 0),
    ] {
        assert_eq!(waiting.left(patience, seconds(spent)), seconds(left), "{patience:?} after {spent} s");
    }
    assert!(Step::Find.limit() > seconds(100 + 10 + 5), "it ends by itself before it is ended");
}

#[test]
fn a_machine_that_was_provisioned_is_not_provisioned_because_a_mark_is_gone() {
    let (none, begun, both) = (
        Traces { begun: false, finished: false },
        Traces { begun: true, finished: false },
        Traces { begun: true, finished: true },
    );
    let gone = Traces { begun: false, finished: true };
    for (more, traces, expected) in [
        ("", none, Unmarked::First),
        ("", begun, Unmarked::First),
        // It broke off between the last that it does and the mark, or somebody wants it again.
        ("", both, Unmarked::First),
        ("", gone, Unmarked::Lost),
        ("ignition.firstboot=1", gone, Unmarked::First),
        ("ignition.firstboot=0", gone, Unmarked::Later),
        ("ignition.firstboot=0", none, Unmarked::Later),
        ("root=tmpfs", none, Unmarked::Later),
        ("root=tmpfs ignition.firstboot=1", none, Unmarked::First),
    ] {
        assert_eq!(unmarked(&arguments(NEW, more), traces), expected, "{more} {traces:?}");
    }
}
