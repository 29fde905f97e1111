//! Stopping services because the system goes down.

use std::time::Duration;

use event::{Event, ShutdownKind};
use sys::machine::monotonic;
use sys::signal::Signals;
use unit::UnitName;
use unit::cgroup::Phase;

use super::{Finished, Stage, Supervisor};
use init_io::cgroups::Cgroups;
use init_io::output;
use init_io::report::Reporter;
use init_io::watchdog::Watchdog;

/// How long services that set no timeout of their own have to stop.
const SERVICES: Duration = Duration::from_millis(2500);
/// How long the log has after them, at least, to write down what it was told last.
const LOG: Duration = Duration::from_millis(700);

impl Supervisor {
    /// Begins to go down; once begun, nothing changes it.
    pub(super) fn shut_down(&mut self, kind: ShutdownKind, why: &str) {
        if self.shutdown.is_some() {
            return;
        }
        let now = monotonic();
        self.shutdown = Some((kind, now));
        self.stage = Stage::Stopping;
        self.cgroups.enter(Phase::Startup);
        self.count_waits(now);
        self.reporter.info(&format!("{kind}: {why}"));
        self.reporter.event(Event::Shutdown { kind });
        // The log goes last: what the others say while they stop is worth having.
        let logd: Vec<UnitName> = UnitName::parse(output::LOGD).into_iter().collect();
        let actions = self.manager.shut_down(now + SERVICES, &logd, now);
        self.perform(actions);
    }

    /// Whether the services have stopped.
    pub(super) fn finished(&mut self) -> Option<Finished> {
        let (kind, since) = self.shutdown?;
        if self.manager.is_idle() && !self.log_stops {
            self.log_stops = true;
            self.reporter.close_log();
            let now = monotonic();
            let actions = self.manager.shut_down((since + SERVICES).max(now + LOG), &[], now);
            self.perform(actions);
        }
        self.manager.is_idle().then_some(Finished { kind, since, failed: self.failed })
    }

    /// Ends the system without stopping services: what is written reaches the disk, no more.
    pub(super) fn end_at_once(&mut self, kind: ShutdownKind) {
        if self.options.container {
            self.cgroups.clean_up();
            std::process::exit(0);
        }
        if let Err(error) = crate::machine::note_end(kind, false) {
            self.reporter.warn(&format!("{error:#}"));
        }
        rustix::fs::sync();
        if let Err(error) = sys::machine::end(crate::end::how(kind)) {
            self.reporter.warn(&error.to_string());
        }
    }

    /// What is needed after the services.
    pub fn into_remains(self) -> Remains {
        Remains {
            reporter: self.reporter,
            cgroups: self.cgroups,
            signals: self.signals,
            watchdog: self.watchdog,
        }
    }
}

/// What a supervisor leaves to the end of the system.
pub struct Remains {
    /// Where to say things.
    pub reporter: Reporter,
    /// The control groups.
    pub cgroups: Cgroups,
    /// Signals, of the death of processes most of all.
    pub signals: Signals,
    /// The watchdog, which stays armed.
    pub watchdog: Option<Watchdog>,
}
