//! Times as people read them.

use std::time::Duration;

use calendar::Zones;
use calendar::timestamp::{Style, format};
use sys::machine::{monotonic, wall_clock};
use unit::control::TimerStatus;
use zoneinfo::Zoneinfo;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u64,
    /// Day of the month.
    pub day: u64,
    /// Seconds of the day.
    pub second: u64,
}

impl Utc {
    /// The moment so many seconds after 1970 began (proleptic Gregorian calendar, years that
    /// begin in March so that the leap day is their last).
    pub fn since_1970(seconds: u64) -> Utc {
        let days = seconds / 86_400 + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = (year_of_era + era * 400) as i64 + i64::from(month <= 2);
        Utc { year, month, day, second: seconds % 86_400 }
    }

    /// `Tue 2026-11-24 18:10:00 UTC`.
    pub fn stamp(self, seconds: u64) -> String {
        // 1970 began on a Thursday.
        let day = DAYS.get((seconds / 86_400 % 7) as usize).copied().unwrap_or("???");
        format!("{day} {}", self.long())
    }

    /// `2026-11-24 18:10:00 UTC`.
    pub fn long(self) -> String {
        format!("{:04}-{:02}-{:02} {} UTC", self.year, self.month, self.day, self.clock())
    }

    fn clock(self) -> String {
        format!("{:02}:{:02}:{:02}", self.second / 3600, self.second / 60 % 60, self.second % 60)
    }
}

/// A reading of the monotonic clock, in microseconds, by the clock on the wall.
pub fn moment(monotonic_us: u64) -> String {
    written(on_wall(monotonic_us))
}

/// A moment since 1970, in the caller's time zone: `Tue 2026-11-24 19:10:00 CET`.
pub fn written(at: Duration) -> String {
    format(at, &Zoneinfo::of_caller().local(), Style::Seconds)
}

/// When a timer elapses next, by the clock on the wall.
pub fn next_elapse(timer: &TimerStatus) -> Option<Duration> {
    let is_set = |micros: &u64| *micros > 0;
    let by_calendar = Some(timer.next_us).filter(is_set).map(Duration::from_micros);
    let by_span = Some(timer.next_monotonic_us).filter(is_set).map(on_wall);
    by_calendar.into_iter().chain(by_span).min()
}

/// A reading of the monotonic clock, in microseconds, as the time since 1970.
pub fn on_wall(monotonic_us: u64) -> Duration {
    (wall_clock() + Duration::from_micros(monotonic_us)).saturating_sub(monotonic())
}

/// How long ago a reading of the monotonic clock, in microseconds, was: `5min ago`.
pub fn ago(monotonic_us: u64) -> String {
    let since = monotonic().saturating_sub(Duration::from_micros(monotonic_us));
    let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    format!("{} ago", rough(micros))
}

/// Microseconds to the two coarsest units that they have.
fn rough(micros: u64) -> String {
    let words = calendar::span::span(micros, if micros < 1_000_000 { 1_000 } else { 1_000_000 });
    words.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// A span: `1h 2min`, `3min 4s`, `5.678s`, `12ms`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{:.3}s", time.as_secs_f64()),
        60..3600 => format!("{}min {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A size in bytes: `512B`, `20.1M`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for suffix in ["B", "K", "M", "G"] {
        if value < 1024.0 {
            return if suffix == "B" { format!("{bytes}B") } else { format!("{value:.1}{suffix}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1}T")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_795_543_800, "2026-11-24 18:10:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(Utc::since_1970(seconds).long(), text);
        }
    }

    #[test]
    fn days_of_the_week_and_rough_spans() {
        for (seconds, day) in [(0, "Thu"), (1_795_543_800, "Tue"), (951_782_400, "Tue")] {
            assert!(Utc::since_1970(seconds).stamp(seconds).starts_with(day), "{seconds}");
        }
        for (micros, words) in
            [(5_000, "5ms"), (3_200_000, "3s"), (65_000_000, "1min 5s"), (90_061_000_000, "1d 1h")]
        {
            assert_eq!(rough(micros), words);
        }
    }

    #[test]
    fn spans_and_sizes() {
        for (millis, text) in [(5, "5ms"), (1_500, "1.500s"), (61_000, "1min 1s"), (3_720_000, "1h 2min")] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
        for (bytes, text) in [(512, "512B"), (1536, "1.5K"), (21_076_377, "20.1M")] {
            assert_eq!(size(bytes), text);
        }
    }
}
