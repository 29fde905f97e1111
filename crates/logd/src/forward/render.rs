//! Messages as other machines take them.

use std::time::Duration;

use calendar::timestamp::{Style, format};
use journal::{Fields, Record};

/// A longer message is cut, in bytes: it must fit in a datagram.
const DATAGRAM_MAX: usize = 8192;

fn field<'a>(record: &'a Record, name: &str) -> Option<&'a [u8]> {
    record.fields.get(name).or_else(|| record.context.get(name))
}

fn text(record: &Record, name: &str) -> Option<String> {
    field(record, name).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn number(record: &Record, name: &str) -> Option<u8> {
    text(record, name)?.parse().ok()
}

/// Facility and severity in one number (syslog(3)).
pub fn code(record: &Record) -> u32 {
    let facility = number(record, "SYSLOG_FACILITY").filter(|number| *number < 24).unwrap_or(1);
    let severity = number(record, "PRIORITY").filter(|number| *number < 8).unwrap_or(6);
    u32::from(facility) * 8 + u32::from(severity)
}

/// Who speaks: name, and process.
pub fn speaker(record: &Record) -> (String, Option<String>) {
    let name = text(record, "SYSLOG_IDENTIFIER").or_else(|| text(record, "_COMM"));
    let pid = text(record, "_PID").or_else(|| text(record, "SYSLOG_PID"));
    (name.unwrap_or_else(|| "unknown".to_owned()), pid)
}

/// The message.
pub fn message(record: &Record) -> String {
    text(record, "MESSAGE").unwrap_or_default()
}

/// `<30>1 2026-11-24T18:10:00.123456Z host etcd 42 - - text` (RFC 5424).
pub fn syslog(record: &Record, hostname: &str) -> Vec<u8> {
    let at = Duration::from_micros(record.realtime_us);
    let time = format(at, &calendar::Zone::utc(), Style::Micros);
    let mut words = time.split(' ').skip(1);
    let (date, clock) = (words.next().unwrap_or("-"), words.next().unwrap_or("-"));
    let (name, pid) = speaker(record);
    let (host, name) = (printable(hostname, 255), printable(&name, 48));
    let pid = printable(pid.as_deref().unwrap_or("-"), 128);
    let mut line = format!("<{}>1 {date}T{clock}Z {host} {name} {pid} - - ", code(record)).into_bytes();
    line.extend_from_slice(message(record).as_bytes());
    cut(&mut line);
    line
}

fn cut(line: &mut Vec<u8>) {
    if line.len() > DATAGRAM_MAX {
        let mut end = DATAGRAM_MAX;
        // Not within a letter.
        while end > 0 && line[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        line.truncate(end);
    }
}

/// What RFC 5424 lets stand in its header.
fn printable(text: &str, longest: usize) -> String {
    let kept: String =
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(longest).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

/// A JSON object on a line, as `journalctl -o json` has it; but it has no place in the journal yet.
pub fn json(record: &Record, origin: &Fields, out: &mut Vec<u8>) {
    let fields = record.fields.iter().chain(record.context.iter()).chain(origin.iter());
    let object = journal::json::object(journal::export::times(record), fields);
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, &object);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn record(context: &[(&str, &str)], fields: &[(&str, &str)]) -> Record {
        Record {
            realtime_us: 1_795_543_800_123_456,
            monotonic_us: 7,
            context: Arc::new(context.iter().copied().collect()),
            fields: fields.iter().copied().collect::<Fields>(),
        }
    }

    #[test]
    fn syslog_messages() {
        let time = "2026-11-24T18:10:00.123456Z";
        for (context, fields, expected) in [
            (
                &[("SYSLOG_IDENTIFIER", "etcd"), ("SYSLOG_FACILITY", "3")][..],
                &[("PRIORITY", "4"), ("MESSAGE", "two\nlines")][..],
                format!("<28>1 {time} host etcd - - - two\nlines"),
            ),
            (
                &[("_COMM", "a b"), ("_PID", "42")],
                &[("MESSAGE", "\u{e4}")],
                format!("<14>1 {time} host a_b 42 - - \u{e4}"),
            ),
            (
                &[],
                &[("PRIORITY", "x"), ("SYSLOG_FACILITY", "99")],
                format!("<14>1 {time} host unknown - - - "),
            ),
        ] {
            let line = syslog(&record(context, fields), "host");
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
        let long = syslog(&record(&[], &[("MESSAGE", &"\u{e4}".repeat(DATAGRAM_MAX))]), "host");
        assert!(long.len() <= DATAGRAM_MAX && String::from_utf8(long).is_ok());
    }
}
