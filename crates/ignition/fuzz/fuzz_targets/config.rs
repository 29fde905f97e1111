//! Any bytes make a config or a report that refuses them, never a fault. What is taken is JSON, and makes the same
//! config when it is read again, or one that its report refuses (older versions let things have less).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let parsed = ignition::parse(data);
    assert_eq!(parsed.config.is_none(), parsed.report.is_fatal());
    assert!(parsed.report.entries.iter().all(|entry| entry.line > 0 && entry.column > 0));
    let Some(config) = parsed.config else { return };
    assert!(serde_json::from_str::<serde_json::Value>(&String::from_utf8_lossy(data)).is_ok_and(|json| json.is_object())
        || data.windows(2).any(|pair| pair == b"\\u"));
    let json = ignition::to_json(&config);
    match ignition::parse(json.to_string().as_bytes()).config {
        Some(again) => assert_eq!(ignition::to_json(&again), json),
        None => assert!(ignition::validate(&config).is_fatal()),
    }
});
