//! A message of sd_notify(3), as any process may send it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    _ = unit::service::notify::Notification::parse(data);
});
