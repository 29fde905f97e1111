//! What timers know of time beside the monotonic clock, and what is the machine's own in them.

use std::time::Duration;

use calendar::Zone;

const MINUTE: u64 = 60_000_000;
/// What wake-ups are brought together at, in microseconds, the best first.
const PERIODS: [u64; 4] = [MINUTE, 10_000_000, 1_000_000, 250_000];

/// The clock on the wall, the time zone, and what makes this machine's delays its own.
///
/// Both clocks go at one speed: the distance between them changes only when one is set, of which the
/// kernel tells (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET), or when the machine slept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clocks {
    /// By how many microseconds the wall's clock is ahead of the monotonic one.
    pub ahead_us: i64,
    /// The machine's time zone.
    pub zone: Zone,
    /// When PID 1 began, by the monotonic clock.
    pub startup: Duration,
    /// When what counts as the machine began, likewise: in a container it is PID 1.
    pub boot: Duration,
    /// The machine's id: what is to be the same each time on one machine, and another on others,
    /// follows from it.
    pub machine_id: String,
    /// The state of the random numbers; any number to begin with.
    pub random: u64,
}

impl Clocks {
    /// Takes in what both clocks show.
    pub fn set(&mut self, wall: Duration, monotonic: Duration) {
        self.ahead_us = micros(wall) - micros(monotonic);
    }

    /// What the wall's clock shows when the monotonic one shows that.
    pub fn wall(&self, monotonic: Duration) -> Duration {
        from_micros(micros(monotonic).saturating_add(self.ahead_us))
    }

    /// What the monotonic clock shows when the wall's shows that; zero where that is before its
    /// beginning.
    pub fn monotonic(&self, wall: Duration) -> Duration {
        from_micros(micros(wall).saturating_sub(self.ahead_us))
    }

    /// A random number.
    pub fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random)
    }

    /// A number that is always the same for a name on one machine.
    pub fn own(&self, name: &str) -> u64 {
        // FNV-1a: one name is told from another, no more is asked of it.
        let bytes = self.machine_id.bytes().chain([0]).chain(name.bytes());
        mix(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// When to wake up for what may happen from one moment until another: at the same point of a
    /// minute for all timers of a machine (of ten seconds, a second, a quarter, where there is none
    /// so soon), at another one on other machines.
    pub fn coalesce(&self, from: Duration, until: Duration) -> Duration {
        let (from, until) = (micros(from).unsigned_abs(), micros(until).unsigned_abs());
        let point = self.own("wake") % MINUTE;
        let last_point = |period: &u64| {
            let in_period = until / period * period + point % period;
            let at = if in_period < until { Some(in_period) } else { in_period.checked_sub(*period) };
            at.filter(|at| *at >= from)
        };
        let at = PERIODS.iter().find_map(last_point).filter(|_| until > from + 1);
        Duration::from_micros(at.unwrap_or(if until > from + 1 { until } else { from }))
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn from_micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Has every bit of a number bear on every other (the finalizer of splitmix64).
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn machine(id: &str) -> Clocks {
        Clocks { machine_id: id.to_owned(), ..Clocks::default() }
    }

    #[test]
    fn the_clocks_lead_to_each_other() {
        let mut clocks = machine("a");
        let second = Duration::from_secs;
        clocks.set(second(1_000_000), second(50));
        assert_eq!(clocks.wall(second(60)), second(1_000_010));
        assert_eq!(clocks.monotonic(second(1_000_010)), second(60));
        assert_eq!(clocks.monotonic(second(10)), Duration::ZERO);
        // A clock that stands at 1970 is behind the monotonic one.
        clocks.set(second(0), second(50));
        assert_eq!((clocks.wall(second(60)), clocks.monotonic(second(10))), (second(10), second(60)));
    }

    #[test]
    fn timers_of_a_machine_wake_it_together_and_machines_do_not() {
        let (one, other) = (machine("a"), machine("b"));
        let wide = |clocks: &Clocks, from: u64| {
            clocks.coalesce(Duration::from_secs(from), Duration::from_secs(from + 60))
        };
        assert_eq!(wide(&one, 6_000), wide(&one, 5_990).max(wide(&one, 6_000)));
        let point = |clocks: &Clocks| micros(wide(clocks, 6_000)).unsigned_abs() % MINUTE;
        assert_eq!(point(&one), micros(wide(&one, 7_777)).unsigned_abs() % MINUTE);
        assert_ne!(point(&one), point(&other));
        assert_ne!(one.own("x.timer"), one.own("y.timer"));
        assert_ne!(one.own("x.timer"), other.own("x.timer"));
        assert_eq!(one.own("x.timer"), machine("a").own("x.timer"));
    }

    proptest! {
        #[test]
        fn a_wake_up_is_never_early_and_never_late(from in 0..1u64 << 50, window in 0..1u64 << 40, id in "[a-f]{4}") {
            let (from, until) = (Duration::from_micros(from), Duration::from_micros(from + window));
            let at = machine(&id).coalesce(from, until);
            prop_assert!(from <= at && at <= until);
        }
    }
}
