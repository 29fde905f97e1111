//! A list of fields, in the form in which a segment holds it.
//!
//! A field is its name, the length of its value, and its value. A name that is used often is one
//! byte, its place in [`KNOWN`]; another is its length plus 128, and its letters.

use std::fmt;

/// The longest name of a field, in bytes (systemd has the same bound).
pub const FIELD_NAME_MAX: usize = 64;

/// Names of one byte. The order is part of the format: names are added at the end only.
const KNOWN: [&str; 44] = [
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_FACILITY",
    "SYSLOG_PID",
    "MESSAGE_ID",
    "CODE_FILE",
    "CODE_LINE",
    "CODE_FUNC",
    "ERRNO",
    "UNIT",
    "INVOCATION_ID",
    "TID",
    "LOGGER",
    "THREAD_NAME",
    "SYSLOG_TIMESTAMP",
    "_TRANSPORT",
    "_SYSTEMD_UNIT",
    "_SYSTEMD_CGROUP",
    "_SYSTEMD_SLICE",
    "_SYSTEMD_INVOCATION_ID",
    "_PID",
    "_UID",
    "_GID",
    "_COMM",
    "_EXE",
    "_CMDLINE",
    "_BOOT_ID",
    "_MACHINE_ID",
    "_HOSTNAME",
    "_CAP_EFFECTIVE",
    "_STREAM_ID",
    "_LINE_BREAK",
    "_KERNEL_DEVICE",
    "_KERNEL_SUBSYSTEM",
    "_SOURCE_REALTIME_TIMESTAMP",
    "_SOURCE_MONOTONIC_TIMESTAMP",
    "_SELINUX_CONTEXT",
    "_AUDIT_SESSION",
    "_AUDIT_LOGINUID",
    "_RUNTIME_SCOPE",
    "N_DROPPED",
    "OBJECT_PID",
    "DOCUMENTATION",
];
const SPELLED: u8 = 128;

/// Whether it may be the name of a field: capital letters, digits and underscores, not beginning
/// with a digit. Names that begin with an underscore are for the log daemon alone to give.
pub fn is_field_name(name: &[u8]) -> bool {
    let (Some(first), true) = (name.first(), name.len() <= FIELD_NAME_MAX) else {
        return false;
    };
    !first.is_ascii_digit() && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

/// Fields in order; a name may stand more than once. Values are any bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// None, with room for so many bytes of names and values.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a field. One whose name is none ([`is_field_name`]) is left out.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        match KNOWN.iter().position(|known| *known == name) {
            Some(place) => self.0.push(place as u8),
            None if is_field_name(name.as_bytes()) => {
                self.0.push(SPELLED + name.len() as u8);
                self.0.extend_from_slice(name.as_bytes());
            }
            None => return,
        }
        put_number(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.push(name, value);
        self
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: &Fields) {
        self.0.extend_from_slice(&other.0);
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Its form in a segment.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads that form; `None` where it is not whole.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, _, rest) = take_field(rest)?;
        }
        Some(Self(bytes.to_vec()))
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        pairs.into_iter().fold(Self::default(), |fields, (name, value)| fields.with(name.as_ref(), value))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))))
            .finish()
    }
}

/// Goes over fields.
#[derive(Clone, Debug)]
pub struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = take_field(self.0)?;
        self.0 = rest;
        Some((name, value))
    }
}

fn take_field(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (name, rest) = match first.checked_sub(SPELLED) {
        None => (*KNOWN.get(usize::from(*first))?, rest),
        Some(length) => {
            let (name, rest) = rest.split_at_checked(usize::from(length))?;
            (std::str::from_utf8(name).ok().filter(|name| is_field_name(name.as_bytes()))?, rest)
        }
    };
    let (length, rest) = take_number(rest)?;
    let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((name, value, rest))
}

/// Writes a number in groups of seven bits, the lowest first (LEB128).
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads such a number from the front.
pub(crate) fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields() {
        for (name, is_one) in [
            (&b"MESSAGE"[..], true),
            (b"_PID", true),
            (b"X1_Y", true),
            (b"", false),
            (b"1X", false),
            (b"message", false),
            (b"A B", false),
            (b"A=", false),
            (&[b'A'; 64], true),
            (&[b'A'; 65], false),
        ] {
            assert_eq!(is_field_name(name), is_one, "{}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn known_names_are_names_and_fit_in_a_byte() {
        assert!(KNOWN.iter().all(|name| is_field_name(name.as_bytes())));
        assert!(KNOWN.len() < usize::from(SPELLED));
    }

    #[test]
    fn numbers() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(take_number(&bytes), Some((number, &b""[..])));
            assert_eq!(take_number(&bytes[..bytes.len() - 1]), None);
        }
    }
}
