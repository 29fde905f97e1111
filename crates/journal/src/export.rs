//! Fields as text: systemd's Journal Export Format, which is also what programs send to the native
//! socket (sd_journal_sendv(3)).
//!
//! A field is a line `NAME=value`; or, where the value is not printable text of one line, a line
//! `NAME`, the value's length in eight bytes with the lowest first, the value, and a line feed. An
//! empty line ends an entry.

use crate::fields::is_field_name;
use crate::{Entry, Fields, Record};

/// More fields in one entry are left out.
const FIELDS_MAX: usize = 1024;

/// Reads entries. Fields of no valid name, and those that only the log daemon may give (an
/// underscore first), are left out. At the first thing that is no field reading ends: what was
/// whole until then counts.
pub fn parse(bytes: &[u8]) -> Vec<Fields> {
    let mut entries = Vec::new();
    let (mut fields, mut count) = (Fields::default(), 0);
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let line = &rest[..end];
        let after = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            if !fields.is_empty() {
                entries.push(std::mem::take(&mut fields));
            }
            count = 0;
            rest = after;
            continue;
        }
        let (name, value) = match line.iter().position(|b| *b == b'=') {
            Some(at) => {
                rest = after;
                (&line[..at], &line[at + 1..])
            }
            None => match take_binary(after) {
                Some((value, after)) => {
                    rest = after;
                    (line, value)
                }
                None => break,
            },
        };
        count += 1;
        if count <= FIELDS_MAX
            && is_field_name(name)
            && name[0] != b'_'
            && let Ok(name) = std::str::from_utf8(name)
        {
            fields.push(name, value);
        }
    }
    if !fields.is_empty() {
        entries.push(fields);
    }
    entries
}

fn take_binary(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (value, rest) = rest.split_at_checked(length)?;
    // The last line feed may be missing.
    Some((value, rest.strip_prefix(b"\n").unwrap_or(rest)))
}

/// Appends one field.
pub fn put(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if is_line(value) {
        out.push(b'=');
    } else {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Appends an entry with its place and times, and the empty line after it.
pub fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    for (name, value) in addresses(entry) {
        put(out, name, value.as_bytes());
    }
    for (name, value) in entry.fields() {
        put(out, name, value);
    }
    out.push(b'\n');
}

/// What an entry is found by: fields of no message, which begin with two underscores.
pub fn addresses(entry: &Entry) -> [(&'static str, String); 4] {
    let [realtime, monotonic] = times(&entry.record);
    [("__CURSOR", entry.cursor().to_string()), realtime, monotonic, ("__SEQNUM", entry.seq.to_string())]
}

/// The same of a message that has no place in a journal yet.
pub fn times(record: &Record) -> [(&'static str, String); 2] {
    [
        ("__REALTIME_TIMESTAMP", record.realtime_us.to_string()),
        ("__MONOTONIC_TIMESTAMP", record.monotonic_us.to_string()),
    ]
}

/// Whether a value is printable text of one line.
pub fn is_line(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(|c| c.is_control() && c != '\t'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<Vec<(String, String)>> {
        let pairs = |fields: &Fields| {
            fields.iter().map(|(n, v)| (n.to_owned(), String::from_utf8_lossy(v).into_owned())).collect()
        };
        parse(bytes).iter().map(pairs).collect()
    }

    type Pairs = &'static [(&'static str, &'static str)];

    #[test]
    fn datagrams() {
        let cases: [(&[u8], &[Pairs]); 10] = [
            (b"MESSAGE=hi\nPRIORITY=4\n", &[&[("MESSAGE", "hi"), ("PRIORITY", "4")]]),
            (b"MESSAGE=no line feed", &[&[("MESSAGE", "no line feed")]]),
            (b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nX=1\n", &[&[("MESSAGE", "a\nb"), ("X", "1")]]),
            (b"A=1\n\nB=2\n\n\n", &[&[("A", "1")], &[("B", "2")]]),
            // Who speaks is for the log daemon to say.
            (b"_PID=1\n__CURSOR=x\nA=\n", &[&[("A", "")]]),
            (b"lower=1\n1A=2\n=3\nB=x=y\n", &[&[("B", "x=y")]]),
            // A length that the datagram does not have.
            (b"A=1\nB\n\xff\xff\xff\xff\xff\xff\xff\xffx\n", &[&[("A", "1")]]),
            (b"A=1\nB\n\x01\0", &[&[("A", "1")]]),
            (b"A\n\x01\0\0\0\0\0\0\0x", &[&[("A", "x")]]),
            (b"", &[]),
        ];
        for (datagram, expected) in cases {
            let expected: Vec<Vec<(String, String)>> = expected
                .iter()
                .map(|e| e.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
                .collect();
            assert_eq!(read(datagram), expected, "{}", String::from_utf8_lossy(datagram));
        }
    }

    #[test]
    fn too_many_fields_are_cut() {
        let datagram = b"A=1\n".repeat(FIELDS_MAX + 10);
        assert_eq!(parse(&datagram)[0].iter().count(), FIELDS_MAX);
    }

    proptest! {
        #[test]
        fn what_is_put_is_parsed(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6)) {
            let mut bytes = Vec::new();
            values.iter().for_each(|value| put(&mut bytes, "FIELD", value));
            let parsed = parse(&bytes);
            let read: Vec<&[u8]> = parsed[0].iter().map(|(_, value)| value).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
        }
    }
}
