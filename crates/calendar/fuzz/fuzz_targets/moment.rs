//! A time span and a timestamp: what is written of them is read as the same.
#![no_main]

use std::time::Duration;

use calendar::timestamp::{self, Style};
use calendar::{Fixed, Zone, span};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u32, &str)| {
    let (now, text) = data;
    let zones = Fixed { local: Zone::utc(), named: Vec::new() };
    let now = Duration::from_secs(now.into());
    if let Ok(Some(length)) = span::parse(text) {
        let micros = u64::try_from(length.as_micros()).expect("a span has 64 bits");
        assert_eq!(span::parse(&span::span(micros, 1)), Ok(Some(length)));
    }
    if let Ok(at) = timestamp::parse(text, now, &zones) {
        let written = timestamp::format(at, &zones.local, Style::Micros);
        assert_eq!(timestamp::parse(&written, now, &zones), Ok(at));
    }
});
