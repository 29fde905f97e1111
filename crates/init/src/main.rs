//! Layer: program. PID 1.
//!
//! A thin loop around the decisions of the crate `unit`: it waits for signals, notifications,
//! clients and time, hands them to `unit::manager`, and does what that says. It never ends and
//! never waits for anything else.
//!
//! `machine` readies the machine, `supervisor` is the loop, `end` takes the machine down.

mod end;
mod machine;
mod options;
mod supervisor;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sys::machine::monotonic;
use sys::signal::Signals;
use unit::text::specifier::Host;

use init_io::cgroups::{self, Cgroups};
use init_io::conditions::Facts;
use init_io::report::Reporter;
use options::Options;
use supervisor::{Parts, Supervisor};

/// How long a failed start of PID 1 itself is shown before the machine restarts.
const FAILURE_SHOWN: Duration = Duration::from_secs(30);

fn main() {
    let started = monotonic();
    let is_init = std::process::id() == 1;
    let container = std::env::args().any(|argument| argument == "--container");
    let code = match run(started, is_init) {
        Ok(code) => code,
        Err(error) if is_init && !container => fail(&error),
        Err(error) => {
            eprintln!("init: {error:#}");
            1
        }
    };
    std::process::exit(code);
}

fn run(started: Duration, is_init: bool) -> Result<i32> {
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let options = Options::read(std::env::args().skip(1), &command_line)?;
    if options.help {
        println!("{}", Options::usage());
        return Ok(0);
    }
    if !is_init {
        bail!("this must be process 1\n{}", Options::usage());
    }
    let signals = Signals::block_all()?;
    // Faults are told by the loop that catches them, with their text.
    std::panic::set_hook(Box::new(|_| {}));
    match options.container {
        true => in_container(options, signals, started),
        false => on_machine(signals, started),
    }
}

fn in_container(mut options: Options, signals: Signals, started: Duration) -> Result<i32> {
    if options.runtime == Path::new(layout::path::RUN) {
        options.runtime = std::env::temp_dir().join(format!("berth-init-{:08x}", random_number()?));
    }
    let parts = Parts {
        facts: facts(fs::read_to_string("/proc/cmdline").unwrap_or_default(), false),
        cgroups: Cgroups::in_container()?,
        reporter: Reporter::new(true),
        options,
        signals,
        started,
    };
    let mut supervisor = Supervisor::new(parts)?;
    let finished = supervisor.run();
    supervisor.into_remains().cgroups.clean_up();
    Ok(i32::from(finished.failed))
}

fn on_machine(signals: Signals, started: Duration) -> Result<i32> {
    // The kernel log, as soon as /dev is there, takes what goes wrong before logd runs.
    let mut reporter = Reporter::new(false);
    let first_boot = machine::ready(&mut reporter);
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let options = Options::read(std::env::args().skip(1), &command_line)?;
    let cgroups = Cgroups::take_over(Path::new(cgroups::MOUNT_POINT))?;
    let facts = facts(command_line, first_boot);
    let mut supervisor = Supervisor::new(Parts { options, facts, cgroups, reporter, signals, started })?;
    let finished = supervisor.run();
    end::of_machine(finished, supervisor.into_remains())
}

fn facts(command_line: String, first_boot: bool) -> Facts {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Host {
        machine_id: id.trim().to_owned(),
        boot_id: machine::boot_id(),
        hostname: hostname.trim().to_owned(),
        kernel_release: sys::machine::kernel_release(),
    };
    Facts { command_line, first_boot, host }
}

fn random_number() -> Result<u32> {
    let bytes = sys::random::name_16()?;
    bytes.first_chunk().copied().map(u32::from_ne_bytes).context("too few random bytes")
}

/// PID 1 itself cannot start: says so on every console, and restarts the machine.
fn fail(error: &anyhow::Error) -> ! {
    sys::console::write_to_all(&format!(
        "berth: EMERGENCY: PID 1 cannot start\r\n  cause: {error:#}\r\n  next:  boot the other version\r\n  \
         restarting in {} s\r\n",
        FAILURE_SHOWN.as_secs()
    ));
    std::thread::sleep(FAILURE_SHOWN);
    loop {
        _ = sys::machine::end(sys::machine::End::Restart);
        std::thread::sleep(FAILURE_SHOWN);
    }
}
