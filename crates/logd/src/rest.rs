//! Streams that have much to say rest between their turns.
//!
//! Without that the daemon would be woken for each few lines of a flood, as fast as they come. So
//! the flood's pipe fills, and one turn takes all that is in it.

use std::collections::VecDeque;

/// A stream that has a turn so soon after its last one has much to say, in microseconds.
const SOON_US: u64 = 2 * REST_US;
/// It rests for so long, in microseconds: in each such time its pipe of 64 KiB can be taken, which
/// is more than most disks take.
const REST_US: u64 = 1_000;
/// So many turns are remembered: those of more streams are far enough apart.
const TURNS: usize = 16;

/// The streams that had a turn lately, and those that rest.
#[derive(Debug, Default)]
pub struct Resting {
    /// Stream and time of the last turns.
    turns: VecDeque<(u64, u64)>,
    /// Streams, and until when they rest, in that order.
    resting: VecDeque<(u64, u64)>,
}

impl Resting {
    /// A stream has had its turn. Whether it rests now.
    pub fn begins(&mut self, stream: u64, now_us: u64) -> bool {
        let is_soon =
            |(other, at_us): &(u64, u64)| *other == stream && now_us.saturating_sub(*at_us) < SOON_US;
        let rests = self.turns.iter().any(is_soon);
        if rests {
            self.resting.push_back((stream, now_us.saturating_add(REST_US)));
        }
        self.turns.truncate(TURNS - 1);
        self.turns.push_front((stream, now_us));
        rests
    }

    /// The next one whose rest is over.
    pub fn ended(&mut self, now_us: u64) -> Option<u64> {
        self.resting.pop_front_if(|(_, until_us)| *until_us <= now_us).map(|(stream, _)| stream)
    }

    /// When that of the next one is, on the monotonic clock.
    pub fn deadline_us(&self) -> Option<u64> {
        self.resting.front().map(|(_, until_us)| *until_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_again_at_once_rests_and_who_does_not_is_heard() {
        let mut resting = Resting::default();
        assert!(!resting.begins(1, 0));
        // A line every ten milliseconds.
        assert!(!resting.begins(1, 10_000));
        assert_eq!((resting.deadline_us(), resting.ended(u64::MAX)), (None, None));
        // Another one, whose turns come one after the other, also after its rest.
        assert!(!resting.begins(2, 10_001));
        assert!(resting.begins(2, 10_100));
        assert_eq!(resting.deadline_us(), Some(10_100 + REST_US));
        assert_eq!(resting.ended(10_099 + REST_US), None);
        assert_eq!(resting.ended(10_100 + REST_US), Some(2));
        assert!(resting.begins(2, 10_150 + REST_US));
        assert!(!resting.begins(1, 20_000));
    }
}
