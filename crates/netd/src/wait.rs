//! `netd wait-online`: ends when the machine is online, or the time is over.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

use crate::log;
use crate::status::Status;

/// Waits. That nothing came is no error: a boot goes on without a network.
///
/// # Errors
/// The runtime folder cannot be watched.
pub fn wait_online(run: &Path, timeout: Duration) -> Result<()> {
    let end = Instant::now() + timeout;
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .context("cannot make an inotify instance")?;
    inotify::add_watch(&watch, run, inotify::WatchFlags::MOVED_TO)
        .with_context(|| format!("cannot watch {}; is netd running?", run.display()))?;
    let mut buffer = [0; 4096];
    // The watch stands before the first look, so that no change is missed.
    while !Status::read(run)?.is_some_and(|status| status.online) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let seconds = timeout.as_secs();
            log::warning(&format!("no link came online within {seconds} s; going on without a network"));
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
    Ok(())
}
