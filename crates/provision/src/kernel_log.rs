//! The kernel's log, the only one there is before the system is.

use std::fs::OpenOptions;
use std::io::Write;

/// Logs what was done.
pub fn note(text: &str) {
    write(6, text);
}

/// Logs what a person should see: the console shows it.
pub fn alarm(text: &str) {
    write(3, text);
}

fn write(level: u8, text: &str) {
    let Ok(mut log) = OpenOptions::new().write(true).open("/dev/kmsg") else { return };
    for line in text.lines() {
        // One write is one record. Without a log there is nobody to tell that it failed.
        _ = log.write_all(format!("<{level}>berth: provisioning: {line}\n").as_bytes());
    }
}
