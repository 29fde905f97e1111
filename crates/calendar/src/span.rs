//! Time spans: `1min 2.345s`, `12ms`, `infinity` (systemd.time(7), "Parsing time spans").

use std::time::Duration;

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
/// A twelfth of a year.
const MONTH: u64 = 2_629_800 * SECOND;
/// 365.25 days.
const YEAR: u64 = 31_557_600 * SECOND;

/// Units by their names, of names that begin alike the longer first.
const NAMES: [(&str, u64); 30] = [
    ("seconds", SECOND),
    ("second", SECOND),
    ("sec", SECOND),
    ("s", SECOND),
    ("minutes", MINUTE),
    ("minute", MINUTE),
    ("months", MONTH),
    ("month", MONTH),
    ("msec", 1_000),
    ("min", MINUTE),
    ("ms", 1_000),
    ("m", MINUTE),
    ("M", MONTH),
    ("hours", HOUR),
    ("hour", HOUR),
    ("hr", HOUR),
    ("h", HOUR),
    ("days", DAY),
    ("day", DAY),
    ("d", DAY),
    ("weeks", WEEK),
    ("week", WEEK),
    ("w", WEEK),
    ("years", YEAR),
    ("year", YEAR),
    ("y", YEAR),
    ("usec", 1),
    ("us", 1),
    ("\u{b5}s", 1),
    ("\u{3bc}s", 1),
];

/// Units as spans are written with, the longest first.
const WRITTEN: [(&str, u64); 9] = [
    ("y", YEAR),
    ("month", MONTH),
    ("w", WEEK),
    ("d", DAY),
    ("h", HOUR),
    ("min", MINUTE),
    ("s", SECOND),
    ("ms", 1_000),
    ("us", 1),
];

/// A text that is no time span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time span (such as 90, 1min 30s, 500ms or infinity)")]
pub struct SpanError(pub String);

/// Reads a time span; a number alone is seconds. None is `infinity`.
///
/// # Errors
/// The text is not a time span, or one of more than 584 thousand years.
pub fn parse(text: &str) -> Result<Option<Duration>, SpanError> {
    let bad = || SpanError(text.to_owned());
    if text.trim() == "infinity" {
        return Ok(None);
    }
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (micros, after) = term(rest).ok_or_else(bad)?;
        // The greatest number stands for infinity.
        total = total.checked_add(micros).filter(|total| *total < u64::MAX).ok_or_else(bad)?;
        rest = after.trim_start();
    }
    Ok(Some(Duration::from_micros(total)))
}

/// Reads a number and its unit; gives the microseconds, and what follows.
fn term(text: &str) -> Option<(u64, &str)> {
    let text = match text.strip_prefix('+') {
        Some(unsigned) if unsigned.starts_with(|c: char| c.is_ascii_digit()) => unsigned,
        Some(_) => return None,
        None => text,
    };
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None if whole.is_empty() => return None,
        None => ("0", rest),
    };
    if fraction.is_empty() {
        return None;
    }
    let unit_at = rest.trim_start();
    let named = NAMES.iter().find_map(|(name, unit)| Some((*unit, unit_at.strip_prefix(*name)?)));
    let (unit, after) = match named {
        Some(found) => found,
        // Two numbers are two terms only where something is between them.
        None if unit_at.len() < rest.len() || rest.is_empty() => (SECOND, unit_at),
        None => return None,
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut micros = whole.checked_mul(unit)?;
    let mut place = unit / 10;
    for digit in fraction.bytes() {
        micros = micros.checked_add(u64::from(digit - b'0') * place)?;
        place /= 10;
    }
    Some((micros, after))
}

/// Cuts off the digits that a text begins with.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Microseconds in words, to an accuracy of so many microseconds (a power of ten). What is
/// shorter than that is told all the same where nothing else would be.
pub fn span(micros: u64, accuracy: u64) -> String {
    let accuracy = accuracy.max(1);
    let mut parts: Vec<String> = Vec::new();
    let mut rest = micros;
    for (name, unit) in WRITTEN {
        if rest == 0 || (rest < accuracy && !parts.is_empty()) {
            break;
        }
        if rest < unit {
            continue;
        }
        let (whole, part) = (rest / unit, rest % unit);
        if rest < MINUTE && part > 0 && unit > accuracy {
            let digits = (unit / accuracy).ilog10() as usize;
            parts.push(format!("{whole}.{:0digits$}{name}", part / accuracy));
            break;
        }
        parts.push(format!("{whole}{name}"));
        rest = part;
    }
    if parts.is_empty() { "0".to_owned() } else { parts.join(" ") }
}

/// A length of time to two units, as a distance from now: `5min`, `2 weeks 3 days`.
pub fn rough(time: Duration) -> String {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let counted = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    let two = |unit: u64, one: &str, lesser: u64, other: &str| {
        format!("{} {}", counted(micros / unit, one), counted(micros % unit / lesser, other))
    };
    match micros {
        YEAR.. => two(YEAR, "year", MONTH, "month"),
        MONTH.. => two(MONTH, "month", DAY, "day"),
        WEEK.. => two(WEEK, "week", DAY, "day"),
        _ if micros >= 2 * DAY => format!("{} days", micros / DAY),
        _ if micros >= 25 * HOUR => format!("1 day {}h", (micros - DAY) / HOUR),
        _ if micros >= 6 * HOUR => format!("{}h", micros / HOUR),
        HOUR.. => format!("{}h {}min", micros / HOUR, micros % HOUR / MINUTE),
        _ if micros >= 5 * MINUTE => format!("{}min", micros / MINUTE),
        MINUTE.. => format!("{}min {}s", micros / MINUTE, micros % MINUTE / SECOND),
        SECOND.. => format!("{}s", micros / SECOND),
        1_000.. => format!("{}ms", micros / 1_000),
        1.. => format!("{micros}us"),
        0 => "now".to_owned(),
    }
}
