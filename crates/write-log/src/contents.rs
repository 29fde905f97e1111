//! What lies where on a disk that was written to, as pieces of where it comes from.

use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of a disk that are not what they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which.
    pub bytes: Range<u64>,
    /// Where in the log they are; None for zeroes.
    pub from: Option<u64>,
}

impl Piece {
    /// The part of it that is in `bytes`.
    fn part(&self, bytes: Range<u64>) -> Self {
        let from = self.from.map(|from| from + (bytes.start - self.bytes.start));
        Self { bytes, from }
    }
}

/// What lies where: of all that was written the last, in order of place. Pieces do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// By their start.
    pieces: BTreeMap<u64, Piece>,
}

impl Contents {
    /// Writes a piece over what was there.
    pub fn write(&mut self, piece: Piece) {
        let Range { start, end } = piece.bytes;
        if start >= end {
            return;
        }
        let covered: Vec<Piece> = self.within(start..end).cloned().collect();
        for old in covered {
            self.pieces.remove(&old.bytes.start);
            for left in [old.bytes.start..start.min(old.bytes.end), end.max(old.bytes.start)..old.bytes.end] {
                if left.start < left.end {
                    self.pieces.insert(left.start, old.part(left));
                }
            }
        }
        self.pieces.insert(start, piece);
    }

    /// All pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.values()
    }

    /// The pieces of which some is in `bytes`.
    pub fn within(&self, bytes: Range<u64>) -> impl Iterator<Item = &Piece> {
        let before = self.pieces.range(..bytes.start).next_back().map(|(_, piece)| piece);
        let before = before.filter(|piece| piece.bytes.end > bytes.start);
        before
            .into_iter()
            .chain(self.pieces.range(bytes.start..bytes.end.max(bytes.start)).map(|(_, piece)| piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_middle_of_a_piece_is_written_over_and_its_ends_stay() {
        let mut contents = Contents::default();
        contents.write(Piece { bytes: 10..20, from: Some(100) });
        contents.write(Piece { bytes: 13..15, from: None });
        contents.write(Piece { bytes: 15..15, from: None });
        let expected = [
            Piece { bytes: 10..13, from: Some(100) },
            Piece { bytes: 13..15, from: None },
            Piece { bytes: 15..20, from: Some(105) },
        ];
        assert!(contents.pieces().eq(&expected), "{contents:?}");
        assert!(contents.within(14..16).eq(&expected[1..]));
        assert!(contents.within(20..30).next().is_none());
    }

    proptest! {
        #[test]
        fn it_is_as_a_disk_that_was_written_to(
            writes in prop::collection::vec((0_u64..40, 0_u64..20, prop::option::of(0_u64..10_000)), 0..30)
        ) {
            let mut contents = Contents::default();
            let mut disk = [None; 64];
            for (start, length, from) in writes {
                contents.write(Piece { bytes: start..start + length, from });
                for at in start..start + length {
                    disk[at as usize] = Some(from.map(|from| from + at - start));
                }
            }
            let mut read = [None; 64];
            let mut end = 0;
            for piece in contents.pieces() {
                prop_assert!(piece.bytes.start >= end && piece.bytes.end > piece.bytes.start);
                end = piece.bytes.end;
                for at in piece.bytes.clone() {
                    read[at as usize] = Some(piece.from.map(|from| from + at - piece.bytes.start));
                }
            }
            prop_assert_eq!(disk, read);
        }
    }
}
