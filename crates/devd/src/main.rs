//! Layer: program. The device daemon.
//!
//! Takes stock of the devices that there are, then follows the kernel's events: owners and modes of nodes,
//! links in `/dev`, names of network interfaces, modules by alias, and a file a device for PID 1. What
//! devices are called is decided in crate [`devices`]; this looks and does. One thread and a loop; a second
//! thread while modules are loaded, since a driver may take its time, and one for each read of a disk, which may be dying.

#![forbid(unsafe_code)]

mod coldplug;
mod contents;
mod control;
mod daemon;
mod interfaces;
mod links;
mod loading;
mod log;
mod nodes;
mod reading;
mod records;
mod rtnl;
mod watches;

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("<3>devd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    if let Some(argument) = std::env::args().nth(1) {
        bail!("unknown argument {argument}: devd takes none");
    }
    let mut daemon = daemon::Daemon::new()?;
    daemon.start()?;
    // Where nobody asked to be told (no NOTIFY_SOCKET), this does nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    sys::machine::give_back_memory();
    daemon.run()
}
