//! Writing to the kernel's log (Documentation/ABI/testing/dev-kmsg), the only one there is before the system is.

use std::fs::OpenOptions;
use std::io::Write;

/// The log's device.
pub const KMSG: &str = "/dev/kmsg";

/// Logs what `who` did; the console shows it only where it shows everything.
pub fn note(who: &str, text: &str) {
    write(6, who, text);
}

/// Logs what a person should see: it is above every usual `loglevel=`.
pub fn alarm(who: &str, text: &str) {
    write(3, who, text);
}

fn write(level: u8, who: &str, text: &str) {
    let Ok(mut log) = OpenOptions::new().write(true).open(KMSG) else { return };
    for line in text.lines() {
        // One write is one record. Without a log there is nobody to tell that it failed.
        _ = log.write_all(format!("<{level}>berth: {who}: {line}\n").as_bytes());
    }
}
