//! A boot that is not good in its time: why is written down, and the machine starts again.
//!
//! This waits as a process of its own, not as a timer of PID 1, so that a PID 1 that hangs is noticed, too.

mod reason;

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use boots::History;
use event::{Event, ShutdownKind};
use layout::path::{BLESSED, BOOTS};
use sys::machine::{End, monotonic};
use unit::control::{Reply, Request};

use crate::{boot, health, note, settings};
use reason::{Heard, reason};

/// How long PID 1 has for an answer, and the log.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it has to take the machine down.
const SHUTDOWN: Duration = Duration::from_secs(60);
/// How many of the last lines of who is to blame are told.
const LINES: usize = 5;
/// Where a person is mending the machine there is no deadline.
const MAINTENANCE: &str = "maintenance";

/// Runs `updater deadline`. It ends where there is no deadline, or with the machine; a boot that is good stops it.
///
/// # Errors
/// The machine cannot be restarted.
pub fn run() -> Result<()> {
    let Some(deadline) = settings::read().health.deadline.filter(|_| boot::is_counted()) else {
        return Ok(());
    };
    loop {
        // Since the kernel began. What is left is asked anew, so that a sleep that is cut short does no harm.
        let left = deadline.saturating_sub(monotonic());
        if left.is_zero() {
            break;
        }
        thread::sleep(left);
    }
    if Path::new(BLESSED).exists() {
        return Ok(());
    }
    let heard = listen();
    if heard.state.as_deref() == Some(MAINTENANCE) {
        println!("the boot is not proven good in its time, but somebody is mending the machine");
        return Ok(());
    }
    let (reason, unit) = reason(&heard);
    eprintln!("{reason}");
    // Nothing of this may keep the machine from restarting.
    note(remember(&reason));
    note(tell(&reason));
    for line in unit.into_iter().flat_map(|unit| within(PATIENCE, move || last_lines(&unit))) {
        eprintln!("{line}");
    }
    restart()
}

/// Asks PID 1 how far the boot has come.
fn listen() -> Heard {
    let state = match init_client::ask_within(&Request::Manager, PATIENCE) {
        Ok(Reply::Manager { manager }) => Some(manager.state),
        _ => None,
    };
    let jobs = match init_client::ask_within(&Request::Jobs, PATIENCE) {
        Ok(Reply::Jobs { jobs }) => jobs,
        _ => Vec::new(),
    };
    Heard { state, jobs, problems: health::published() }
}

fn remember(reason: &str) -> Result<()> {
    let text = std::fs::read(BOOTS).unwrap_or_default();
    let mut history = History::parse(&String::from_utf8_lossy(&text));
    history.unfit(&boot::id(), reason);
    Ok(sys::file::replace_synced(Path::new(BOOTS), history.encode().as_bytes(), 0o644)?)
}

fn tell(reason: &str) -> Result<()> {
    init_client::tell(Event::BootUnfit { version: boot::version()?.to_string(), reason: reason.to_owned() })
}

fn last_lines(unit: &str) -> Vec<String> {
    let journal = journal::Reader::of_machine(Path::new("/"));
    let entries = journal.last_within(&journal::Filter::unit(unit), LINES, PATIENCE);
    entries.iter().map(|entry| format!("{unit}: {}", entry.message())).collect()
}

/// What is read from a disk that may hang; nothing where that takes too long.
fn within<T: Default + Send + 'static>(patience: Duration, read: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = mpsc::channel();
    // It ends with the process.
    let started = thread::Builder::new().spawn(move || sender.send(read()));
    started.ok().and_then(|_| result.recv_timeout(patience).ok()).unwrap_or_default()
}

/// By PID 1 where it does that, else by the kernel at once.
fn restart() -> Result<()> {
    let request = Request::Shutdown { kind: ShutdownKind::Reboot, force: false };
    if let Ok(Reply::Done) = init_client::ask_within(&request, PATIENCE) {
        thread::sleep(SHUTDOWN);
    }
    sys::console::write_to_all("berth: PID 1 does not restart the machine: it restarts without it\r\n");
    // A file system that hangs must not keep the machine from restarting.
    _ = thread::Builder::new().spawn(rustix::fs::sync);
    thread::sleep(Duration::from_secs(5));
    sys::machine::end(End::Restart).context("restart the machine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_left_out() {
        let slow = |pause| {
            move || {
                thread::sleep(Duration::from_millis(pause));
                vec![1]
            }
        };
        assert_eq!(within(Duration::from_secs(60), slow(1)), [1]);
        assert_eq!(within(Duration::from_millis(1), slow(60_000)), [] as [i32; 0]);
    }
}
