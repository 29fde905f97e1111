//! The watchdog device (the kernel's watchdog-api.rst): fed by the loop itself, so that a PID 1
//! that hangs restarts the machine.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use sys::machine::monotonic;

const DEVICE: &str = "/dev/watchdog0";
/// How long it is asked to wait for PID 1. Longer than the slowest thing that PID 1 does in one go,
/// and long enough that an idle machine stays asleep.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What a device waits whose driver does not tell: the least that drivers begin with.
const LEAST_TIMEOUT: Duration = Duration::from_secs(30);

/// The device. Once opened it is armed, and stays so through the shutdown.
pub struct Watchdog {
    device: File,
    /// How often it is fed: twice in its time-out.
    interval: Duration,
    due: Duration,
}

impl Watchdog {
    /// Arms the watchdog, where there is one.
    pub fn open() -> Option<Watchdog> {
        let device = OpenOptions::new().write(true).open(DEVICE).ok()?;
        let timeout = match sys::watchdog::set_timeout(&device, TIMEOUT) {
            Ok(timeout) if !timeout.is_zero() => timeout,
            _ => LEAST_TIMEOUT,
        };
        let interval = timeout / 2;
        Some(Watchdog { device, interval, due: monotonic() + interval })
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
            self.due = now + self.interval;
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
