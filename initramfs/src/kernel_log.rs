//! The kernel's log (Documentation/ABI/testing/dev-kmsg): stage 1 writes what it does there, and an
//! emergency shows the last lines.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use sys::kernel_log::KMSG;

const WHO: &str = "stage 1";
/// The least of the levels, which are a priority's lower three bits.
const DEBUG: u32 = 7;
/// Longest record that the kernel gives (CONSOLE_EXT_LOG_MAX).
const LONGEST: usize = 8192;

/// Logs what was done; the console shows it only where it shows everything.
pub fn note(text: &str) {
    sys::kernel_log::note(WHO, text);
}

/// Logs what a person should see: it is above every usual `loglevel=`.
pub fn alarm(text: &str) {
    sys::kernel_log::alarm(WHO, text);
}

/// The last `count` lines, oldest first, each with its time in seconds.
pub fn last_lines(count: usize) -> Vec<String> {
    let flags = OFlags::NONBLOCK.bits() as i32;
    let Ok(mut log) = OpenOptions::new().read(true).custom_flags(flags).open(KMSG) else {
        return Vec::new();
    };
    let mut lines = VecDeque::new();
    while let Some(record) = next_record(&mut log) {
        lines.extend(line(&record));
        if lines.len() > count {
            lines.pop_front();
        }
    }
    lines.into()
}

fn next_record(log: &mut File) -> Option<String> {
    let mut buffer = [0; LONGEST];
    loop {
        match log.read(&mut buffer) {
            Ok(length) => return Some(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            // Overwritten before it was read: the next read gives the oldest that is left.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// A record is `priority,number,microseconds,flags[,...];text`, further lines being its properties.
/// None for one that is for debugging only.
fn line(record: &str) -> Option<String> {
    let (prefix, rest) = record.split_once(';')?;
    let mut fields = prefix.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    if priority % 8 == DEBUG {
        return None;
    }
    let microseconds: u64 = fields.nth(1)?.parse().ok()?;
    let text = rest.lines().next()?;
    Some(format!("[{:5}.{:06}] {text}", microseconds / 1_000_000, microseconds % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_becomes_a_line_with_its_time() {
        for (record, expected) in [
            ("6,339,5140900,-;NET: Registered\n SUBSYSTEM=x\n", Some("[    5.140900] NET: Registered")),
            ("4,1,0,-,caller=T1;a;b\n", Some("[    0.000000] a;b")),
            ("14,2,1000001,-;berth: stage 1: x", Some("[    1.000001] berth: stage 1: x")),
            ("7,1,0,-;debug", None),
            ("15,1,0,-;debug", None),
            ("", None),
            ("6,339;x", None),
            ("6,339,x,-;x", None),
        ] {
            assert_eq!(line(record).as_deref(), expected, "{record}");
        }
    }
}
