//! Layer: program. The network daemon.
//!
//! Makes the links and sets up those that `.network` files, kernel arguments and the image's default are for,
//! leases addresses by DHCP, and writes the resolver's configuration. The kernel takes IPv6 addresses and routes
//! from routers. One thread, one loop; what is to be is read and decided in crate `network`, without IO.

#![forbid(unsafe_code)]

mod client4;
mod client6;
mod daemon;
mod files;
mod leases;
mod link;
mod log;
mod netlink;
mod options;
mod port;
mod resolv;
mod settings;
mod status;
mod wait;

use std::process::ExitCode;

use anyhow::Result;
use files::Configuration;
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
        Command::Serve { run, root, command_line } => {
            let command_line = command_line.unwrap_or_else(sysfs::machine::command_line);
            let daemon = daemon::Daemon::new(run, Configuration::read(&root, &command_line))?;
            // Where nobody asked to be told (no NOTIFY_SOCKET), this does nothing.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            daemon.run()
        }
    }
}
