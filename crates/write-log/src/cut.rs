//! What a power cut leaves.

use std::ops::Range;

use crate::SECTOR;
use crate::contents::{Contents, Piece};
use crate::format::{Kind, Record};

/// A power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many records of the log the disk had answered.
    pub after: usize,
    /// What became of those that no flush followed.
    pub policy: Policy,
}

/// What becomes of writes that were in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// All of them are on the medium, as where the cache has a battery.
    Kept,
    /// None of them is.
    Lost,
    /// Each is there, is not, is there up to some sector, or is there in some of its sectors: by this seed.
    Torn(u64),
}

/// What is on the medium of what `records` wrote, after a cut. What was flushed before it is, always, and what was
/// written with FUA.
pub fn left_by(records: &[Record], cut: Cut) -> Contents {
    let records = &records[..cut.after.min(records.len())];
    let safe = records.iter().rposition(|record| record.flush).unwrap_or(0);
    let mut contents = Contents::default();
    for (index, record) in records.iter().enumerate() {
        let from = match record.kind {
            Kind::Write { data } => Some(data),
            Kind::Discard => None,
            Kind::Mark => continue,
        };
        let fate = if index < safe || record.fua {
            Fate::Kept
        } else {
            match cut.policy {
                Policy::Kept => Fate::Kept,
                Policy::Lost => Fate::Lost,
                Policy::Torn(seed) => Fate::drawn(&mut Dice::new(seed, index), &record.bytes),
            }
        };
        for bytes in fate.left(&record.bytes) {
            let from = from.map(|from| from + (bytes.start - record.bytes.start));
            contents.write(Piece { bytes: bytes.clone(), from });
        }
    }
    contents
}

/// What becomes of one write.
enum Fate {
    Kept,
    Lost,
    /// It is there in these sectors.
    Torn(Vec<Range<u64>>),
}

impl Fate {
    fn drawn(dice: &mut Dice, bytes: &Range<u64>) -> Self {
        let sectors = (bytes.end - bytes.start).div_ceil(SECTOR);
        let sector =
            |number| bytes.start + number * SECTOR..bytes.end.min(bytes.start + (number + 1) * SECTOR);
        match dice.below(4) {
            0 => Self::Kept,
            1 => Self::Lost,
            2 => Self::Torn((0..dice.below(sectors + 1)).map(sector).collect()),
            _ => Self::Torn((0..sectors).filter(|_| dice.below(2) == 0).map(sector).collect()),
        }
    }

    /// What is there of a write of these bytes.
    fn left<'a>(&'a self, bytes: &'a Range<u64>) -> &'a [Range<u64>] {
        match self {
            Self::Kept => std::slice::from_ref(bytes),
            Self::Lost => &[],
            Self::Torn(sectors) => sectors,
        }
    }
}

/// Chance that comes out the same each time: SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    /// For one record, so that its fate does not hang on those of others.
    fn new(seed: u64, index: usize) -> Self {
        let mut dice = Self(seed);
        let start = dice.next();
        Self(start ^ (index as u64).wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
