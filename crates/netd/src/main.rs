//! Layer: program. The network daemon.
//!
//! Brings loopback and every Ethernet link up, leases an IPv4 address for each by DHCP, lets the
//! kernel take IPv6 addresses from routers, and writes the resolver's configuration. One thread,
//! one loop; what DHCP wants is decided in crate `network`, without IO.

#![forbid(unsafe_code)]

mod daemon;
mod link;
mod log;
mod netlink;
mod options;
mod port;
mod resolv;
mod status;
mod wait;

use std::process::ExitCode;

use anyhow::Result;
use options::Command;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("<3>netd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match Command::parse(std::env::args().skip(1))? {
        Command::WaitOnline { run, timeout } => wait::wait_online(&run, timeout),
        Command::Serve { run, any_ethernet } => {
            let daemon = daemon::Daemon::new(run, any_ethernet)?;
            // Where nobody asked to be told (no NOTIFY_SOCKET), this does nothing.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            daemon.run()
        }
    }
}
