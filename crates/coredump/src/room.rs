//! What is removed so that a core finds room.

/// A core that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its file.
    pub file: String,
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

/// The cores to be removed, the oldest first, so that those that stay and `new` more bytes are
/// within the bounds. None where removing all of them would not do.
pub fn make(mut kept: Vec<Kept>, bounds: Bounds, new: u64) -> Option<Vec<Kept>> {
    kept.sort_by(|a, b| (a.time_us, &a.file).cmp(&(b.time_us, &b.file)));
    let mut used: u64 = kept.iter().map(|core| core.size).sum();
    let mut free = bounds.free;
    let mut removed = Vec::new();
    let mut kept = kept.into_iter();
    while used.saturating_add(new) > bounds.max_use || free.saturating_sub(new) < bounds.keep_free {
        let oldest = kept.next()?;
        used -= oldest.size;
        free = free.saturating_add(oldest.size);
        removed.push(oldest);
    }
    Some(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_no_more_than_must() {
        let kept = || {
            [("c", 3, 30), ("a", 1, 10), ("b", 2, 20)]
                .map(|(file, time_us, size)| Kept { file: file.into(), time_us, size })
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
            let removed = make(kept(), Bounds { max_use, keep_free, free }, new);
            let removed = removed
                .map(|cores| cores.iter().map(|core| core.file.as_str()).collect::<Vec<_>>().join(" "));
            assert_eq!(removed.as_deref(), expected, "{max_use} {keep_free} {free} {new}");
        }
    }
}
