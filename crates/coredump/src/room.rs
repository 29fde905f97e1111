//! What is removed so that a core finds room.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A core that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its file.
    pub file: String,
    /// The user whose process crashed.
    pub uid: u32,
    /// When its crash was, in microseconds since 1970.
    pub time_us: u64,
    /// What it takes on the disk, in bytes.
    pub size: u64,
}

/// The bounds, and where things stand; all in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What cores may take.
    pub max_use: u64,
    /// What is to stay free of the file system.
    pub keep_free: u64,
    /// What is free now.
    pub free: u64,
}

/// The cores to be removed so that those that stay and `new` more bytes of a user are within the bounds. None where
/// removing all of them would not do. Of who has the most the oldest goes first: whoever may crash cannot remove what
/// others need.
pub fn make(mut kept: Vec<Kept>, bounds: Bounds, uid: u32, new: u64) -> Option<Vec<Kept>> {
    let mut used: u64 = kept.iter().map(|core| core.size).sum();
    let mut free = bounds.free;
    let mut removed = Vec::new();
    while used.saturating_add(new) > bounds.max_use || free.saturating_sub(new) < bounds.keep_free {
        let first = take_first(&mut kept, Some((uid, new)), |core| core.size)?;
        used -= first.size;
        free = free.saturating_add(first.size);
        removed.push(first);
    }
    Some(removed)
}

/// Takes the oldest of the user who has the most by a measure, to which something new of a user may be added.
pub fn take_first(
    kept: &mut Vec<Kept>,
    new: Option<(u32, u64)>,
    measure: impl Fn(&Kept) -> u64,
) -> Option<Kept> {
    let mut of_users: BTreeMap<u32, u64> = new.into_iter().collect();
    for core in kept.iter() {
        let all = of_users.entry(core.uid).or_default();
        *all = all.saturating_add(measure(core));
    }
    let order = |core: &Kept| (of_users.get(&core.uid), Reverse((core.time_us, core.file.clone())));
    let (at, _) = kept.iter().enumerate().max_by_key(|(_, core)| order(core))?;
    Some(kept.remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_no_more_than_must() {
        let kept = || {
            [("c", 3, 30), ("a", 1, 10), ("b", 2, 20)]
                .map(|(file, time_us, size)| Kept { file: file.into(), uid: 0, time_us, size })
                .to_vec()
        };
        let cases = [
            // max_use, keep_free, free, new, what goes
            (100, 0, 1000, 40, Some("")),
            (100, 0, 1000, 41, Some("a")),
            (100, 0, 1000, 60, Some("a b")),
            (100, 0, 1000, 100, Some("a b c")),
            (100, 0, 1000, 101, None),
            (1000, 50, 100, 50, Some("")),
            (1000, 50, 100, 51, Some("a")),
            (1000, 50, 100, 110, Some("a b c")),
            (1000, 50, 100, 111, None),
            (0, 0, 1000, 0, Some("a b c")),
            (0, 0, 1000, 1, None),
        ];
        for (max_use, keep_free, free, new, expected) in cases {
            let removed = make(kept(), Bounds { max_use, keep_free, free }, 0, new);
            let removed = removed
                .map(|cores| cores.iter().map(|core| core.file.as_str()).collect::<Vec<_>>().join(" "));
            assert_eq!(removed.as_deref(), expected, "{max_use} {keep_free} {free} {new}");
        }
    }

    #[test]
    fn who_has_the_most_gives_way_first() {
        let kept = [("a", 0, 1, 30), ("b", 7, 2, 20), ("c", 7, 3, 20), ("d", 8, 4, 30)]
            .map(|(file, uid, time_us, size)| Kept { file: file.into(), uid, time_us, size });
        // max_use 100: of whom, new, what goes
        for (uid, new, expected) in
            [(7, 10, "b"), (7, 30, "b c"), (0, 20, "a"), (0, 10, "a"), (8, 50, "d b"), (9, 60, "b a d")]
        {
            let bounds = Bounds { max_use: 100, keep_free: 0, free: 1000 };
            let removed = make(kept.to_vec(), bounds, uid, new).unwrap();
            let removed: Vec<&str> = removed.iter().map(|core| core.file.as_str()).collect();
            assert_eq!(removed.join(" "), expected, "{uid} {new}");
        }
    }
}
