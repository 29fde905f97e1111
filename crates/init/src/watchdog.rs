//! The watchdog device (the kernel's watchdog-api.rst): fed by the loop itself, so that a PID 1
//! that hangs restarts the machine.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use sys::machine::monotonic;

const DEVICE: &str = "/dev/watchdog0";
/// How often it is fed. Devices have timeouts of 30 s and more.
const INTERVAL: Duration = Duration::from_secs(10);

/// The device. Once opened it is armed, and stays so through the shutdown.
pub struct Watchdog {
    device: File,
    due: Duration,
}

impl Watchdog {
    /// Arms the watchdog, where there is one.
    pub fn open() -> Option<Watchdog> {
        let device = OpenOptions::new().write(true).open(DEVICE).ok()?;
        Some(Watchdog { device, due: monotonic() + INTERVAL })
    }

    /// When it must be fed next.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// Feeds it, if it is time.
    pub fn feed(&mut self, now: Duration) {
        if now >= self.due {
            // A device that refuses cannot be helped; it will restart the machine.
            _ = self.device.write_all(b"\0");
            self.due = now + INTERVAL;
        }
    }

    /// Feeds it whatever the time.
    pub fn feed_now(&mut self) {
        self.due = Duration::ZERO;
        self.feed(monotonic());
    }

    /// Disarms it, where its driver allows that: a machine that is halted on purpose must stay
    /// so.
    pub fn disarm(&mut self) {
        _ = self.device.write_all(b"V");
    }
}
