//! When the boot cannot go on: say so everywhere, wait, reboot.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use event::Event;
use layout::args::emergency_timeout;
use layout::port::{EVENTS, VIRTIO_PORTS};
use rustix::fs::OFlags;
use sys::machine::{End, end as end_machine};

use crate::boot::{Step, command_line};
use crate::kernel_log;
use crate::plan::Failure;
use crate::{threads, watchdog};

/// Lines of the kernel's log in a report.
const LOG_LINES: usize = 12;
/// How often the watch looks at what stage 1 is doing.
const GLANCE: Duration = Duration::from_secs(10);
/// How long what was written has to reach the disks. One that hangs may be why the boot failed.
const SYNC: Duration = Duration::from_secs(5);

/// What the last panic said, for the report.
static PANIC: Mutex<String> = Mutex::new(String::new());
/// Whether a report has begun: there is only one.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// Runs `boot`, which does not return unless it fails, and makes every way of failing end in a
/// report and a reboot: errors, panics, and a system call that never returns.
pub fn guard(boot: impl FnOnce() -> anyhow::Error) -> ! {
    panic::set_hook(Box::new(|fault| {
        if let Ok(mut text) = PANIC.lock() {
            *text = fault.to_string();
        }
    }));
    // Where no thread can be made the boot goes on unwatched.
    _ = threads::begin(|| end(&watch()));
    _ = threads::begin(watchdog::feed);
    let error = panic::catch_unwind(AssertUnwindSafe(boot)).unwrap_or_else(|_| {
        let text = PANIC.lock().map(|text| text.clone()).unwrap_or_default();
        anyhow::anyhow!("a fault in stage 1 itself: {text}")
    });
    end(&error)
}

/// Returns when a step takes longer than it may.
fn watch() -> anyhow::Error {
    let (mut step, mut spent) = (Step::current(), Duration::ZERO);
    while spent < step.limit() {
        thread::sleep(GLANCE);
        spent += GLANCE;
        if Step::current() != step {
            (step, spent) = (Step::current(), Duration::ZERO);
        }
    }
    anyhow::anyhow!("it did not come to an end within {} s", step.limit().as_secs())
}

/// Reports and reboots. A fault on the way reboots at once.
fn end(error: &anyhow::Error) -> ! {
    if REPORTED.swap(true, Ordering::SeqCst) {
        // The other thread reports and reboots.
        loop {
            thread::park();
        }
    }
    _ = panic::catch_unwind(AssertUnwindSafe(|| report_and_wait(error)));
    within(SYNC, rustix::fs::sync);
    _ = end_machine(End::Restart);
    // The kernel panics when its first process ends, and reboots ten seconds later.
    std::process::exit(1)
}

/// Does something that may never return, and waits for it so long.
fn within(limit: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel::<()>();
    let thread = threads::begin(move || {
        work();
        drop(done);
    });
    if thread.is_ok() {
        // Nothing is sent: this is the time, or the sender's end.
        _ = is_done.recv_timeout(limit);
    }
}

fn report_and_wait(error: &anyhow::Error) {
    let timeout = emergency_timeout(&command_line().unwrap_or_default());
    watchdog::feed_no_longer_than(timeout.saturating_add(SYNC));
    let event = describe(error, Step::current(), timeout, kernel_log::last_lines(LOG_LINES));
    if let Some(text) = event.console_line() {
        sys::console::write_to_all(&format!("\n{text}\n"));
    }
    send(&event);
    thread::sleep(timeout);
}

fn describe(error: &anyhow::Error, step: Step, timeout: Duration, log: Vec<String>) -> Event {
    let planned = error.downcast_ref::<Failure>().map(|failure| failure.next_step.as_str());
    Event::Emergency {
        stage: step.stage(),
        cause: format!("stage 1 failed while {}: {error:#}", step.doing()),
        next_step: planned.unwrap_or(step.next_step()).to_owned(),
        reboot_in_s: timeout.as_secs(),
        log,
    }
}

/// Sends the event on the port for events, where the machine has one. Nobody may be reading at the
/// other end, so it is not waited for.
fn send(event: &Event) {
    let Ok(ports) = fs::read_dir(VIRTIO_PORTS) else { return };
    for port in ports.flatten() {
        let name = fs::read_to_string(port.path().join("name")).unwrap_or_default();
        if name.trim() == EVENTS {
            let device = Path::new("/dev").join(port.file_name());
            let flags = OFlags::NONBLOCK.bits() as i32;
            if let Ok(mut device) = OpenOptions::new().write(true).custom_flags(flags).open(device) {
                _ = device.write_all(event.encode_line().as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use event::Stage;

    use super::*;

    fn next_step_and_cause(error: anyhow::Error) -> (String, String) {
        match describe(&error, Step::Root, Duration::from_secs(7), vec!["line".into()]) {
            Event::Emergency { stage: Stage::Initramfs, cause, next_step, reboot_in_s: 7, log } => {
                assert_eq!(log, ["line"]);
                (next_step, cause)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_report_says_step_cause_and_next_step() {
        let io = std::io::Error::from_raw_os_error(5);
        let (next_step, cause) = next_step_and_cause(anyhow::Error::from(io).context("read /dev/vda7"));
        assert_eq!(
            cause,
            "stage 1 failed while mounting ROOT: read /dev/vda7: Input/output error (os error 5)"
        );
        assert_eq!(next_step, Step::Root.next_step());
    }

    #[test]
    fn a_planned_failure_brings_its_own_next_step() {
        let failure = Failure { cause: "no disk".into(), next_step: "plug one in".into() };
        let (next_step, cause) = next_step_and_cause(anyhow::Error::from(failure));
        assert_eq!(cause, "stage 1 failed while mounting ROOT: no disk");
        assert_eq!(next_step, "plug one in");
    }

    #[test]
    fn what_never_returns_is_not_waited_for() {
        let (sender, receiver) = mpsc::channel();
        within(Duration::from_secs(60), move || sender.send(()).unwrap());
        assert_eq!(receiver.try_recv(), Ok(()), "what returns is waited for");
        let begin = std::time::Instant::now();
        within(Duration::from_millis(20), || {
            loop {
                thread::park();
            }
        });
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_fails_by_the_config_is_a_matter_of_provisioning() {
        for (step, stage) in [
            (Step::Usr, Stage::Initramfs),
            (Step::Disks, Stage::Provisioning),
            (Step::Files, Stage::Provisioning),
        ] {
            let event = describe(&anyhow::anyhow!("x"), step, Duration::ZERO, vec![]);
            assert!(matches!(event, Event::Emergency { stage: s, .. } if s == stage), "{event:?}");
        }
    }
}
