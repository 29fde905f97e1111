//! Any text makes an Ignition config or a report that refuses it, never a fault; each finding has a place.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let translation = butane::translate(text, None);
    assert_eq!(translation.config.is_none(), translation.report.is_fatal());
    assert!(translation.report.entries.iter().all(|entry| entry.line > 0 && entry.column > 0));
});
