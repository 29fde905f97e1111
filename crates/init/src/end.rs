//! The end of the system, once its services have stopped: what still runs is ended, what is
//! mounted is released, and the kernel is told.

mod release;

use std::time::Duration;

use event::{Event, ShutdownKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sys::machine::{End, monotonic};
use sys::signal::Signals;
use unit::text::signal::Signal;

use self::release::Left;
use crate::machine;
use crate::supervisor::{Finished, Remains};

/// From the request: how long processes that no unit stops (those of containers, most of all)
/// have after SIGTERM.
const STRAYS: Duration = Duration::from_millis(3300);
/// The least that they have.
const LEAST: Duration = Duration::from_millis(300);
/// How long the kernel has to end what got SIGKILL.
const KILLED: Duration = Duration::from_millis(500);
/// How long consoles and the host have to take the last words.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What the kernel is told.
pub fn how(kind: ShutdownKind) -> End {
    match kind {
        ShutdownKind::Poweroff => End::PowerOff,
        ShutdownKind::Reboot => End::Restart,
        ShutdownKind::Halt => End::Halt,
    }
}

/// Ends the machine. Does not return.
pub fn of_machine(finished: Finished, remains: Remains) -> ! {
    let Remains { mut reporter, signals, mut watchdog, cgroups: _ } = remains;
    let now = monotonic();
    if let Some(watchdog) = &mut watchdog {
        watchdog.feed_now();
    }
    if let Err(error) = machine::save_seed() {
        reporter.warn(&format!("{error:#}"));
    }
    if let Err(error) = machine::note_end(finished.kind, finished.failed) {
        reporter.warn(&format!("{error:#}"));
    }
    _ = sys::signal::send(-1, Signal::TERM.0);
    _ = sys::signal::send(-1, Signal::CONT.0);
    wait_for_all(&signals, (finished.since + STRAYS).max(now + LEAST));
    _ = sys::signal::send(-1, Signal::KILL.0);
    wait_for_all(&signals, monotonic() + KILLED);
    let processes = processes();
    if !processes.is_empty() {
        reporter.console(&format!("berth: processes that do not end: {}\n", processes.join(", ")));
    }
    let Left { in_use, stuck } = release::all(|| {
        if let Some(watchdog) = &mut watchdog {
            watchdog.feed(monotonic());
        }
    });
    for (what, names) in [("still in use", &in_use), ("did not answer and were left", &stuck)] {
        if !names.is_empty() {
            reporter.console(&format!("berth: {what}: {}\n", names.join(", ")));
        }
    }
    let elapsed = monotonic().saturating_sub(finished.since);
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    let clean = in_use.is_empty() && stuck.is_empty();
    let left = processes.into_iter().chain(in_use).chain(stuck).collect();
    reporter.event(Event::ShutdownComplete { kind: finished.kind, clean, left, elapsed_us });
    reporter.drain(LAST_WORDS);
    if let (ShutdownKind::Halt, Some(watchdog)) = (finished.kind, &mut watchdog) {
        watchdog.disarm();
    }
    loop {
        if let Err(error) = sys::machine::end(how(finished.kind)) {
            reporter.console(&format!("berth: {error}\n"));
        }
        // A kernel that cannot switch off stays; PID 1 must not end.
        std::thread::sleep(Duration::from_secs(10));
    }
}

/// Reaps until no process is left, or the time is over.
fn wait_for_all(signals: &Signals, until: Duration) {
    loop {
        while sys::signal::reap().is_some() {}
        let left = until.saturating_sub(monotonic());
        if left.is_zero() || processes().is_empty() {
            return;
        }
        // The death of a process that is not a child comes without a signal: look again soon.
        let pause = left.min(Duration::from_millis(50));
        let pause = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
        _ = poll(&mut [PollFd::new(signals, PollFlags::IN)], Some(&pause));
        while signals.next().is_some() {}
    }
}

/// The processes other than this one and the kernel's own, as `name (pid)`.
fn processes() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id()).filter_map(describe).collect()
}

/// A process's name, unless it is the kernel's or has ended (proc(5), stat).
fn describe(pid: u32) -> Option<String> {
    /// `PF_KTHREAD` (linux/sched.h).
    const KERNEL_THREAD: u64 = 0x0020_0000;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (front, back) = stat.rsplit_once(')')?;
    let mut fields = back.split_whitespace();
    let state = fields.next()?;
    let flags: u64 = fields.nth(5)?.parse().ok()?;
    let name = front.split_once('(').map_or("", |(_, name)| name);
    if flags & KERNEL_THREAD != 0 || matches!(state, "Z" | "X") {
        return None;
    }
    // What the kernel has it wait for, where it is in an uninterruptible sleep (proc(5), wchan).
    let place = std::fs::read_to_string(format!("/proc/{pid}/wchan")).ok().filter(|_| state == "D");
    Some(match place.as_deref().map(str::trim) {
        Some(place) if !matches!(place, "" | "0") => format!("{name} ({pid}, in {place})"),
        _ => format!("{name} ({pid})"),
    })
}
