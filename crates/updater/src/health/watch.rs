//! When to look again, and when it is enough. Pure.

use std::time::Duration;

/// The first pause after something was not well. Each one after it is twice as long.
const SHORTEST: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);
/// How often it is looked while all is well.
const GLANCE: Duration = Duration::from_secs(10);

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// All has been well for the hold time.
    Good,
    /// Look again after so long.
    Again(Duration),
}

/// Looks at a machine until all has been well for a time without a break.
#[derive(Debug)]
pub struct Watch {
    hold: Duration,
    pause: Duration,
    well_since: Option<Duration>,
}

impl Watch {
    /// For so long all must be well.
    pub fn new(hold: Duration) -> Watch {
        Watch { hold, pause: SHORTEST, well_since: None }
    }

    /// It was looked at `now` (CLOCK_MONOTONIC).
    pub fn next(&mut self, now: Duration, is_well: bool) -> Next {
        if !is_well {
            self.well_since = None;
            let pause = self.pause;
            self.pause = (pause * 2).min(LONGEST);
            return Next::Again(pause);
        }
        self.pause = SHORTEST;
        let since = *self.well_since.get_or_insert(now);
        match self.hold.saturating_sub(now.saturating_sub(since)) {
            Duration::ZERO => Next::Good,
            left => Next::Again(left.min(GLANCE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each look of (seconds, well?) is followed by: the pause in milliseconds, or none for good.
    fn followed(hold: u64, looks: &[(u64, bool)]) -> Vec<Option<u128>> {
        let mut watch = Watch::new(Duration::from_secs(hold));
        let pause = |next| match next {
            Next::Good => None,
            Next::Again(after) => Some(after.as_millis()),
        };
        looks.iter().map(|(at, well)| pause(watch.next(Duration::from_secs(*at), *well))).collect()
    }

    #[test]
    fn all_must_be_well_for_the_hold_time_without_a_break() {
        for (hold, looks, expected) in [
            (0, &[(5, true)][..], &[None][..]),
            (10, &[(5, true), (15, true)], &[Some(10_000), None]),
            (
                25,
                &[(5, true), (15, true), (25, true), (30, true)],
                &[Some(10_000), Some(10_000), Some(5_000), None],
            ),
            // It begins anew.
            (
                10,
                &[(5, true), (15, false), (16, true), (26, true)],
                &[Some(10_000), Some(250), Some(10_000), None],
            ),
        ] {
            assert_eq!(followed(hold, looks), expected, "{hold} {looks:?}");
        }
    }

    #[test]
    fn what_is_not_well_is_looked_at_less_and_less_often() {
        let looks: Vec<(u64, bool)> = (0..8).map(|at| (at, false)).collect();
        let pauses = [250, 500, 1000, 2000, 4000, 5000, 5000, 5000];
        assert_eq!(followed(10, &looks), pauses.map(Some));
    }
}
