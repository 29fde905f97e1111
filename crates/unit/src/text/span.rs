//! Time spans as people read them: `1min 2.345s`, `12ms` (systemd.time(7)).

const UNITS: [(&str, u64); 7] = [
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", MINUTE),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];
const MINUTE: u64 = 60_000_000;

/// Microseconds in words, to an accuracy of so many microseconds (a power of ten). What is
/// shorter than that is told all the same where nothing else would be.
pub fn span(micros: u64, accuracy: u64) -> String {
    let accuracy = accuracy.max(1);
    let mut parts: Vec<String> = Vec::new();
    let mut rest = micros;
    for (name, unit) in UNITS {
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

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_in_words() {
        let cases = [
            (0, 1, "0"),
            (7, 1, "7us"),
            (7, 1_000, "7us"),
            (100_000, 1, "100ms"),
            (12_345, 1_000, "12ms"),
            (12_345, 1, "12.345ms"),
            (1_234_567, 1_000, "1.234s"),
            (1_234_567, 1, "1.234567s"),
            (90_000_000, 1, "1min 30s"),
            (62_345_678, 1_000, "1min 2.345s"),
            (3_720_000_000, 1_000, "1h 2min"),
            (90_061_000_000, 1_000_000, "1d 1h 1min 1s"),
            (691_200_000_000, 1, "1w 1d"),
        ];
        for (micros, accuracy, words) in cases {
            assert_eq!(span(micros, accuracy), words, "{micros} {accuracy}");
        }
    }
}
