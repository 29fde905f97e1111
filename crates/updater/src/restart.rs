//! When to look for updates, and when to restart for one.

use std::time::Duration;

use calendar::Zones;
use update_settings::{Opening, Settings, Strategy};

/// When the machine restarts for an update that is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Now.
    Now,
    /// Then, as the time since 1970 began in UTC.
    At(Duration),
    /// When somebody does it.
    ByHand,
}

/// When it is.
pub fn restart(settings: &Settings, now: Duration, zones: &dyn Zones) -> Restart {
    match settings.strategy {
        Strategy::Immediate => Restart::Now,
        Strategy::Manual => Restart::ByHand,
        Strategy::Window => match settings.window().at(now, zones) {
            Opening::Open { .. } => Restart::Now,
            Opening::Opens { at } => Restart::At(at),
            Opening::Never => Restart::ByHand,
        },
    }
}

/// Whether a check is due: none was in this boot, or the last is about an interval ago. `spread` (0 to 1) is this
/// machine's own part of the interval, so that many machines do not ask at once. All times are since 1970 began, but
/// `up`, how long this boot is.
pub fn is_due(last: Option<Duration>, now: Duration, up: Duration, interval: Duration, spread: f64) -> bool {
    let Some(last) = last else { return true };
    let booted = now.saturating_sub(up);
    // A clock that was set back says nothing of how long ago it was.
    last < booted || last > now || now - last >= interval.mul_f64(0.9 + 0.2 * spread.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use calendar::{Expression, Fixed, Zone};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_strategy_says_when() {
        // 1970-01-01 was a Thursday.
        let window = |text: &str| Settings {
            strategy: Strategy::Window,
            windows: vec![Expression::parse(text).unwrap()],
            ..Settings::default()
        };
        let of = |strategy| Settings { strategy, ..Settings::default() };
        for (settings, hour, expected) in [
            (of(Strategy::Immediate), 5, Restart::Now),
            (of(Strategy::Manual), 5, Restart::ByHand),
            (of(Strategy::Window), 5, Restart::ByHand),
            (window("04:30"), 5, Restart::Now),
            (window("04:00"), 5, Restart::At(HOUR * 28)),
            (window("06:00"), 5, Restart::At(HOUR * 6)),
            (window("Fri 05:00"), 5, Restart::At(HOUR * 29)),
            (window("1970-01-01 00:00"), 5, Restart::ByHand),
        ] {
            let zones = Fixed { local: Zone::utc(), named: Vec::new() };
            assert_eq!(restart(&settings, HOUR * hour, &zones), expected, "{settings:?}");
        }
    }

    #[test]
    fn checks_are_about_an_interval_apart() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (last, now, up, spread, expected) in [
            (None, 1000, 1, 0.0, true),
            (Some(900), 1000, 50, 0.0, true),
            (Some(990), 1000, 50, 0.0, false),
            (Some(946), 1000, 900, 0.0, true),
            (Some(947), 1000, 900, 0.0, false),
            (Some(946), 1000, 900, 1.0, false),
            (Some(934), 1000, 900, 1.0, true),
            (Some(1001), 1000, 900, 0.0, true),
        ] {
            let due = is_due(last.map(minutes), minutes(now), minutes(up), HOUR, spread);
            assert_eq!(due, expected, "{last:?} {now} {up} {spread}");
        }
    }
}
