//! The version rule.
#![allow(clippy::unwrap_used)]

use manifest::Version;
use proptest::prelude::*;

#[test]
fn what_is_a_version() {
    for text in ["0.0.0", "1.2.3", "1.2.3.dev4", "1.2.3.dev", "1.2.3.4", "2026.11.0.rc1.7", "999999999.0.0"] {
        assert_eq!(Version::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn what_is_not_and_why() {
    let long = format!("1.2.3.{}", "a".repeat(60));
    for (text, reason) in [
        ("", "it has fewer than three numbers"),
        ("1.2", "it has fewer than three numbers"),
        ("1.2.", "there is nothing between two dots"),
        ("1..3", "there is nothing between two dots"),
        ("v1.2.3", "\"v1\" stands where a number must"),
        ("1.2.3-dev4", "\"3-dev4\" stands where a number must"),
        ("1.2.3.dev+4", "'+' is the boot loader's, for counting tries"),
        ("1.2.3.dev-4", "'-' is the boot loader's, for counting tries"),
        ("1.2.3.RC1", "'R' is neither a small letter, a digit nor a dot"),
        ("1.2.3.d4v", "'4' is neither a small letter, a digit nor a dot"),
        ("1.2.3./etc", "'/' is neither a small letter, a digit nor a dot"),
        ("1.2.3 ", "\"3 \" stands where a number must"),
        ("1.02.3", "\"02\" has a leading zero"),
        ("1.2.3.dev04", "\"dev04\" has a leading zero"),
        ("1.2.3.١", "'١' is neither a small letter, a digit nor a dot"),
        ("1.2.1234567890", "\"1234567890\" has more than 9 digits"),
        (&long, "it is longer than 64 bytes"),
    ] {
        let error = Version::parse(text).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{text:?} is not a version: {reason}; a version is like 1.2.3 or 1.2.3.dev4")
        );
    }
}

/// From old to new, as `systemd-analyze compare-versions` (257) has them.
const ORDER: [&str; 17] = [
    "0.0.0",
    "0.0.1",
    "0.9.0",
    "0.10.0",
    "1.0.0",
    "1.2.3",
    "1.2.3.beta",
    "1.2.3.dev",
    "1.2.3.dev.1",
    "1.2.3.dev0",
    "1.2.3.dev4",
    "1.2.3.dev10",
    "1.2.3.device",
    "1.2.3.0",
    "1.2.3.1",
    "1.2.3.10.rc1",
    "1.2.4",
];

#[test]
fn the_order_is_the_boot_loaders() {
    let versions = ORDER.map(|v| Version::parse(v).unwrap());
    for (i, a) in versions.iter().enumerate() {
        for (j, b) in versions.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a} and {b}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_fail_otherwise_than_by_an_error(text in "\\PC*") {
        if let Ok(version) = Version::parse(&text) {
            prop_assert_eq!(version.as_str(), text);
        }
    }

    #[test]
    fn only_equal_texts_are_equal(
        a in "[0-2]\\.[0-2]\\.[0-2](\\.(a|ab|b)?[0-2]?)?",
        b in "[0-2]\\.[0-2]\\.[0-2](\\.(a|ab|b)?[0-2]?)?",
    ) {
        if let (Ok(a), Ok(b)) = (Version::parse(&a), Version::parse(&b)) {
            prop_assert_eq!(a == b, a.cmp(&b).is_eq());
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        }
    }
}
