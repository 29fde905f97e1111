//! When a message is sent again (RFC 8415, section 15), and how long that goes on for each type (section 7.6).

use super::message::{Request, RequestKind};
use crate::Moment;

/// Pauses of one type of message, in milliseconds; 0 is without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    first: u64,
    longest: u64,
    /// How often it is sent.
    times: u32,
    /// How long it goes on.
    total: u64,
}

const fn pauses(first: u64, longest: u64, times: u32, total: u64) -> Pauses {
    Pauses { first, longest, times, total }
}

impl Pauses {
    /// Those of a type of message.
    pub fn of(kind: RequestKind) -> Self {
        match kind {
            RequestKind::Solicit | RequestKind::Information => pauses(1000, 3_600_000, 0, 0),
            RequestKind::Request => pauses(1000, 30_000, 10, 0),
            RequestKind::Confirm => pauses(1000, 4000, 0, 10_000),
            RequestKind::Renew | RequestKind::Rebind => pauses(10_000, 600_000, 0, 0),
            RequestKind::Decline => pauses(1000, 0, 4, 0),
        }
    }
}

/// Messages of one transaction: one is sent, and again while nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub kind: RequestKind,
    pub xid: u32,
    /// When it was sent first.
    pub started_ms: u64,
    /// How often it was sent.
    pub sent: u32,
    /// When it is due again.
    pub next_ms: u64,
    pause_ms: u64,
    pauses: Pauses,
}

impl Exchange {
    /// An exchange whose first message is due in so many milliseconds.
    pub fn new(kind: RequestKind, now: Moment, delay_ms: u64) -> Self {
        Self {
            kind,
            xid: now.random & 0x00ff_ffff,
            started_ms: now.ms + delay_ms,
            sent: 0,
            next_ms: now.ms + delay_ms,
            pause_ms: 0,
            pauses: Pauses::of(kind),
        }
    }

    /// Takes a server's word for the longest pause, in seconds.
    pub fn with_longest(mut self, seconds: Option<u32>) -> Self {
        if let Some(seconds) = seconds {
            self.pauses.longest = u64::from(seconds) * 1000;
        }
        self
    }

    /// Whether nothing more is to be sent.
    pub fn is_over(&self, now_ms: u64) -> bool {
        let pauses = self.pauses;
        (pauses.times > 0 && self.sent >= pauses.times)
            || (pauses.total > 0 && self.sent > 0 && now_ms >= self.started_ms + pauses.total)
    }

    /// Sends a message, and sets when it is due again: the first pause, then twice the last, each a tenth more
    /// or less by chance. That of the first Solicit is only longer, so that all servers have had their time.
    pub fn send(&mut self, now: Moment, request: Request) -> Request {
        let chance = i64::from(now.random % 201) - 100;
        let part = |of: u64, chance: i64| of.cast_signed().saturating_mul(chance) / 1000;
        self.pause_ms = match self.sent {
            0 => {
                self.started_ms = now.ms;
                let chance = if self.kind == RequestKind::Solicit { chance.abs() } else { chance };
                self.pauses.first.saturating_add_signed(part(self.pauses.first, chance))
            }
            _ => (self.pause_ms * 2).saturating_add_signed(part(self.pause_ms, chance)),
        };
        let longest = self.pauses.longest;
        if longest > 0 && self.pause_ms > longest {
            self.pause_ms = longest.saturating_add_signed(part(longest, chance));
        }
        self.next_ms = now.ms + self.pause_ms;
        if self.pauses.total > 0 {
            self.next_ms = self.next_ms.min(self.started_ms + self.pauses.total);
        }
        self.sent += 1;
        let elapsed = (now.ms - self.started_ms) / 10;
        Request {
            kind: self.kind,
            xid: self.xid,
            elapsed: u16::try_from(elapsed).unwrap_or(u16::MAX),
            ..request
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let blank = Request {
            kind: RequestKind::Solicit,
            xid: 0,
            elapsed: 0,
            server: None,
            addresses: vec![],
            rapid_commit: false,
        };
        // A type, the seconds between its messages without chance, and when it ends.
        for (kind, expected, ends) in [
            (
                RequestKind::Solicit,
                &[1u64, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600][..],
                None,
            ),
            (RequestKind::Request, &[1, 2, 4, 8, 16, 30, 30, 30, 30, 30], Some(10)),
            (RequestKind::Confirm, &[1, 2, 4, 3], Some(4)),
            (RequestKind::Renew, &[10, 20, 40, 80, 160, 320, 600, 600], None),
            (RequestKind::Decline, &[1, 2, 4, 8], Some(4)),
        ] {
            // The middle of what chance can be.
            let random = 100;
            let mut ms = 0;
            let mut exchange = Exchange::new(kind, Moment { ms, random }, 0);
            for (n, pause) in (1..).zip(expected) {
                assert!(!exchange.is_over(ms), "{kind:?} {n}");
                exchange.send(Moment { ms, random }, blank.clone());
                assert_eq!(exchange.next_ms, ms + pause * 1000, "{kind:?} {n}");
                ms = exchange.next_ms;
            }
            assert_eq!(exchange.is_over(ms), ends.is_some(), "{kind:?}");
            for random in [0, 200, u32::MAX] {
                let mut exchange = Exchange::new(kind, Moment { ms: 0, random }, 0);
                exchange.send(Moment { ms: 0, random }, blank.clone());
                let (first, nominal) = (exchange.next_ms, expected[0] * 1000);
                assert!(first.abs_diff(nominal) <= nominal / 10, "{kind:?} {first}");
                assert!(kind != RequestKind::Solicit || first >= nominal, "{first}");
            }
        }
    }
}
