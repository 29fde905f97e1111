//! Saying on the consoles what is waited for, when that takes a while.

use std::time::Duration;

use unit::transaction::JobKind;

use super::{Stage, Supervisor};

/// How long nothing is said, and how often then: of a boot, and of a shutdown.
const BOOTING: Duration = Duration::from_secs(10);
const STOPPING: Duration = Duration::from_secs(1);
/// How many units are named.
const NAMED: usize = 4;

impl Supervisor {
    /// Begins to count for what goes on now.
    pub(super) fn count_waits(&mut self, now: Duration) {
        self.waits_due = self.waits_interval().map(|interval| now + interval);
    }

    fn waits_interval(&self) -> Option<Duration> {
        match self.stage {
            Stage::Booting(_) => Some(BOOTING),
            Stage::Stopping => Some(STOPPING),
            Stage::Up | Stage::Emergency(_) => None,
        }
    }

    /// Says what is waited for, where it is time to.
    pub(super) fn tell_waits(&mut self, now: Duration) {
        if self.waits_due.is_none_or(|due| now < due) {
            return;
        }
        let waits = self.manager.waits(now);
        if let Some((_, kind, _)) = waits.first() {
            let verb = if *kind == JobKind::Start { "start" } else { "stop" };
            let named: Vec<String> = waits
                .iter()
                .take(NAMED)
                .map(|(unit, _, left)| match left {
                    Some(left) => format!("{unit} ({} s left)", left.as_secs()),
                    None => format!("{unit} (no limit)"),
                })
                .collect();
            let more = match waits.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            self.reporter.console(&format!("berth: waiting for {} to {verb}{more}\n", named.join(", ")));
        }
        self.count_waits(now);
    }
}
