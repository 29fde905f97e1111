//! How many lines a unit may write.

use std::collections::HashMap;

/// A unit may write so many lines in [`INTERVAL_US`]; those after that are dropped and counted.
pub const BURST: u32 = 10_000;
/// The interval, in microseconds.
pub const INTERVAL_US: u64 = 30_000_000;

/// What each unit has written lately.
#[derive(Debug, Default)]
pub struct Limiter {
    windows: HashMap<String, Window>,
}

#[derive(Debug)]
struct Window {
    start_us: u64,
    taken: u32,
    dropped: u64,
}

impl Window {
    fn is_over(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.start_us) >= INTERVAL_US
    }
}

/// Lines of one unit that were dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Dropped {
    pub unit: String,
    pub lines: u64,
}

impl Limiter {
    /// Whether a line of `unit` that came at `now_us` is kept.
    pub fn admit(&mut self, unit: &str, now_us: u64) -> bool {
        let Some(window) = self.windows.get_mut(unit) else {
            let window = Window { start_us: now_us, taken: 1, dropped: 0 };
            self.windows.insert(unit.to_owned(), window);
            return true;
        };
        if window.dropped == 0 && window.is_over(now_us) {
            (window.start_us, window.taken) = (now_us, 0);
        }
        if window.taken < BURST {
            window.taken += 1;
            return true;
        }
        window.dropped += 1;
        false
    }

    /// When [`Limiter::take_dropped`] will next have something to say.
    pub fn deadline_us(&self) -> Option<u64> {
        self.windows.values().filter(|w| w.dropped > 0).map(|w| w.start_us + INTERVAL_US).min()
    }

    /// Ends the intervals that are over and tells what was dropped in each.
    pub fn take_dropped(&mut self, now_us: u64) -> Vec<Dropped> {
        let mut report: Vec<Dropped> = self
            .windows
            .iter()
            .filter(|(_, w)| w.dropped > 0 && w.is_over(now_us))
            .map(|(unit, w)| Dropped { unit: unit.clone(), lines: w.dropped })
            .collect();
        report.sort_by(|a, b| a.unit.cmp(&b.unit));
        // Also forgets units that have been quiet, so that the table stays small.
        self.windows.retain(|_, w| !w.is_over(now_us));
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_counted_by_name_and_leaves_others_alone() {
        let mut limiter = Limiter::default();
        let kept = (0..BURST + 500).filter(|_| limiter.admit("loud.service", 1000)).count();
        assert_eq!(kept, BURST as usize);
        assert!(limiter.admit("quiet.service", 1000));

        assert_eq!(limiter.deadline_us(), Some(1000 + INTERVAL_US));
        assert_eq!(limiter.take_dropped(1000 + INTERVAL_US - 1), []);
        let dropped = Dropped { unit: "loud.service".to_owned(), lines: 500 };
        assert_eq!(limiter.take_dropped(1000 + INTERVAL_US), [dropped]);
        assert_eq!(limiter.deadline_us(), None);
        assert!(limiter.admit("loud.service", 1000 + INTERVAL_US));
        assert_eq!(limiter.take_dropped(u64::MAX), []);
    }

    #[test]
    fn a_steady_writer_below_the_limit_loses_nothing() {
        let mut limiter = Limiter::default();
        let step = INTERVAL_US / u64::from(BURST) + 1;
        assert!((0..u64::from(BURST) * 3).all(|i| limiter.admit("a.service", i * step)));
    }

    #[test]
    fn quiet_units_are_forgotten() {
        let mut limiter = Limiter::default();
        for i in 0..100 {
            limiter.admit(&format!("u{i}.service"), i);
        }
        limiter.take_dropped(INTERVAL_US * 2);
        assert!(limiter.windows.is_empty());
    }
}
