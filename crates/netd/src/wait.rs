//! `netd wait-online`: ends when the machine is online, or cannot be expected to be.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use network::status::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

use crate::log;
use crate::status;

/// A machine on which no link has a carrier after so long has no cable in: what drivers and the other end agree
/// on takes up to about three seconds.
const NO_CARRIER: Duration = Duration::from_secs(5);

/// Waits. That nothing came is no error: a boot goes on without a network.
///
/// # Errors
/// The runtime folder cannot be watched.
pub fn wait_online(run: &Path, timeout: Duration) -> Result<()> {
    let start = Instant::now();
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .context("cannot make an inotify instance")?;
    inotify::add_watch(&watch, run, inotify::WatchFlags::MOVED_TO)
        .with_context(|| format!("cannot watch {}; is netd running?", run.display()))?;
    let mut buffer = [0; 4096];
    // The watch stands before the first look, so that no change is missed.
    loop {
        let status = status::read(run)?.unwrap_or_default();
        if status.online {
            return Ok(());
        }
        let limit = if status.carrier { timeout } else { timeout.min(NO_CARRIER) };
        let left = (start + limit).saturating_duration_since(Instant::now());
        if left.is_zero() {
            log::warning(&format!("{}; going on without a network", complaint(&status, timeout)));
            return Ok(());
        }
        let time = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&time)) {
            Err(rustix::io::Errno::INTR) => {}
            other => drop(other.context("cannot wait for the network")?),
        }
        // What the events say does not matter: the state is read again.
        while rustix::io::read(&watch, &mut buffer).is_ok_and(|n| n > 0) {}
    }
}

/// What kept the machine from being online.
fn complaint(status: &Status, timeout: Duration) -> String {
    if !status.carrier {
        return format!("no network link has a carrier after {} s", NO_CARRIER.min(timeout).as_secs());
    }
    let names = |wanted: fn(&&network::status::LinkStatus) -> bool| {
        let names: Vec<&str> = status.links.iter().filter(wanted).map(|link| link.name.as_str()).collect();
        names.join(", ")
    };
    let seconds = timeout.as_secs();
    match names(|link| link.required && !link.online) {
        required if !required.is_empty() => {
            format!("{required} must be online, and is not after {seconds} s")
        }
        _ => format!(
            "no address and route within {seconds} s on {}",
            names(|link| link.carrier && !link.online)
        ),
    }
}
