//! The two clocks of an entry.

use rustix::time::{ClockId, clock_gettime};

/// A moment on both clocks, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since 1970, UTC.
    pub realtime_us: u64,
    /// CLOCK_MONOTONIC.
    pub monotonic_us: u64,
}

impl Now {
    /// Reads the clocks.
    pub fn read() -> Self {
        Self { realtime_us: micros(ClockId::Realtime), monotonic_us: micros(ClockId::Monotonic) }
    }

    /// The wall-clock time of a moment that has only the monotonic one.
    pub fn realtime_of(&self, monotonic_us: u64) -> u64 {
        let age = self.monotonic_us.saturating_sub(monotonic_us);
        self.realtime_us.saturating_sub(age)
    }
}

fn micros(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + time.tv_nsec as u64 / 1000
}
