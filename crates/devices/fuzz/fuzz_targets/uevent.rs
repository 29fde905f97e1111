//! A message of the kernel's device events, and the event that it is.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    _ = devices::uevent::lines(data);
    if let Some(event) = sys::uevent::Uevent::parse(data).and_then(|message| devices::uevent::Event::of(message.into_pairs())) {
        assert!(event.path.starts_with("/sys/"));
        _ = devices::record::text(&event, &[], &Default::default());
    }
});
