//! Whether a boot is good: what is enabled of this machine answers, and goes on doing so.
//!
//! Each check decides on what it was told, and has no effects of its own; this loop asks, and waits as [`watch`] says.
//! It ends when all is well and has been for the hold time. When that does not come, the deadline does.

mod containerd;
mod etcd;
mod network;
mod tell;
mod units;
mod watch;

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use sys::machine::monotonic;
use unit::control::UnitStatus;

pub use tell::{Problem, published};
use watch::{Next, Watch};

use crate::settings;

/// How long what is asked has for its answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A service that says more of itself than that it runs. Docker's place is here, too: its component comes later.
struct Service {
    name: &'static str,
    unit: &'static str,
    /// Asks it; the main process is known.
    ask: fn(i32) -> Result<(), String>,
}

const SERVICES: [Service; 2] = [
    Service { name: "etcd", unit: "etcd.service", ask: |pid| etcd::ask(pid, PATIENCE) },
    Service {
        name: "containerd",
        unit: "containerd.service",
        ask: |_| containerd::ask(Path::new(containerd::SOCKET), PATIENCE),
    },
];

/// Runs `updater health`.
///
/// # Errors
/// What was found cannot be told.
pub fn run() -> Result<()> {
    let mut watch = Watch::new(settings::read().health.hold_time);
    let mut known = Vec::new();
    tell::publish(&known)?;
    for warning in units::warnings() {
        eprintln!("{warning}");
    }
    loop {
        let problems = problems();
        if problems != known {
            for problem in &problems {
                eprintln!("not well: {problem}");
            }
            tell::publish(&problems)?;
        }
        match watch.next(monotonic(), problems.is_empty()) {
            Next::Good => return Ok(()),
            Next::Again(after) => thread::sleep(after),
        }
        known = problems;
    }
}

/// What is not well now.
fn problems() -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in &SERVICES {
        let problem = match units::status(service.unit) {
            Err(error) => Some(error),
            Ok(status) => ask(service, &status).err(),
        };
        problems.extend(problem.map(|what| Problem::of_unit(service.name, service.unit, what)));
    }
    problems.extend(network::look().err().map(|what| Problem::of_unit("network", network::UNIT, what)));
    problems.extend(units::of_operator());
    problems
}

/// Asks a service, where it runs. One that nobody wants does not; one that is wanted and does not run has its reasons
/// in its state.
fn ask(service: &Service, status: &UnitStatus) -> Result<(), String> {
    match units::judge(status) {
        units::Verdict::Off => Ok(()),
        units::Verdict::Bad(why) => Err(why),
        units::Verdict::Up => status.main_pid.map_or(Ok(()), service.ask),
    }
}
