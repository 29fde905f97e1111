//! Stage 1's own count of attempts: a good entry has no counter, and may turn bad later.
//!
//! The record is a line, `<root hash> <count> <short> <boot>`: how often that `/usr` was booted since it came up, how often
//! it came up and did not last since a boot of it was good, and which boot was the last to end in good order then, where
//! one did.

use verity::RootHash;

use crate::{Action, Entry, Machine, condemn};

/// Boots in a row that a good version may fail before another good one gets its turn.
pub const MOST_ATTEMPTS: u32 = 3;
/// Boots in a row that come up and do not last before that. More, since power cuts look the same.
pub const MOST_SHORT: u32 = 12;

/// How often a `/usr` was booted since a boot of it was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// The `/usr`.
    pub usrhash: RootHash,
    /// How often since it came up, this boot included.
    pub count: u32,
    /// How often it came up and broke off.
    pub short: u32,
    /// The id of the boot that had ended in good order, where the last one that is known of did.
    pub ended: Option<String>,
}

impl Attempts {
    /// The record of a `/usr` of which a boot was good. It stays on the disk, so that there is room for the next count
    /// where ROOT is full by then.
    pub fn none(usrhash: RootHash) -> Self {
        Self { usrhash, count: 0, short: 0, ended: None }
    }

    /// The record's next content, from what it holds (nothing where it is not there): this boot counted. What makes no
    /// sense counts as nothing, and so does the count of another `/usr`.
    ///
    /// `ended` is the last boot that PID 1 knows of, where it ended in good order: somebody wanted it to end, so what was
    /// counted before it says nothing. It says so once: boots that fail before PID 1 leave it the last one.
    pub fn next(record: &str, usrhash: RootHash, ended: Option<&str>) -> Self {
        let mut before = Self::of(record, usrhash);
        if ended.is_some() && before.ended.as_deref() != ended {
            before = Self::none(usrhash);
        }
        Self { count: before.count.saturating_add(1), ended: ended.map(str::to_owned), ..before }
    }

    /// The record's next content once the boot that it counts has come up: it has not failed, but may yet break off.
    pub fn came_up(record: &str, usrhash: RootHash) -> Self {
        let before = Self::of(record, usrhash);
        Self { count: 0, short: before.short.saturating_add(1), ..before }
    }

    fn of(record: &str, usrhash: RootHash) -> Self {
        let known = Self::parse(record).filter(|known| known.usrhash == usrhash);
        known.unwrap_or_else(|| Self::none(usrhash))
    }

    fn parse(record: &str) -> Option<Self> {
        // More than a line is the rest of a longer one that was overwritten.
        let mut words = record.lines().next()?.split(' ');
        let (usrhash, count) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let short = words.next().map_or(Some(0), |word| word.parse().ok())?;
        Some(Self { usrhash, count, short, ended: words.next().map(str::to_owned) })
    }

    /// The record's text.
    pub fn encode(&self) -> String {
        let ended = self.ended.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        format!("{} {} {}{ended}\n", self.usrhash, self.count, self.short)
    }

    /// Whether it was booted more often than it may be.
    pub fn is_too_many(&self) -> bool {
        self.count > MOST_ATTEMPTS || self.short >= MOST_SHORT
    }

    /// What became of its boots, for people.
    pub fn told(&self) -> String {
        match self.count > MOST_ATTEMPTS {
            true => format!("was booted {} times and did not prove itself", self.count),
            false => format!("came up {} times and broke off soon each time", self.short),
        }
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
            let attempts = Attempts::next(&record, THIS, None);
            assert_eq!((attempts.count, attempts.is_too_many()), (count, count > 3));
            record = attempts.encode();
        }
        let of_other = Attempts { count: 7, ..Attempts::none(OTHER) }.encode();
        let forgotten = Attempts::none(THIS).encode();
        for record in
            [&of_other, &forgotten, "", "x 3", "3", "\0\0\0", &format!("{THIS} -1"), &format!("{THIS} 3 x")]
        {
            assert_eq!(Attempts::next(record, THIS, None).count, 1, "{record:?}");
        }
        let most = Attempts { count: u32::MAX, ..Attempts::none(THIS) };
        assert_eq!(Attempts::next(&most.encode(), THIS, None), most);
        // What a longer record left behind, where one was overwritten.
        assert_eq!(Attempts::next(&format!("{THIS} 2\n1 cafe\n"), THIS, None).count, 3);
    }

    #[test]
    fn boots_that_come_up_and_break_off_count_for_less() {
        let mut record = Attempts { count: 2, ..Attempts::none(THIS) }.encode();
        for short in 0..=14 {
            let attempts = Attempts::next(&record, THIS, None);
            assert_eq!((attempts.short, attempts.is_too_many()), (short, short >= 12), "{record}");
            assert_eq!(attempts.count, if short == 0 { 3 } else { 1 });
            record = Attempts::came_up(&attempts.encode(), THIS).encode();
        }
        let in_order = Attempts::next(&record, THIS, Some("a"));
        assert_eq!((in_order.count, in_order.short), (1, 0));
        assert_eq!(Attempts::came_up("", THIS).short, 1);
        let of_other = Attempts { short: 7, ..Attempts::none(OTHER) }.encode();
        assert_eq!(Attempts::came_up(&of_other, THIS).short, 1);
    }

    #[test]
    fn a_boot_that_ended_in_good_order_is_no_failed_one() {
        // Which boot had ended in good order, as each of these begins, and how many count then.
        let mut record = Attempts { count: 3, ..Attempts::none(THIS) }.encode();
        for (ended, count) in [
            // An operator restarts a machine, again and again.
            (Some("a"), 1),
            (Some("b"), 1),
            (Some("c"), 1),
            // It fails before PID 1, so that the one before stays the last that is known of.
            (Some("c"), 2),
            (Some("c"), 3),
            (Some("c"), 4),
            (Some("d"), 1),
            // Or after it.
            (None, 2),
            (None, 3),
            (Some("e"), 1),
        ] {
            let attempts = Attempts::next(&record, THIS, ended);
            assert_eq!(attempts.count, count, "{ended:?} after {record}");
            record = attempts.encode();
        }
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
            let actions = Attempts { count, ..Attempts::none(THIS) }.fall_back(&machine);
            let text =
                actions.map(|actions| actions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
            assert_eq!(text.as_deref(), expected, "{current}, {other}, {count}");
        }
    }
}
