//! What a line or a datagram says about itself: kernel records, syslog messages, priority
//! prefixes.

use journal::{Fields, Priority};

/// One record of /dev/kmsg (the kernel's Documentation/ABI/testing/dev-kmsg).
#[derive(Debug, PartialEq, Eq)]
pub struct KernelRecord {
    /// How serious it is.
    pub priority: Priority,
    /// Position in the kernel's log; a gap means that records were overwritten.
    pub sequence: u64,
    /// Time since the kernel started, in microseconds.
    pub monotonic_us: u64,
    /// Who wrote it, of what syslog(3) knows: 0 is the kernel itself, others wrote to /dev/kmsg.
    pub facility: u32,
    /// The text.
    pub message: String,
    /// What it is about: `_KERNEL_SUBSYSTEM`, `_KERNEL_DEVICE`.
    pub about: Fields,
}

/// Reads `priority,sequence,microseconds,flags[,...];text`, and the lines ` KEY=value` after it.
pub fn kernel_record(record: &[u8]) -> Option<KernelRecord> {
    let at = record.iter().position(|b| *b == b';')?;
    let (prefix, text) = (&record[..at], &record[at + 1..]);
    let mut fields = std::str::from_utf8(prefix).ok()?.split(',');
    let value: u32 = fields.next()?.parse().ok()?;
    let sequence = fields.next()?.parse().ok()?;
    let monotonic_us = fields.next()?.parse().ok()?;
    let mut lines = text.split(|b| *b == b'\n');
    let message = unescape(lines.next().unwrap_or_default());
    let mut about = Fields::default();
    for line in lines {
        if let Some(value) = line.strip_prefix(b" SUBSYSTEM=") {
            about.push("_KERNEL_SUBSYSTEM", unescape(value));
        } else if let Some(value) = line.strip_prefix(b" DEVICE=") {
            about.push("_KERNEL_DEVICE", unescape(value));
        }
    }
    let (priority, facility) = (Priority::of_syslog(value), value >> 3);
    Some(KernelRecord { priority, sequence, monotonic_us, facility, message, about })
}

/// The kernel writes bytes that are not printable ASCII, and the backslash, as `\xNN`.
fn unescape(line: &[u8]) -> String {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (rest.starts_with(b"\\x"))
            .then(|| rest.get(2..4))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    text(&out)
}

/// One message of syslog(3), as the C library sends it to /dev/log (RFC 3164, section 4.1).
#[derive(Debug, PartialEq, Eq)]
pub struct SyslogMessage {
    /// How serious it is.
    pub priority: Priority,
    /// Of what syslog(3) knows, where the message says so.
    pub facility: Option<u32>,
    /// The name that the program gives itself.
    pub identifier: Option<String>,
    /// The process that it says it is.
    pub pid: Option<u32>,
    /// The text.
    pub message: String,
}

/// Reads `<priority>Mmm dd hh:mm:ss name[pid]: text`. The time is left out (it has no year, no
/// zone, and the time of arrival is better); each part but the text may be missing.
pub fn syslog_message(datagram: &[u8]) -> SyslogMessage {
    let prefix = priority_prefix(datagram);
    let (value, rest) = prefix.unwrap_or((6, datagram));
    let (identifier, pid, rest) = tag(after_timestamp(rest));
    SyslogMessage {
        priority: Priority::of_syslog(value),
        facility: prefix.map(|(value, _)| value >> 3),
        identifier,
        pid,
        message: text(trim_end(rest)),
    }
}

/// Without the line feeds and NULs that some senders add.
fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| !matches!(b, 0 | b'\n' | b'\r' | b' '));
    &bytes[..end.map_or(0, |at| at + 1)]
}

/// A service's line: its priority is that of the prefix `<N>` (sd-daemon(3)), if it has one.
pub fn output_line(line: &[u8]) -> (Option<Priority>, &[u8]) {
    match priority_prefix(line) {
        Some((value @ 0..=7, rest)) => (Some(Priority::of_syslog(value)), rest),
        _ => (None, line),
    }
}

/// Splits off who speaks, as programs write it to /dev/kmsg: `name[pid]: text`.
pub fn kernel_speaker(message: &str) -> (Option<String>, Option<u32>, String) {
    let (identifier, pid, rest) = tag(message.as_bytes());
    (identifier, pid, text(rest))
}

/// Splits `<N>rest`, N of at most three digits.
fn priority_prefix(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let inner = bytes.strip_prefix(b"<")?;
    let end = inner.iter().take(4).position(|b| *b == b'>')?;
    let value = std::str::from_utf8(&inner[..end]).ok()?;
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    Some((value.parse().ok().filter(|_| digits)?, &inner[end + 1..]))
}

