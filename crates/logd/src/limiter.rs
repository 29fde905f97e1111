//! How many messages a unit may send.

use std::collections::HashMap;

/// A unit may send so many messages in an interval; those after that are dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The number; 0 is no limit.
    pub burst: u32,
    /// The interval, in microseconds; 0 is no limit.
    pub interval_us: u64,
}

impl Default for Rate {
    fn default() -> Self {
        Self { burst: 10_000, interval_us: 30_000_000 }
    }
}

/// What each unit has sent lately.
#[derive(Debug, Default)]
pub struct Limiter {
    windows: HashMap<String, Window>,
}

#[derive(Debug)]
struct Window {
    start_us: u64,
    rate: Rate,
    taken: u32,
    dropped: u64,
}

impl Window {
    fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.rate.interval_us)
    }
}

/// Messages of one unit that were dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Dropped {
    pub unit: String,
    pub count: u64,
    pub rate: Rate,
}

impl Limiter {
    /// Whether a message of `unit` that came at `now_us` is kept.
    pub fn admit(&mut self, unit: &str, rate: Rate, now_us: u64) -> bool {
        if rate.burst == 0 || rate.interval_us == 0 {
            return true;
        }
        let Some(window) = self.windows.get_mut(unit) else {
            let window = Window { start_us: now_us, rate, taken: 1, dropped: 0 };
            self.windows.insert(unit.to_owned(), window);
            return true;
        };
        // One that has dropped something ends when that is told.
        if window.dropped == 0 && (window.rate != rate || window.end_us() <= now_us) {
            (window.start_us, window.rate, window.taken) = (now_us, rate, 0);
        }
        if window.taken < window.rate.burst {
            window.taken += 1;
            return true;
        }
        window.dropped += 1;
        false
    }

    /// When [`Limiter::take_dropped`] will next have something to say.
    pub fn deadline_us(&self) -> Option<u64> {
        self.windows.values().filter(|w| w.dropped > 0).map(Window::end_us).min()
    }

    /// Ends the intervals that are over and tells what was dropped in each.
    pub fn take_dropped(&mut self, now_us: u64) -> Vec<Dropped> {
        let over = |window: &Window| window.end_us() <= now_us;
        let mut report: Vec<Dropped> = self
            .windows
            .iter()
            .filter(|(_, w)| w.dropped > 0 && over(w))
            .map(|(unit, w)| Dropped { unit: unit.clone(), count: w.dropped, rate: w.rate })
            .collect();
        report.sort_by(|a, b| a.unit.cmp(&b.unit));
        // Also forgets units that have been quiet, so that the table stays small.
        self.windows.retain(|_, w| !over(w));
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 100, interval_us: 1_000_000 };

    #[test]
    fn a_flood_is_cut_counted_by_name_and_leaves_others_alone() {
        let mut limiter = Limiter::default();
        let kept = (0..RATE.burst + 500).filter(|_| limiter.admit("loud.service", RATE, 1000)).count();
        assert_eq!(kept, RATE.burst as usize);
        assert!(limiter.admit("quiet.service", RATE, 1000));

        let end = 1000 + RATE.interval_us;
        assert_eq!(limiter.deadline_us(), Some(end));
        assert_eq!(limiter.take_dropped(end - 1), []);
        let dropped = Dropped { unit: "loud.service".to_owned(), count: 500, rate: RATE };
        assert_eq!(limiter.take_dropped(end), [dropped]);
        assert_eq!(limiter.deadline_us(), None);
        assert!(limiter.admit("loud.service", RATE, end));
        assert_eq!(limiter.take_dropped(u64::MAX), []);
    }

    #[test]
    fn a_steady_sender_below_the_limit_loses_nothing() {
        let mut limiter = Limiter::default();
        let step = RATE.interval_us / u64::from(RATE.burst) + 1;
        assert!((0..u64::from(RATE.burst) * 3).all(|i| limiter.admit("a.service", RATE, i * step)));
    }

    #[test]
    fn no_limit_and_another_limit() {
        let mut limiter = Limiter::default();
        let count = |limiter: &mut Limiter, rate| (0..500).filter(|_| limiter.admit("a", rate, 0)).count();
        for rate in [Rate { burst: 0, ..RATE }, Rate { interval_us: 0, ..RATE }] {
            assert_eq!(count(&mut limiter, rate), 500, "{rate:?}");
        }
        assert_eq!(count(&mut limiter, RATE), 100);
        let never = Rate { burst: 7, interval_us: u64::MAX };
        limiter.take_dropped(u64::MAX);
        assert_eq!(count(&mut limiter, never), 7);
        assert_eq!(limiter.deadline_us(), Some(u64::MAX));
    }

    #[test]
    fn quiet_units_are_forgotten() {
        let mut limiter = Limiter::default();
        for i in 0..100 {
            limiter.admit(&format!("u{i}.service"), RATE, i);
        }
        limiter.take_dropped(RATE.interval_us * 2);
        assert!(limiter.windows.is_empty());
    }
}
