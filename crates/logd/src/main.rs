//! Layer: program. The log daemon.
//!
//! One loop reads the output of services (pipes that PID 1 hands over on descriptor 3), the
//! kernel's log and syslog datagrams, and appends them to the journal. It wakes only when one of
//! them has something, once more a second later to flush the disk, and holds nobody up.

#![forbid(unsafe_code)]

mod clock;
mod daemon;
mod intake;
mod kernel;
mod lines;
mod message;
mod options;
mod rate;
mod store;
mod syslog;

use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let options = options::Options::parse(std::env::args().skip(1))?;
    let intake = sys::listen::take_listen_fds()
        .into_iter()
        .next()
        .context("no socket from PID 1 on descriptor 3 (LISTEN_FDS): logd is started by PID 1")?;
    let daemon = daemon::Daemon::new(options, intake)?;
    // Where nobody asked to be told (no NOTIFY_SOCKET), this does nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    daemon.run()
}

/// Tells what is wrong with the log store itself: to the kernel's log, from where it reaches the
/// console and, when that works again, the journal; and to standard error.
fn report(message: &str) {
    if let Ok(mut kmsg) = OpenOptions::new().write(true).open("/dev/kmsg") {
        let _ = kmsg.write_all(format!("<3>berth-logd: {message}").as_bytes());
    }
    eprintln!("logd: {message}");
}
