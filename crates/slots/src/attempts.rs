//! Stage 1's own count of attempts: a good entry has no counter, and may turn bad later.
//!
//! The record is a line, `<root hash> <count>`: how often that `/usr` was booted since a boot of it was good.

use verity::RootHash;

use crate::{Action, Entry, Machine, condemn};

/// Boots in a row that a good version may fail before another good one gets its turn.
pub const MOST_ATTEMPTS: u32 = 3;

/// How often a `/usr` was booted since a boot of it was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// The `/usr`.
    pub usrhash: RootHash,
    /// How often, this boot included.
    pub count: u32,
}

impl Attempts {
    /// The record's next content, from what it holds (nothing where it is not there): this boot counted. What makes no
    /// sense counts as nothing, and so does the count of another `/usr`.
    pub fn next(record: &str, usrhash: RootHash) -> Self {
        let before =
            Self::parse(record).filter(|before| before.usrhash == usrhash).map_or(0, |before| before.count);
        Self { usrhash, count: before.saturating_add(1) }
    }

    fn parse(record: &str) -> Option<Self> {
        let (usrhash, count) = record.trim_end().split_once(' ')?;
        Some(Self { usrhash: usrhash.parse().ok()?, count: count.parse().ok()? })
    }

    /// The record's text.
    pub fn encode(&self) -> String {
        format!("{} {}\n", self.usrhash, self.count)
    }

    /// Whether it was booted more often than it may be.
    pub fn is_too_many(&self) -> bool {
        self.count > MOST_ATTEMPTS
    }

    /// What is to be done for another good version to boot, from where the names are repaired: the one that runs goes
    /// behind it. None where this was not booted too often, where the loader counts its tries itself, and where there
    /// is no other good one.
    pub fn fall_back(&self, machine: &Machine) -> Option<Vec<Action>> {
        let current = machine.running_entry()?;
        // A bad one boots only where there is nothing else; but a cut may have been between its rename and the reboot.
        let is_counted = current.name.tries.is_some_and(|tries| tries.left > 0);
        let is_other_good = |entry: &Entry| {
            entry.usrhash != current.usrhash && entry.name.is_good() && machine.is_bootable(entry)
        };
        if !self.is_too_many() || is_counted || !machine.esp.entries.iter().any(is_other_good) {
            return None;
        }
        condemn(machine, &current.name.version).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Esp, Running};
    use layout::Slot;

    const THIS: RootHash = RootHash([1; 32]);
    const OTHER: RootHash = RootHash([2; 32]);

    #[test]
    fn boots_of_one_usr_are_counted() {
        let mut record = String::new();
        for count in 1..=5 {
            let attempts = Attempts::next(&record, THIS);
            assert_eq!((attempts.count, attempts.is_too_many()), (count, count > 3));
            record = attempts.encode();
        }
        for record in
            [&Attempts { usrhash: OTHER, count: 7 }.encode(), "", "x 3", "3", "\0\0\0", &format!("{THIS} -1")]
        {
            assert_eq!(Attempts::next(record, THIS).count, 1, "{record:?}");
        }
        let most = Attempts { usrhash: THIS, count: u32::MAX };
        assert_eq!(Attempts::next(&most.encode(), THIS), most);
    }

    #[test]
    fn only_a_good_one_gives_way_and_only_to_a_good_one() {
        for (current, other, other_slot, count, expected) in [
            (
                "berth_2.0.0.efi",
                "berth_1.0.0.efi",
                Some(OTHER),
                4,
                Some("rename berth_2.0.0.efi to berth_2.0.0+0.efi"),
            ),
            (
                "berth_1.0.0.efi",
                "berth_2.0.0.efi",
                Some(OTHER),
                4,
                Some("rename berth_1.0.0.efi to berth_1.0.0+0.efi"),
            ),
            ("berth_2.0.0.efi", "berth_1.0.0.efi", Some(OTHER), 3, None),
            ("berth_2.0.0.efi", "berth_1.0.0+0-3.efi", Some(OTHER), 4, None),
            ("berth_2.0.0.efi", "berth_1.0.0+3.efi", Some(OTHER), 4, None),
            ("berth_2.0.0.efi", "berth_1.0.0.efi", None, 4, None),
            ("berth_2.0.0+1-2.efi", "berth_1.0.0.efi", Some(OTHER), 4, None),
            ("berth_2.0.0+0.efi", "berth_1.0.0.efi", Some(OTHER), 4, Some("")),
        ] {
            let entry = |name: &str, usrhash| Entry {
                name: name.parse().unwrap(),
                usrhash: Some(usrhash),
                place: None,
            };
            let machine = Machine {
                running: Some(Running { slot: Slot::A, usrhash: THIS }),
                slots: [Some(THIS), other_slot],
                esp: Esp { entries: vec![entry(current, THIS), entry(other, OTHER)], strays: vec![] },
            };
            let actions = Attempts { usrhash: THIS, count }.fall_back(&machine);
            let text =
                actions.map(|actions| actions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
            assert_eq!(text.as_deref(), expected, "{current}, {other}, {count}");
        }
    }
}
