//! Every transition from every small state, with the power cut after each step of each action: whatever is left, an
//! entry whose slot is whole boots.
#![allow(clippy::unwrap_used)]

mod model;

use layout::Slot;
use manifest::Version;
use model::{Disk, File, Name};
use slots::{Action, Entry, EntryName, Machine, Refusal};
use verity::RootHash;

const RUNNING: RootHash = RootHash([2; 32]);
const OTHER: RootHash = RootHash([1; 32]);
const GONE: RootHash = RootHash([9; 32]);
const NEW: RootHash = RootHash([4; 32]);

fn version(number: u32) -> Version {
    Version::parse(&format!("{number}.0.0")).unwrap()
}

fn name(number: u32, counter: &str) -> Name {
    Name::Entry(format!("berth_{number}.0.0{counter}.efi").parse().unwrap())
}

/// The counters that an entry may have, and the pairs of them that a cut rename leaves.
const COUNTERS: [&str; 5] = ["", "+3", "+2-1", "+0-3", "+0"];

fn states() -> Vec<Disk> {
    let mut singles_and_pairs: Vec<Vec<&str>> = COUNTERS.map(|counter| vec![counter]).to_vec();
    for (i, a) in COUNTERS.iter().enumerate() {
        singles_and_pairs.extend(COUNTERS[i + 1..].iter().map(|b| vec![*a, *b]));
    }
    let mut states = Vec::new();
    for slot in Slot::ALL {
        for content in [None, Some(OTHER)] {
            for running in &singles_and_pairs {
                for other in [1, 3] {
                    for usrhash in [None, Some(OTHER), Some(GONE)] {
                        for names in std::iter::once(&Vec::new()).chain(&singles_and_pairs) {
                            for stray in Strays::ALL {
                                let mut disk = Disk::new(slot, RUNNING, content);
                                disk.add_file(
                                    1,
                                    Some(RUNNING),
                                    running.iter().map(|counter| name(2, counter)),
                                );
                                disk.add_file(2, usrhash, names.iter().map(|counter| name(other, counter)));
                                stray.add_to(&mut disk);
                                states.push(disk);
                            }
                        }
                    }
                }
            }
        }
    }
    states
}

/// Files that are no entries.
#[derive(Clone, Copy)]
enum Strays {
    None,
    /// A UKI that is being written.
    Staged,
    /// The running version's entry was renamed, and the long name is not there yet.
    Mangled,
    /// An entry of a new version, whose size is not there yet, beside the file that it is made of.
    HalfPublished,
}

impl Strays {
    const ALL: [Self; 4] = [Self::None, Self::Staged, Self::Mangled, Self::HalfPublished];

    fn add_to(self, disk: &mut Disk) {
        let staged = Name::Stray("EFI/berth/4.0.0.new".into());
        match self {
            Self::None => {}
            Self::Staged => disk.add_file(3, Some(NEW), [staged]),
            Self::Mangled => disk.link(1, Name::Stray("EFI/Linux/BERTH_~1.EFI".into())),
            Self::HalfPublished => {
                disk.add_file(3, Some(NEW), [staged]);
                disk.link_without_size(3, name(4, "+3"));
            }
        }
    }
}

type Transition = fn(&Machine) -> Result<Vec<Action>, Refusal>;

const TRANSITIONS: [(&str, Transition); 9] = [
    ("bless", slots::bless),
    ("rollback", slots::rollback),
    ("install", |machine| slots::plan_install(machine, &version(4), NEW)),
    ("install what is there", |machine| slots::plan_install(machine, &version(3), NEW)),
    ("install an older one", |machine| slots::plan_install(machine, &version(1), NEW)),
    ("give tries to the older", |machine| slots::give_tries(machine, &version(1))),
    ("give tries to the newer", |machine| slots::give_tries(machine, &version(3))),
    ("condemn the running one", |machine| slots::condemn(machine, &version(2))),
    ("condemn the newer", |machine| slots::condemn(machine, &version(3))),
];

/// After each step a sound entry boots, also when the loader's own rename is cut.
fn assert_boots(disk: &Disk, what: &str) {
    assert!(disk.boots(&[]).is_some(), "{what}: nothing boots from {disk:#?}");
    for cut in disk.cuts_of_loader() {
        assert!(cut.boots(&[]).is_some(), "{what}, the loader's rename cut: nothing boots from {cut:#?}");
    }
}

/// Repairs from a state, with a cut after each step; gives what is left.
fn repaired(disk: &Disk, what: &str) -> Disk {
    let mut after = disk.clone();
    for action in slots::repair(&disk.machine()) {
        for cut in after.steps(&action) {
            assert_boots(&cut, what);
            after = cut;
        }
    }
    let machine = after.machine();
    assert_eq!(slots::repair(&machine), [], "{what}: {machine:#?}");
    after
}

