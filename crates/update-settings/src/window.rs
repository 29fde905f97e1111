//! The maintenance window.

use std::time::Duration;

use calendar::{Expression, Zone, Zones};

use crate::Settings;

/// When the machine may restart by itself.
#[derive(Clone, Debug)]
pub struct Window {
    expressions: Vec<Expression>,
    length: Duration,
}

/// Whether a window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is, until that moment.
    Open {
        /// Its end, as the time since 1970 began in UTC.
        until: Duration,
    },
    /// It opens then.
    Opens {
        /// Its begin, as the time since 1970 began in UTC.
        at: Duration,
    },
    /// No window comes any more, or there is none.
    Never,
}

impl Settings {
    /// The maintenance window.
    pub fn window(&self) -> Window {
        Window { expressions: self.windows.clone(), length: self.window_length }
    }
}

impl Window {
    /// How a window stands at a moment.
    pub fn at(&self, now: Duration, zones: &dyn Zones) -> Opening {
        let next = |expression: &Expression, after: Duration| {
            let zone: Zone = expression.zone().resolve(zones, now)?;
            expression.next(after, &zone)
        };
        // One that began less than its length ago is open. `next` asks for what comes after a moment.
        let since = now.saturating_sub(self.length);
        let begins = self.expressions.iter().filter_map(|expression| next(expression, since));
        match begins.min() {
            Some(begin) if begin <= now => {
                let last = self
                    .expressions
                    .iter()
                    .filter_map(|expression| self.last(expression, begin, now, &next))
                    .max();
                Opening::Open { until: last.unwrap_or(begin) + self.length }
            }
            Some(begin) => Opening::Opens { at: begin },
            None => Opening::Never,
        }
    }

    /// The last begin of an expression up to now, from `begin` on: windows that follow each other closely are one.
    fn last(
        &self,
        expression: &Expression,
        begin: Duration,
        now: Duration,
        next: &dyn Fn(&Expression, Duration) -> Option<Duration>,
    ) -> Option<Duration> {
        let mut last = None;
        let mut after = begin.saturating_sub(Duration::from_micros(1));
        // A window that opens each second for an hour need not be counted to its end.
        for _ in 0..1000 {
            match next(expression, after) {
                Some(at) if at <= now => (last, after) = (Some(at), at),
                _ => break,
            }
        }
        last
    }
}
