//! Values of directives: booleans, time spans, sizes, modes, limits.

use std::collections::BTreeSet;
use std::time::Duration;

use calendar::span;

/// Why a value could not be read. The text says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct ValueError {
    /// What was there.
    pub value: String,
    /// What was expected, with its article: `a boolean (yes or no)`.
    pub expected: &'static str,
}

/// An error for a value.
pub fn unexpected(value: &str, expected: &'static str) -> ValueError {
    ValueError { value: value.to_owned(), expected }
}

/// A number that may be without bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound<T> {
    /// At most this.
    Finite(T),
    /// No bound: `infinity`.
    Infinite,
}

impl Bound<Duration> {
    /// The duration, or nothing where there is no bound.
    pub fn finite(self) -> Option<Duration> {
        match self {
            Bound::Finite(duration) => Some(duration),
            Bound::Infinite => None,
        }
    }
}

/// A size in bytes, or a share of what the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Bytes, or a count.
    Absolute(u64),
    /// Hundredths of a percent.
    Share(u32),
    /// No bound.
    Infinite,
}

/// Reads a boolean.
///
/// # Errors
/// The value is not one of systemd's words for yes and no.
pub fn boolean(value: &str) -> Result<bool, ValueError> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err(unexpected(value, "a boolean (yes or no)")),
    }
}

/// Reads a time span (systemd.time(7)): `1min 30s`, `500ms`, `1.5h`, `infinity`; a number alone
/// is seconds.
///
/// # Errors
/// The value is not a time span.
pub fn time_span(value: &str) -> Result<Bound<Duration>, ValueError> {
    match span::parse(value) {
        Ok(time) => Ok(time.map_or(Bound::Infinite, Bound::Finite)),
        Err(_) => Err(unexpected(value, "a time span (such as 90, 1min 30s, 500ms or infinity)")),
    }
}

/// Reads a size in bytes with K, M, G, T, P or E (powers of 1024), a percentage, or `infinity`.
///
/// # Errors
/// The value is none of them.
pub fn amount(value: &str) -> Result<Amount, ValueError> {
    let bad = || unexpected(value, "a size (such as 512M, 50% or infinity)");
    if value == "infinity" {
        return Ok(Amount::Infinite);
    }
    if let Some(share) = value.strip_suffix('%') {
        return percent(share).filter(|share| *share <= 10_000).map(Amount::Share).ok_or_else(bad);
    }
    bytes(value).map(Amount::Absolute).ok_or_else(bad)
}

/// Reads the number before a percent sign, as hundredths of a percent.
pub fn percent(text: &str) -> Option<u32> {
    let number: f64 = text.trim_end_matches('%').trim().parse().ok()?;
    (0.0..=1e6).contains(&number).then(|| (number * 100.0).round() as u32)
}

/// Reads a size in bytes with a suffix by powers of 1024.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let power = match suffix.trim() {
        "" | "B" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return None,
    };
    let scale = 1u64 << (10 * power);
    match number.parse::<u64>() {
        Ok(number) => number.checked_mul(scale),
        Err(_) => {
            let size = number.parse::<f64>().ok()? * scale as f64;
            (size < u64::MAX as f64).then_some(size as u64)
        }
    }
}

/// Reads file permissions in octal.
///
/// # Errors
/// The value is not octal or above 7777.
pub fn mode(value: &str) -> Result<u32, ValueError> {
    u32::from_str_radix(value, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| unexpected(value, "an octal mode (such as 0755)"))
}

/// Reads a resource limit: `N`, `soft:hard`, `infinity`, sizes with suffix.
///
/// # Errors
/// The value is not a limit, or the soft one is above the hard one.
pub fn limit(value: &str) -> Result<(Bound<u64>, Bound<u64>), ValueError> {
    let bad = || unexpected(value, "a limit (such as 1024, 1024:524288 or infinity)");
    let one = |text: &str| match text {
        "infinity" => Some(Bound::Infinite),
        _ => bytes(text).map(Bound::Finite),
    };
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    let (soft, hard) = one(soft.trim()).zip(one(hard.trim())).ok_or_else(bad)?;
    if soft > hard {
        return Err(bad());
    }
    Ok((soft, hard))
}

/// The most processors that a number may stand for (the kernel's NR_CPUS of distributions).
const CPUS_MAX: u32 = 8192;

/// Reads a set of processors: numbers and ranges, between commas or white space (`0-3,8 10`).
///
/// # Errors
/// The value is not such a list.
pub fn cpus(value: &str) -> Result<BTreeSet<u32>, ValueError> {
    let bad = || unexpected(value, "a list of processors (such as 0-3,8)");
    let mut set = BTreeSet::new();
    let is_separator = |c: char| c == ',' || c.is_ascii_whitespace();
    for part in value.split(is_separator).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
        if first > last || last >= CPUS_MAX {
            return Err(bad());
        }
        set.extend(first..=last);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn time_spans() {
        let cases = [
            ("0", Some(0)),
            ("5", Some(5_000_000)),
            ("100ms", Some(100_000)),
            ("1min 30s", Some(90_000_000)),
            ("1min30s", Some(90_000_000)),
            ("1.5s", Some(1_500_000)),
            ("2 h", Some(7_200_000_000)),
            ("500us", Some(500)),
        ];
        for (text, micros) in cases {
            let expected = micros.map(|micros| Bound::Finite(Duration::from_micros(micros)));
            assert_eq!(time_span(text).ok(), expected, "{text}");
        }
        assert_eq!(time_span("infinity"), Ok(Bound::Infinite));
        for text in ["", "s", "5 fortnights", "-1", "1..2", "5s x"] {
            assert!(time_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts() {
        assert_eq!(amount("512M"), Ok(Amount::Absolute(512 << 20)));
        assert_eq!(amount("1.5K"), Ok(Amount::Absolute(1536)));
        assert_eq!(amount("33.5%"), Ok(Amount::Share(3350)));
        assert_eq!(amount("infinity"), Ok(Amount::Infinite));
        for text in ["", "M", "101%", "5X", "-1", "99999999999999999999E"] {
            assert!(amount(text).is_err(), "{text}");
        }
    }

    #[test]
    fn processors() {
        assert_eq!(cpus("0-2,5 7"), Ok(BTreeSet::from([0, 1, 2, 5, 7])));
        assert_eq!(cpus(""), Ok(BTreeSet::new()));
        for text in ["a", "3-1", "1-", "99999"] {
            assert!(cpus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_and_modes() {
        use Bound::{Finite, Infinite};
        assert_eq!(limit("1024"), Ok((Finite(1024), Finite(1024))));
        assert_eq!(limit("1024:infinity"), Ok((Finite(1024), Infinite)));
        assert!(limit("2:1").is_err());
        assert_eq!(mode("0750"), Ok(0o750));
        assert!(mode("888").is_err());
        assert!(mode("77777").is_err());
        assert_eq!(boolean("On"), Ok(true));
        assert!(boolean("maybe").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = (time_span(&text), amount(&text), limit(&text), mode(&text), boolean(&text));
        }
    }
}
