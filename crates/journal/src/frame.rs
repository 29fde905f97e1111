//! Frames: what a segment is made of. Length of the payload and its CRC-32, four bytes each with
//! the lowest first, then the payload, whose first byte says what it is.
//!
//! The sums of a segment begin with a number that only its header tells, by chance: who logs bytes
//! that look like a frame cannot have a reader that looks for one in a damaged place take them
//! for one.

use std::ops::Range;
use std::sync::Arc;

use crc32fast::Hasher;

use crate::fields::{Fields, put_number, take_number};
use crate::{ENTRY_MAX, Origin, Record};

/// Bytes before the payload.
pub(crate) const HEAD: usize = 8;
/// No payload is longer: an entry, and what stands before its fields.
pub(crate) const PAYLOAD_MAX: usize = ENTRY_MAX + 64;
/// The version of the format that this code writes and reads.
const FORMAT: &[u8] = b"berth journal 3\n";

const HEADER: u8 = b'H';
const CONTEXT: u8 = b'C';
const ENTRY: u8 = b'E';

/// A payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// What the segment begins with.
    Header(Header),
    /// Shared fields, and the number that entries name them by.
    Context(u64, Fields),
    /// An entry.
    Entry(RawEntry),
}

/// The beginning of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub origin: Origin,
    /// When it was begun, in microseconds since 1970.
    pub realtime_us: u64,
    /// What the sums of the frames after this one begin with.
    pub salt: u32,
}

/// An entry whose context is not looked up yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RawEntry {
    /// Its place in the segment, from 0.
    pub index: u64,
    pub realtime_us: u64,
    pub monotonic_us: u64,
    /// The number of its context.
    pub context: u64,
    pub fields: Fields,
}

impl RawEntry {
    pub fn record(self, context: Arc<Fields>) -> Record {
        let Self { realtime_us, monotonic_us, fields, .. } = self;
        Record { realtime_us, monotonic_us, context, fields }
    }
}

/// What the bytes at a place are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame of so many bytes, head included.
    Frame(Payload, usize),
    /// The beginning of one: more bytes are needed.
    Part,
    /// No frame.
    Damage,
}

/// Looks at the frame that begins where the bytes do; a header has the salt 0.
pub(crate) fn look(bytes: &[u8], salt: u32) -> Found {
    let (length, expected) = match head(bytes) {
        Ok(head) => head,
        Err(other) => return other,
    };
    let payload = &bytes[HEAD..HEAD + length];
    // A fuzzer cannot guess sums, and is to see what is behind them.
    match cfg!(fuzzing) || sum(salt, payload) == expected {
        true => decode(payload).map_or(Found::Damage, |payload| Found::Frame(payload, HEAD + length)),
        false => Found::Damage,
    }
}

/// Looks for a whole frame that begins at one of some places.
pub(crate) fn find(bytes: &[u8], mut places: Range<usize>, salt: u32) -> Option<usize> {
    let mut sums = Sums { bytes, start: places.start, marks: vec![0] };
    places.find(|at| {
        let Ok((length, expected)) = head(&bytes[*at..]) else {
            return false;
        };
        let payload = at + HEAD..at + HEAD + length;
        let is_one = cfg!(fuzzing) || sums.of(payload.clone(), salt) == expected;
        is_one && decode(&bytes[payload]).is_some()
    })
}

/// Length and sum of the payload of a frame of which all is there; else what the bytes are.
fn head(bytes: &[u8]) -> Result<(usize, u32), Found> {
    let (head, rest) = bytes.split_at_checked(HEAD).ok_or(Found::Part)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = number(0) as usize;
    let is_kind = |kind: &u8| matches!(*kind, HEADER | CONTEXT | ENTRY);
    if length == 0 || length > PAYLOAD_MAX || !rest.first().is_none_or(is_kind) {
        return Err(Found::Damage);
    }
    match rest.len() < length {
        true => Err(Found::Part),
        false => Ok((length, number(4))),
    }
}