#[test]
fn whatever_is_cut_something_sound_boots() {
    let states = states();
    let mut cuts = 0;
    for disk in states.iter().filter(|disk| disk.boots(&[]).is_some()) {
        let start = repaired(disk, "repair");
        for (what, transition) in TRANSITIONS {
            let Ok(actions) = transition(&start.machine()) else { continue };
            let mut after = start.clone();
            for action in &actions {
                for cut in after.steps(action) {
                    assert_boots(&cut, what);
                    repaired(&cut, what);
                    after = cut;
                    cuts += 1;
                }
            }
            assert_eq!(slots::repair(&after.machine()), [], "{what}: nothing is left to repair");
        }
    }
    // What was cut is not by chance nothing.
    assert!(states.len() > 15_000 && cuts > 50_000, "{} states, {cuts} cuts", states.len());
}

#[test]
fn a_new_version_that_fails_ends_in_the_one_before_wherever_the_power_is_cut() {
    for disk in states().iter().filter(|disk| disk.boots(&[]).is_some()) {
        let start = repaired(disk, "repair");
        let Ok(actions) = slots::plan_install(&start.machine(), &version(4), NEW) else { continue };
        let mut after = start.clone();
        for action in &actions {
            for cut in after.steps(action) {
                assert_eq!(cut.boots(&[version(4)]), Some(version(2)), "{cut:#?}");
                after = cut;
            }
        }
        assert_eq!(after.boots(&[]), Some(version(4)), "{after:#?}");
    }
}

#[test]
fn what_runs_is_never_written_to() {
    for disk in states().iter().filter(|disk| disk.boots(&[]).is_some()) {
        let machine = repaired(disk, "repair").machine();
        for (what, transition) in TRANSITIONS {
            for action in transition(&machine).unwrap_or_default() {
                let running = machine.running.unwrap().slot;
                match &action {
                    Action::Invalidate(slot) | Action::WriteSlot(slot, _) => {
                        assert_ne!(*slot, running, "{what}")
                    }
                    Action::RemoveEntry(name) => {
                        let is_running =
                            |entry: &&Entry| entry.name == *name && entry.usrhash == Some(RUNNING);
                        assert!(
                            !machine.esp.entries.iter().any(|entry| is_running(&entry)),
                            "{what}: {action}"
                        );
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn rollback_boots_the_other_version_or_says_why_not() {
    for disk in states().iter().filter(|disk| disk.boots(&[]).is_some()) {
        let start = repaired(disk, "repair");
        let machine = start.machine();
        let other = machine.esp.entries.iter().find(|entry| entry.usrhash == Some(OTHER));
        match slots::rollback(&machine) {
            Ok(actions) => {
                let after = start.after(&actions);
                assert_eq!(after.boots(&[]).as_ref(), other.map(|entry| &entry.name.version), "{after:#?}");
            }
            Err(_) => assert!(other.is_none_or(|entry| entry.name.is_bad()), "{machine:#?}"),
        }
    }
}

#[test]
fn the_file_of_a_name_that_goes_stays_whole() {
    let both = |names: [Name; 2]| {
        let mut disk = Disk::new(Slot::A, RUNNING, None);
        disk.add_file(1, Some(RUNNING), names);
        disk
    };
    for (names, kept) in
        [(["", "+2-1"], "+2-1"), (["+0", ""], "+0"), (["+3", "+0-3"], "+0-3"), (["+2-1", "+1-2"], "+1-2")]
    {
        let disk = both(names.map(|counter| name(2, counter)));
        let actions = slots::repair(&disk.machine());
        assert!(matches!(actions[..], [Action::Unlink(_)]), "{actions:?}");
        let after = disk.after(&actions);
        let entries = after.machine().esp.entries;
        let expected: EntryName = format!("berth_2.0.0{kept}.efi").parse().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((&entries[0].name, entries[0].usrhash), (&expected, Some(RUNNING)));
    }
}

#[test]
fn a_published_entry_without_size_is_no_entry() {
    let mut disk = Disk::new(Slot::A, RUNNING, Some(NEW));
    disk.add_file(1, Some(RUNNING), [name(2, "")]);
    Strays::HalfPublished.add_to(&mut disk);
    assert_eq!(
        slots::repair(&disk.machine()),
        [
            Action::Unlink("EFI/Linux/berth_4.0.0+3.efi".into()),
            Action::RemoveFile("EFI/berth/4.0.0.new".into())
        ]
    );
    let after = repaired(&disk, "half published");
    assert_eq!(after.files(), [File { id: 1, usrhash: Some(RUNNING) }]);
}
