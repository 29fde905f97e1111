//! The watchdog device, where the machine has one: a kernel that hangs while stage 1 runs restarts.
//!
//! A step that hangs is [`crate::emergency`]'s, which still can say so. This ends with stage 1; the device then waits as
//! long for PID 1, which feeds it from there on.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

const DEVICE: &str = "/dev/watchdog0";
/// How long it waits to be fed: long enough for a machine that starts PID 1 slowly.
const TIMEOUT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(10);
/// What mounting `/dev` takes at most: the first that stage 1 does. The drivers that matter are in the kernel.
const DEVICES_COME: Duration = Duration::from_millis(200);

/// When the machine must have ended, where that is known.
static END: OnceLock<Instant> = OnceLock::new();

/// Feeds it for as long as stage 1 runs; but no longer than [`feed_no_longer_than`] says.
pub fn feed() {
    thread::sleep(DEVICES_COME);
    let Ok(mut device) = open() else { return };
    while END.get().is_none_or(|end| *end >= Instant::now()) {
        // A device that refuses cannot be helped; it will restart the machine.
        _ = device.write_all(b"\0");
        thread::sleep(INTERVAL);
    }
    // Some devices stop when they are closed. Hungry, it restarts a machine that does not end by itself.
    loop {
        thread::park();
    }
}

/// Has it fed so long and no longer: the machine is to end by then.
pub fn feed_no_longer_than(time: Duration) {
    // A time that no clock shows is none.
    if let Some(end) = Instant::now().checked_add(time) {
        _ = END.set(end);
    }
}

/// Arms it. A device that does not take the time keeps its own, which drivers begin with 30 seconds at least of.
fn open() -> std::io::Result<File> {
    let device = OpenOptions::new().write(true).open(DEVICE)?;
    _ = sys::watchdog::set_timeout(&device, TIMEOUT);
    Ok(device)
}
