//! Calendar expressions, spans and timestamps: what holds for all of them.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::time::Duration;

use calendar::timestamp::{self, Style};
use calendar::{Expression, Fixed, Zone, ZoneRef, is_zone_name, span};
use proptest::prelude::*;

const DAY: u64 = 86_400;
/// Sat 2025-03-29 00:00:00 UTC: the day before clocks in Berlin are put forward.
const SPRING: u64 = 1_743_206_400;
/// Sat 2025-10-25 00:00:00 UTC: the day before they are put back.
const AUTUMN: u64 = 1_761_350_400;

fn berlin() -> Zone {
    Zone::rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn fixed(local: Zone) -> Fixed {
    Fixed { local, named: vec![("Europe/Berlin".to_owned(), berlin())] }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn an_expression_names_its_zone() {
    for (text, zone) in [
        ("daily", ZoneRef::Local),
        ("daily UTC", ZoneRef::Utc),
        ("12:00 utc", ZoneRef::Utc),
        ("daily Europe/Berlin", ZoneRef::Named("Europe/Berlin".into())),
        ("Mon 12:00 EST5EDT", ZoneRef::Named("EST5EDT".into())),
        ("@0", ZoneRef::Utc),
    ] {
        assert_eq!(Expression::parse(text).unwrap().zone(), &zone, "{text}");
    }
    for (word, is_name) in [
        ("Etc/GMT+8", true),
        ("../../etc/passwd", false),
        ("/x", false),
        ("x/", false),
        ("a//b", false),
        ("", false),
    ] {
        assert_eq!(is_zone_name(word), is_name, "{word}");
    }
    let zones = fixed(berlin());
    assert_eq!(ZoneRef::Named("Nowhere".into()).resolve(&zones, secs(0)), None);
    // An abbreviation is a distance to UTC, in force or not.
    let summer = ZoneRef::Named("CEST".into()).resolve(&zones, secs(AUTUMN + 30 * DAY)).unwrap();
    let noon = Expression::parse("12:00").unwrap();
    assert_eq!(noon.next(secs(SPRING), &summer), Some(secs(SPRING + 10 * 3600)));
}

#[test]
fn errors_say_what_is_wrong() {
    for (text, reason) in [
        ("", "is empty"),
        ("7", "a time is HOUR:MINUTE"),
        ("*-13-* 00:00", "a month is from 1 to 12"),
        ("Mon..", "no end"),
        ("12:00:60", "a second is from 0 to below 60"),
        ("12:00 tomorrow-ish/ x y", "something"),
    ] {
        let error = Expression::parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn spans_are_written_as_they_are_read() {
    let cases = [
        (0, 1, "0"),
        (7, 1_000, "7us"),
        (12_345, 1_000, "12ms"),
        (1_234_567, 1, "1.234567s"),
        (62_345_678, 1_000, "1min 2.345s"),
        (90_061_000_000, 1_000_000, "1d 1h 1min 1s"),
        (691_200_000_000, 1, "1w 1d"),
        (2_629_800_000_000, 1, "1month"),
        (34_187_400_000_000, 1, "1y 1month"),
    ];
    for (micros, accuracy, words) in cases {
        assert_eq!(span::span(micros, accuracy), words, "{micros} {accuracy}");
    }
    assert!(span::parse("11111111111111y").is_err());
    assert!(span::parse("1.1111111111111y").is_ok());
}

#[test]
fn distances_from_now() {
    const MONTH: u64 = 2_629_800;
    const YEAR: u64 = 12 * MONTH;
    let now = secs(100 * YEAR);
    for (distance, words) in [
        (YEAR + MONTH, "1 year 1 month"),
        (2 * YEAR + 2 * MONTH, "2 years 2 months"),
        (MONTH + DAY, "1 month 1 day"),
        (2 * MONTH + 2 * DAY, "2 months 2 days"),
        (8 * DAY, "1 week 1 day"),
        (16 * DAY, "2 weeks 2 days"),
        (3 * DAY, "3 days"),
        (25 * 3600, "1 day 1h"),
        (7 * 3600, "7h"),
        (3 * 3600 + 120, "3h 2min"),
        (350, "5min"),
        (90, "1min 30s"),
        (5, "5s"),
    ] {
        assert_eq!(timestamp::from_now(now - secs(distance), now), format!("{words} ago"));
        assert_eq!(timestamp::from_now(now + secs(distance), now), format!("{words} left"));
    }
}

#[test]
fn moments_are_written_in_their_zone() {
    let last = secs(253_402_214_399);
    for (at, zone, style, text) in [
        (Duration::from_micros(1), Zone::utc(), Style::Micros, "Thu 1970-01-01 00:00:00.000001 UTC"),
        (secs(SPRING), berlin(), Style::Seconds, "Sat 2025-03-29 01:00:00 CET"),
        (secs(AUTUMN), berlin(), Style::Seconds, "Sat 2025-10-25 02:00:00 CEST"),
        (last, Zone::utc(), Style::Seconds, "Thu 9999-12-30 23:59:59 UTC"),
        (last + secs(1), Zone::utc(), Style::Seconds, "--- XXXX-XX-XX XX:XX:XX"),
    ] {
        assert_eq!(timestamp::format(at, &zone, style), text);
    }
}

#[test]
fn moments_for_other_programs_are_in_utc() {
    for (at, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (1_709_164_799, "2024-02-28T23:59:59Z"),
        (1_709_164_800, "2024-02-29T00:00:00Z"),
        (1_795_543_800, "2026-11-24T18:10:00Z"),
    ] {
        assert_eq!(timestamp::rfc3339(secs(at)), text);
    }
}

/// Any expression that is sound in the minutes, by its text.
fn expressions() -> impl Strategy<Value = String> {
    let days = prop_oneof![Just(""), Just("Mon "), Just("Sat,Sun "), Just("Tue..Thu "), Just("Sun ")];
    let dates = prop_oneof![
        Just("*-*-*".to_owned()),
        (1..=28u8).prop_map(|day| format!("*-*~{day}")),
        (1..=31u8).prop_map(|day| format!("*-*-{day}")),
        (1..=12u8, 1..=15u8).prop_map(|(month, step)| format!("*-{month}-1/{step}")),
        (1..=6u8, 7..=12u8).prop_map(|(from, to)| format!("*-{from}..{to}-*")),
    ];
    let hours = prop_oneof![
        Just("*".to_owned()),
        (0..24u8).prop_map(|hour| hour.to_string()),
        (0..12u8, 1..=6u8).prop_map(|(hour, step)| format!("{hour}/{step}")),
        (0..12u8, 12..24u8, 1..=5u8).prop_map(|(from, to, step)| format!("{from}..{to}/{step}")),
    ];
    let minutes = prop_oneof![
        Just("*".to_owned()),
        (0..60u8).prop_map(|minute| minute.to_string()),
        (0..30u8, 1..=20u8).prop_map(|(minute, step)| format!("{minute}/{step}")),
    ];
    (days, dates, hours, minutes).prop_map(|(day, date, hour, minute)| format!("{day}{date} {hour}:{minute}"))
}

proptest! {
    #[test]
    fn the_normal_form_means_the_same(text in expressions(), after in 0..4_000_000_000u64) {
        let expression = Expression::parse(&text).unwrap();
        let normal = expression.to_string();
        let again = Expression::parse(&normal).unwrap();
        prop_assert_eq!(&again.to_string(), &normal);
        prop_assert_eq!(again.next(secs(after), &berlin()), expression.next(secs(after), &berlin()));
    }

    #[test]
    fn spans_come_back(micros in 0..u64::MAX / 2, accuracy in prop_oneof![Just(1u64), Just(1_000), Just(1_000_000)]) {
        let again = span::parse(&span::span(micros, accuracy)).unwrap().unwrap();
        prop_assert!(micros.abs_diff(u64::try_from(again.as_micros()).unwrap()) < accuracy);
    }

    #[test]
    fn moments_come_back(at in 0..250_000_000_000u64) {
        for zone in [Zone::utc(), Zone::ahead(-5 * 3600).unwrap(), berlin()] {
            let text = timestamp::format(secs(at), &zone, Style::Micros);
            prop_assert_eq!(timestamp::parse(&text, secs(SPRING), &fixed(zone)), Ok(secs(at)));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", after in any::<u64>()) {
        let zones = fixed(berlin());
        if let Ok(expression) = Expression::parse(&text) {
            _ = (expression.to_string(), expression.next(Duration::from_micros(after), &berlin()));
        }
        _ = (span::parse(&text), timestamp::parse(&text, Duration::from_micros(after), &zones));
    }

    #[test]
    fn no_near_miss_makes_it_panic(text in "[-0-9*/.,:~@ MonTueSatUC+]{0,40}") {
        if let Ok(expression) = Expression::parse(&text) {
            let normal = expression.to_string();
            prop_assert_eq!(Expression::parse(&normal).unwrap().to_string(), normal);
            _ = expression.next(secs(SPRING), &berlin());
        }
        _ = (span::parse(&text), timestamp::parse(&text, secs(SPRING), &fixed(berlin())));
    }
}

proptest! {
    // Each looks at every minute of two days.
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What comes next is the first minute whose reading, as a text, is one of the expression's and was
    /// not there before, clocks having been put back.
    #[test]
    fn no_minute_is_passed_over(
        text in expressions(),
        start in prop_oneof![Just(SPRING), Just(AUTUMN), Just(1_709_164_800)],
        minute in 0..2_880u64,
    ) {
        let expression = Expression::parse(&text).unwrap();
        let after = secs(start + minute * 60);
        let found = expression.next(after, &berlin());
        let reading = |at: Duration| timestamp::format(at, &berlin(), Style::Seconds)[4..23].to_owned();
        let matches = |at: &Duration| {
            // The reading alone, in UTC, where no clock is ever put forward or back.
            let wall = timestamp::parse(&reading(*at), secs(0), &fixed(Zone::utc())).unwrap();
            expression.next(wall - Duration::from_micros(1), &Zone::utc()) == Some(wall)
        };
        let minutes = (1..3_000).map(|later| after + secs(later * 60));
        let shown = |at: &Duration| reading(*at) > reading(after);
        match minutes.into_iter().find(|at| shown(at) && matches(at)) {
            Some(first) => prop_assert_eq!(found, Some(first)),
            None => prop_assert!(found.is_none_or(|found| found > after + secs(2_999 * 60))),
        }
    }
}
