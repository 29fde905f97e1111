//! A time zone's file: it makes a zone or an error, and a zone that answers.
#![no_main]

use std::time::Duration;

use calendar::{Expression, Zone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u32, &[u8])| {
    let (at, bytes) = data;
    let at = Duration::from_secs(at.into());
    if let Ok(zone) = Zone::read("fuzzed", bytes) {
        _ = (zone.abbreviation(at), zone.abbreviated("CET", at));
        if let Ok(expression) = Expression::parse("*-*-* 02:30") {
            assert!(expression.next(at, &zone).is_none_or(|next| next > at));
        }
    }
});