/// Sums of any part of some bytes, each in a time that hardly depends on its length. Who logs bytes of which each
/// could be the beginning of a long frame would make the search for one take hours otherwise.
struct Sums<'a> {
    bytes: &'a [u8],
    /// Nothing before this place is asked for.
    start: usize,
    /// Those of the first 0, 1, 2 ... times [`STEP`] bytes from there, as far as they were needed.
    marks: Vec<u32>,
}

/// Bytes between two sums that are kept.
const STEP: usize = 64;

impl Sums<'_> {
    fn of(&mut self, part: Range<usize>, salt: u32) -> u32 {
        let (before, all) = (self.until(part.start), self.until(part.end));
        // The sum of A and B together is that of A, moved on by as much as B is long, with that of B added bit by bit;
        // so is the sum of B that begins with a salt.
        let mut moved = Hasher::new_with_initial_len(before ^ salt, 0);
        moved.combine(&Hasher::new_with_initial_len(0, part.len() as u64));
        moved.finalize() ^ all
    }

    /// The sum of all from the start to a place.
    fn until(&mut self, place: usize) -> u32 {
        let mark = |number: usize| self.start + number * STEP;
        let number = (place - self.start) / STEP;
        while let (known, Some(last)) = (self.marks.len(), self.marks.last())
            && known <= number
        {
            let next = sum(*last, &self.bytes[mark(known - 1)..mark(known)]);
            self.marks.push(next);
        }
        sum(self.marks[number], &self.bytes[mark(number)..place])
    }
}

fn sum(salt: u32, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(payload);
    hasher.finalize()
}

fn decode(payload: &[u8]) -> Option<Payload> {
    let (kind, rest) = payload.split_first()?;
    match *kind {
        HEADER => {
            let (realtime_us, rest) = take_number(rest.strip_prefix(FORMAT)?)?;
            let (salt, rest) = take_number(rest)?;
            let origin = Origin::of_fields(&Fields::decode(rest)?)?;
            Some(Payload::Header(Header { origin, realtime_us, salt: u32::try_from(salt).ok()? }))
        }
        CONTEXT => {
            let (number, rest) = take_number(rest)?;
            Some(Payload::Context(number, Fields::decode(rest)?))
        }
        ENTRY => {
            let (index, rest) = take_number(rest)?;
            let (realtime_us, rest) = take_number(rest)?;
            let (monotonic_us, rest) = take_number(rest)?;
            let (context, rest) = take_number(rest)?;
            let fields = Fields::decode(rest)?;
            Some(Payload::Entry(RawEntry { index, realtime_us, monotonic_us, context, fields }))
        }
        _ => None,
    }
}

impl Header {
    /// Appends it as a frame.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        frame(out, 0, HEADER, |out| {
            out.extend_from_slice(FORMAT);
            put_number(out, self.realtime_us);
            put_number(out, self.salt.into());
            out.extend_from_slice(self.origin.fields().as_bytes());
        });
    }
}

/// Appends a context as a frame.
pub(crate) fn encode_context(out: &mut Vec<u8>, salt: u32, number: u64, fields: &Fields) {
    frame(out, salt, CONTEXT, |out| {
        put_number(out, number);
        out.extend_from_slice(fields.as_bytes());
    });
}

/// Appends an entry as a frame.
pub(crate) fn encode_entry(out: &mut Vec<u8>, salt: u32, index: u64, context: u64, record: &Record) {
    frame(out, salt, ENTRY, |out| {
        for number in [index, record.realtime_us, record.monotonic_us, context] {
            put_number(out, number);
        }
        out.extend_from_slice(record.fields.as_bytes());
    });
}

fn frame(out: &mut Vec<u8>, salt: u32, kind: u8, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.push(kind);
    payload(out);
    let body = &out[start + HEAD..];
    let (length, sum) = (body.len() as u32, sum(salt, body));
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + HEAD].copy_from_slice(&sum.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_part_has_the_same_sum_however_it_is_made(
            bytes in prop::collection::vec(any::<u8>(), 1..1000),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 3),
            salt in any::<u32>(),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut sums = Sums { bytes: &bytes, start: cuts[0], marks: vec![0] };
            for part in [cuts[1]..cuts[2], cuts[0]..cuts[1]] {
                prop_assert_eq!(sums.of(part.clone(), salt), sum(salt, &bytes[part]));
            }
        }
    }
}
