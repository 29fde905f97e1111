//! Layer: program. The log daemon.
//!
//! One loop reads the output of services (pipes that PID 1 hands over on descriptor 3), the
//! kernel's log, and what programs send: syslog and native datagrams, and streams. It appends them
//! to the journal. It wakes only when one of them has something, once more to flush the disk, and
//! holds nobody up.

#![forbid(unsafe_code)]

mod clock;
mod config;
mod connections;
mod control;
mod daemon;
mod datagram;
pub mod forward;
mod intake;
mod kernel;
mod limiter;
mod lines;
pub mod message;
mod options;
mod outlets;
mod process;
mod rest;
mod sink;
mod sockets;
mod storage;
mod store;
mod streams;

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::{Context, Result};

/// Runs the daemon until it is told to end.
///
/// # Errors
/// It was not started by PID 1, or the kernel refuses it what it needs to wait for messages.
pub fn run() -> Result<()> {
    let options = options::Options::parse(std::env::args().skip(1))?;
    let mut given = sys::listen::take_listen_fds().into_iter();
    let intake = given
        .next()
        .context("no socket from PID 1 on descriptor 3 (LISTEN_FDS): logd is started by PID 1")?;
    let daemon = daemon::Daemon::new(options, intake, given.collect())?;
    // Where nobody asked to be told (no NOTIFY_SOCKET), this does nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    daemon.run()
}

/// Tells what is wrong with the log store itself: to the kernel's log, from where it reaches the
/// console and, when that works again, the journal; and to standard error.
pub fn report(message: &str) {
    if let Ok(mut kmsg) = OpenOptions::new().write(true).open("/dev/kmsg") {
        let _ = kmsg.write_all(format!("<3>berth-logd: {message}").as_bytes());
    }
    eprintln!("logd: {message}");
}
