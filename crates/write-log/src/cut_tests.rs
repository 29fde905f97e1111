//! Cuts over small logs, whose data is told apart by where in the log it is.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn write(sector: u64, sectors: u64, data: u64) -> Record {
    let bytes = sector * SECTOR..(sector + sectors) * SECTOR;
    Record { bytes, kind: Kind::Write { data: data * SECTOR }, flush: false, fua: false }
}

fn flush() -> Record {
    Record { bytes: 0..0, kind: Kind::Write { data: 0 }, flush: true, fua: false }
}

/// What each of the first sectors holds: the data's number in the log, or None where nothing was written.
fn sectors(contents: &Contents) -> [Option<Option<u64>>; 8] {
    let mut sectors = [None; 8];
    for piece in contents.pieces() {
        for at in (piece.bytes.start / SECTOR)..(piece.bytes.end / SECTOR) {
            let from = piece.from.map(|from| from / SECTOR + at - piece.bytes.start / SECTOR);
            sectors[at as usize] = Some(from);
        }
    }
    sectors
}

#[test]
fn what_a_cut_leaves_by_what_was_flushed() {
    let fua = |record| Record { fua: true, ..record };
    let first = |record| Record { flush: true, ..record };
    let discard = |record| Record { kind: Kind::Discard, ..record };
    // Of two sectors: a write of 1 to the first, of 2 to the second, and what else there is.
    for (name, records, lost, kept) in [
        ("nothing is flushed", vec![write(0, 1, 1), write(1, 1, 2)], [None, None], [Some(1), Some(2)]),
        ("one is", vec![write(0, 1, 1), flush(), write(1, 1, 2)], [Some(1), None], [Some(1), Some(2)]),
        ("both are", vec![write(0, 1, 1), write(1, 1, 2), flush()], [Some(1), Some(2)], [Some(1), Some(2)]),
        ("FUA", vec![write(0, 1, 1), fua(write(1, 1, 2))], [None, Some(2)], [Some(1), Some(2)]),
        ("flush first", vec![write(0, 1, 1), first(write(1, 1, 2))], [Some(1), None], [Some(1), Some(2)]),
        ("both", vec![write(0, 1, 1), first(fua(write(1, 1, 2)))], [Some(1), Some(2)], [Some(1), Some(2)]),
        ("over", vec![write(0, 1, 1), flush(), write(0, 2, 3)], [Some(1), None], [Some(3), Some(4)]),
        ("FUA over", vec![write(0, 2, 3), fua(write(0, 1, 1))], [Some(1), None], [Some(1), Some(4)]),
    ] {
        for (policy, expected) in [(Policy::Lost, lost), (Policy::Kept, kept)] {
            let left = sectors(&left_by(&records, Cut { after: records.len(), policy }));
            assert_eq!(left[..2], expected.map(|data| data.map(Some)), "{name}, {policy:?}");
        }
    }
    let discarded = [write(0, 2, 1), flush(), discard(write(0, 1, 0))];
    let left = |policy| sectors(&left_by(&discarded, Cut { after: 3, policy }));
    assert_eq!(left(Policy::Lost)[..2], [Some(Some(1)), Some(Some(2))]);
    assert_eq!(left(Policy::Kept)[..2], [Some(None), Some(Some(2))]);
}

#[test]
fn what_came_after_the_cut_is_not_there() {
    let records = [write(0, 1, 1), flush(), write(1, 1, 2), flush()];
    for (after, expected) in [
        (0, [false, false]),
        (1, [false, false]),
        (2, [true, false]),
        (3, [true, false]),
        (4, [true, true]),
        (9, [true, true]),
    ] {
        let left = sectors(&left_by(&records, Cut { after, policy: Policy::Lost }));
        assert_eq!([left[0].is_some(), left[1].is_some()], expected, "after {after}");
    }
}

#[test]
fn tearing_shows_every_state_that_two_sectors_can_be_in() {
    let records = [write(0, 2, 1)];
    let torn = |seed| sectors(&left_by(&records, Cut { after: 1, policy: Policy::Torn(seed) }));
    let states: BTreeSet<_> =
        (0..200).map(|seed| [torn(seed)[0].is_some(), torn(seed)[1].is_some()]).collect();
    assert_eq!(states.len(), 4, "{states:?}");
    // A later write may be there without an earlier one.
    let records = [write(0, 1, 1), write(1, 1, 2)];
    let torn = |seed| sectors(&left_by(&records, Cut { after: 2, policy: Policy::Torn(seed) }));
    assert!((0..200).any(|seed| torn(seed)[0].is_none() && torn(seed)[1].is_some()));
}

fn record() -> impl Strategy<Value = (u64, u64, bool, bool, bool)> {
    (0_u64..8, 0_u64..4, prop::bool::weighted(0.2), prop::bool::weighted(0.1), prop::bool::weighted(0.1))
}

proptest! {
    #[test]
    fn each_sector_holds_what_the_disk_promised_or_what_came_later(
        records in prop::collection::vec(record(), 0..20), after in 0_usize..24, seed: u64
    ) {
        let mut data = 100;
        let records: Vec<Record> = records
            .into_iter()
            .map(|(sector, length, flush, fua, discard)| {
                data += 10;
                let length = length.min(8 - sector);
                let record = write(sector, length, data);
                let kind = if discard { Kind::Discard } else { record.kind };
                Record { flush, fua, kind, ..record }
            })
            .collect();
        let left = sectors(&left_by(&records, Cut { after, policy: Policy::Torn(seed) }));
        prop_assert_eq!(left, sectors(&left_by(&records, Cut { after, policy: Policy::Torn(seed) })));
        // Said apart from how it is done: go back from the cut, and gather what a sector may hold until a write that
        // is promised.
        for sector in 0..8_u64 {
            let mut may = BTreeSet::new();
            let mut promised = false;
            let mut flushed = false;
            for record in records[..after.min(records.len())].iter().rev() {
                if record.bytes.contains(&(sector * SECTOR)) {
                    let at = sector - record.bytes.start / SECTOR;
                    may.insert(Some(match record.kind {
                        Kind::Write { data } => Some(data / SECTOR + at),
                        _ => None,
                    }));
                    if flushed || record.fua {
                        promised = true;
                        break;
                    }
                }
                flushed |= record.flush;
            }
            if !promised {
                may.insert(None);
            }
            prop_assert!(may.contains(&left[sector as usize]), "sector {}: {:?} of {:?}", sector, left, may);
        }
    }
}
