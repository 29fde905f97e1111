//! Text for a person, on every console that the kernel writes to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// Names of the consoles in use, separated by blanks (Documentation/ABI/testing/sysfs-tty).
const ACTIVE: &str = "/sys/class/tty/console/active";
/// How long one console may refuse text before the rest is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// The devices of all consoles in use; `/dev/console` where sysfs does not say.
pub fn active() -> Vec<PathBuf> {
    let names = fs::read_to_string(ACTIVE).unwrap_or_default();
    let mut devices: Vec<_> = names.split_whitespace().map(|n| Path::new("/dev").join(n)).collect();
    if devices.is_empty() {
        devices.push("/dev/console".into());
    }
    devices
}

/// Writes `text` to every console in use. A console that does not take it within two seconds
/// gets only a part, so that nobody hangs for a terminal; faults are passed over.
pub fn write_to_all(text: &str) {
    for device in active() {
        if let Ok(console) = open(&device) {
            _ = write_with_patience(&console, text.as_bytes());
        }
    }
}

/// Opens a device for writing without making it the controlling terminal and without waiting.
fn open(device: &Path) -> io::Result<File> {
    let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
    OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(device)
}

fn write_with_patience(mut console: &File, mut text: &[u8]) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !text.is_empty() {
        match console.write(text) {
            Ok(0) => break,
            Ok(written) => text = &text[written..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
                poll(&mut [PollFd::new(&console, PollFlags::OUT)], Some(&timeout))?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
