//! Stage 1's own count of attempts: a good entry has no counter, and may turn bad later.
//!
//! The record is a line, `<root hash> <count>`: how often that `/usr` was booted since a boot of it was good.

use verity::RootHash;

use crate::{Action, Machine, condemn};

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

    /// What is to be done where it was: the version that runs goes behind another good one. Nothing where there is
    /// none, or where the loader counts this one's tries itself.
    pub fn actions(&self, machine: &Machine) -> Vec<Action> {
        let Some(current) = machine.running_entry().filter(|entry| entry.name.is_good()) else {
            return Vec::new();
        };
        let is_other_good = |entry: &&crate::Entry| {
            entry.usrhash != current.usrhash && entry.name.is_good() && machine.is_bootable(entry)
        };
        if !self.is_too_many() || !machine.esp.entries.iter().any(|entry| is_other_good(&entry)) {
            return Vec::new();
        }
        condemn(machine, &current.name.version).unwrap_or_default()
    }
}
