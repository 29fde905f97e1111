//! Times as people read them.

use std::time::Duration;

use calendar::timestamp::{Style, format};
use calendar::{Zone, Zones};
use sys::machine::{monotonic, wall_clock};
use unit::control::TimerStatus;
use zoneinfo::Zoneinfo;

/// A moment since 1970 in UTC: `Tue 2026-11-24 18:10:00 UTC`.
pub fn utc(at: Duration) -> String {
    format(at, &Zone::utc(), Style::Seconds)
}

/// The same without the day of the week: `2026-11-24 18:10:00 UTC`.
pub fn utc_date(at: Duration) -> String {
    utc(at).split_once(' ').map_or("", |(_, rest)| rest).to_owned()
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
        // What would be written as 1024.0 is one of the next unit.
        if value < 1024.0 - 0.05 || bytes < 1024 {
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
            assert_eq!(utc_date(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn days_of_the_week_and_rough_spans() {
        for (seconds, day) in [(0, "Thu"), (1_795_543_800, "Tue"), (951_782_400, "Tue")] {
            assert!(utc(Duration::from_secs(seconds)).starts_with(day), "{seconds}");
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
        for (bytes, text) in [
            (512, "512B"),
            (1536, "1.5K"),
            (21_076_377, "20.1M"),
            ((1 << 20) - 1, "1.0M"),
            ((1 << 20) - 60, "1023.9K"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
