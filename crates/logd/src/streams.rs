//! Streams of text that are cut into lines: the output of services, and connections of
//! sd_journal_stream_fd(3).

use std::os::fd::OwnedFd;

use sys::credentials::Credentials;
use unit::service::log::LogSettings;

use crate::lines::Lines;
use crate::sink::Speaker;

/// A connection begins with so many lines.
const HEADER_LINES: usize = 7;
/// They are no longer than this together, in bytes.
const HEADER_MAX: usize = 4096;

/// A stream.
pub struct Stream {
    /// Where it comes from.
    pub fd: OwnedFd,
    /// Who speaks; not known before a connection has said how.
    pub speaker: Option<Speaker>,
    /// Its lines.
    pub lines: Lines,
    /// Of a connection: who made it, and what it has said of itself so far.
    pub opening: Option<(Credentials, Vec<u8>)>,
}

/// What became of the first bytes of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// More are needed.
    Part,
    /// It is no such connection.
    Bad,
    /// What it says of itself, and how many bytes that took.
    Whole(LogSettings, usize),
}

/// Reads the first lines of a connection: identifier, unit (which is not believed), priority,
/// whether lines may begin with theirs, and three of where to copy lines to, which are passed over.
pub fn opening(bytes: &[u8]) -> Opening {
    let mut ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at);
    let Some(end) = ends.nth(HEADER_LINES - 1) else {
        return if bytes.len() > HEADER_MAX { Opening::Bad } else { Opening::Part };
    };
    let Ok(text) = std::str::from_utf8(&bytes[..end]) else {
        return Opening::Bad;
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let flag = |at: usize| match lines[at] {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    };
    let level: Option<u8> = lines[2].parse().ok();
    let (Some(level), Some(level_prefix), true) = (level, flag(3), (4..7).all(|at| flag(at).is_some()))
    else {
        return Opening::Bad;
    };
    let identifier = Some(lines[0].to_owned()).filter(|name| !name.is_empty());
    let default = LogSettings::default();
    // Facility 0 is the kernel's: here it says nothing.
    let facility = Some(level >> 3).filter(|number| *number > 0).unwrap_or(default.facility);
    Opening::Whole(LogSettings { identifier, level: level & 7, facility, level_prefix, ..default }, end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_begin_with_seven_lines() {
        let settings = |identifier: Option<&str>, level, facility, level_prefix| LogSettings {
            identifier: identifier.map(str::to_owned),
            level,
            facility,
            level_prefix,
            ..LogSettings::default()
        };
        let cases: [(&[u8], Opening); 8] = [
            (
                b"cat\nx.service\n6\n1\n0\n0\n0\nhello\n",
                Opening::Whole(settings(Some("cat"), 6, 3, true), 24),
            ),
            (b"\n\n30\n0\n0\n0\n1\n", Opening::Whole(settings(None, 6, 3, false), 13)),
            (b"", Opening::Part),
            (b"cat\n\n6\n1\n0\n0\n0", Opening::Part),
            (b"cat\n\nx\n1\n0\n0\n0\n", Opening::Bad),
            (b"cat\n\n6\nyes\n0\n0\n0\n", Opening::Bad),
            (b"\xff\n\n6\n1\n0\n0\n0\n", Opening::Bad),
            (&[b'x'; HEADER_MAX + 1], Opening::Bad),
        ];
        for (bytes, expected) in cases {
            assert_eq!(opening(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
