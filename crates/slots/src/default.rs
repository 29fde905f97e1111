//! Which entry systemd-boot takes.

use std::cmp::{Ordering, Reverse};

use crate::{Entry, EntryName};

/// The entry that systemd-boot 257 boots when nobody chooses and no variable names one: the first of its list.
/// Entries with no try left come last; among the others, and among those, the newest version is first. Of one
/// version's entries those with a counter come first, by the tries left (it orders by file name then, as UAPI.10,
/// Version Format Specification).
///
/// A file that is not a whole UKI is none of its entries. Files of other names than ours are not looked at.
pub fn default_entry<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Option<&'a Entry> {
    entries.into_iter().filter(|entry| entry.usrhash.is_some()).min_by(|a, b| order(&a.name, &b.name))
}

fn order(a: &EntryName, b: &EntryName) -> Ordering {
    let by_counter = |name: &EntryName| {
        // Of names with as many tries left, the one without tries done comes first, then that with the most.
        let counter = name.tries.map(|tries| (tries.left, tries.done == 0, tries.done));
        Reverse(counter)
    };
    a.is_bad()
        .cmp(&b.is_bad())
        .then_with(|| b.version.cmp(&a.version))
        .then_with(|| by_counter(a).cmp(&by_counter(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use verity::RootHash;

    fn chosen(names: &[&str]) -> Option<String> {
        let entry = |name: &&str| Entry {
            name: name.trim_end_matches('!').parse().unwrap(),
            usrhash: (!name.ends_with('!')).then_some(RootHash([1; 32])),
            place: None,
        };
        let entries: Vec<Entry> = names.iter().map(entry).collect();
        default_entry(&entries).map(|entry| entry.name.to_string())
    }

    #[test]
    fn the_newest_that_has_not_failed_boots() {
        let names = |versions: &[&str]| -> Vec<String> {
            versions.iter().map(|version| format!("berth_{version}.efi")).collect()
        };
        for (entries, expected) in [
            (&["1.0.0", "2.0.0"][..], "2.0.0"),
            (&["1.0.0", "2.0.0+3"], "2.0.0+3"),
            (&["1.0.0", "2.0.0+1-2"], "2.0.0+1-2"),
            (&["1.0.0", "2.0.0+0-3"], "1.0.0"),
            (&["1.0.0+3", "2.0.0+0"], "1.0.0+3"),
            (&["1.0.0+0", "2.0.0+0-3"], "2.0.0+0-3"),
            (&["1.9.0", "1.10.0"], "1.10.0"),
            (&["1.0.0", "1.0.0.dev1"], "1.0.0.dev1"),
            (&["1.0.0+3", "2.0.0"], "2.0.0"),
            (&["2.0.0", "2.0.0+2-1"], "2.0.0+2-1"),
            (&["2.0.0+3", "2.0.0+2-1"], "2.0.0+3"),
            (&["2.0.0", "2.0.0+0-3"], "2.0.0"),
            (&["2.0.0+2-1", "2.0.0+2"], "2.0.0+2"),
        ] {
            let entries = names(entries);
            let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
            assert_eq!(chosen(&entries), Some(format!("berth_{expected}.efi")), "{entries:?}");
        }
    }

    #[test]
    fn what_is_not_whole_is_none_of_its_entries() {
        assert_eq!(chosen(&["berth_1.0.0.efi", "berth_2.0.0+3.efi!"]), Some("berth_1.0.0.efi".into()));
        assert_eq!(chosen(&["berth_2.0.0.efi!"]), None);
        assert_eq!(chosen(&[]), None);
    }
}