/// Skips `Mmm dd hh:mm:ss `, which is always 16 bytes long.
fn after_timestamp(bytes: &[u8]) -> &[u8] {
    let is_time = bytes.len() >= 16
        && bytes[..3].iter().all(u8::is_ascii_alphabetic)
        && [3, 6, 15].iter().all(|i| bytes[*i] == b' ')
        && [9, 12].iter().all(|i| bytes[*i] == b':');
    if is_time { &bytes[16..] } else { bytes }
}

/// Splits `name[pid]: rest` or `name: rest`.
fn tag(bytes: &[u8]) -> (Option<String>, Option<u32>, &[u8]) {
    let none = (None, None, bytes);
    let Some(colon) = bytes.iter().take(128).position(|b| *b == b':') else {
        return none;
    };
    let (head, rest) = (&bytes[..colon], bytes[colon + 1..].trim_ascii_start());
    let Ok(head) = std::str::from_utf8(head) else {
        return none;
    };
    let (name, pid) = match head.strip_suffix(']').and_then(|h| h.split_once('[')) {
        Some((name, pid)) => match pid.parse() {
            Ok(pid) => (name, Some(pid)),
            Err(_) => return none,
        },
        None => (head, None),
    };
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '<') {
        return none;
    }
    (Some(name.to_owned()), pid, rest)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn priority(n: u8) -> Priority {
        n.try_into().unwrap()
    }

    #[test]
    fn kernel_records() {
        let record = |value: u32, sequence, monotonic_us, message: &str, about: &[(&str, &str)]| {
            Some(KernelRecord {
                priority: Priority::of_syslog(value),
                sequence,
                monotonic_us,
                facility: value >> 3,
                message: message.to_owned(),
                about: about.iter().copied().collect(),
            })
        };
        let cases: [(&[u8], Option<KernelRecord>); 6] = [
            (
                b"6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n DEVICE=+net:x\n",
                record(
                    6,
                    339,
                    5_140_900,
                    "NET: Registered",
                    &[("_KERNEL_SUBSYSTEM", "net"), ("_KERNEL_DEVICE", "+net:x")],
                ),
            ),
            (b"12,7,1,-;init: a; b", record(12, 7, 1, "init: a; b", &[])),
            (b"3,8,2,c,caller=T1;\\xc3\\xa4\\x5c", record(3, 8, 2, "\u{e4}\\", &[])),
            (b"3,8,2,-;\\x", record(3, 8, 2, "\\x", &[])),
            (b"no record", None),
            (b"x,1,2,-;text", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(kernel_record(bytes), expected, "{}", text(bytes));
        }
    }

    type SyslogCase = (&'static [u8], u8, Option<u32>, Option<&'static str>, Option<u32>, &'static str);

    #[test]
    fn syslog_messages() {
        let cases: [SyslogCase; 8] = [
            (
                b"<38>Nov 24 18:10:00 sshd[42]: Accepted publickey: core",
                6,
                Some(4),
                Some("sshd"),
                Some(42),
                "Accepted publickey: core",
            ),
            (b"<11>Nov  4 08:10:00 cron: fail\n\0", 3, Some(1), Some("cron"), None, "fail"),
            (b"<13>logger: hi\n", 5, Some(1), Some("logger"), None, "hi"),
            (b"<13>just text", 5, Some(1), None, None, "just text"),
            (b"no priority", 6, None, None, None, "no priority"),
            (b"<999999>x: y", 6, None, None, None, "<999999>x: y"),
            (b"<13>a b: c", 5, Some(1), None, None, "a b: c"),
            (b"", 6, None, None, None, ""),
        ];
        for (bytes, p, facility, identifier, pid, message) in cases {
            let expected = SyslogMessage {
                priority: priority(p),
                facility,
                identifier: identifier.map(str::to_owned),
                pid,
                message: message.to_owned(),
            };
            assert_eq!(syslog_message(bytes), expected, "{}", text(bytes));
        }
    }

    #[test]
    fn output_lines() {
        let cases: [(&[u8], Option<u8>, &[u8]); 6] = [
            (b"plain", None, b"plain"),
            (b"<3>broken", Some(3), b"broken"),
            (b"<8>facility", None, b"<8>facility"),
            (b"<+3>sign", None, b"<+3>sign"),
            (b"<html>", None, b"<html>"),
            (b"\xff", None, b"\xff"),
        ];
        for (line, p, message) in cases {
            assert_eq!(output_line(line), (p.map(priority), message), "{}", text(line));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_fail(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = kernel_record(&bytes);
            let _ = syslog_message(&bytes);
            let _ = output_line(&bytes);
        }

        #[test]
        fn nearly_right_messages_make_no_parser_fail(
            message in "<[0-9]{0,4}>?([A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} )?[a-z\\[\\]:0-9;, \\\\x]{0,40}"
        ) {
            let _ = kernel_record(message.as_bytes());
            let _ = syslog_message(message.as_bytes());
            let _ = output_line(message.as_bytes());
        }
    }
}
