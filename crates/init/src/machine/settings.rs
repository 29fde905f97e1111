//! The machine's settings: those of the kernel (sysctl.d(5)) are written here, and so are the folders of
//! `/run` (tmpfiles.d(5)). For what else there is to do a process is started, where there is something.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use layout::path::{RUN_UNITS, UNITS};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};
use settings_apply::Root;
use settings_apply::boot::Left;
use settings_apply::sysctl::{self, Outcome};

/// Memory that the kernel keeps free for itself; its unit is KiB.
const RESERVE: &str = "/proc/sys/vm/min_free_kbytes";
/// The unit that makes users, files and folders.
const FILES: &[&str] = &["systemd-tmpfiles-setup.service"];
/// The unit that loads modules, and the one that writes the settings which come with them.
const MODULES: &[&str] = &["systemd-modules-load.service", "systemd-sysctl.service"];
/// What wants them where there is something to do.
const WANTED_BY: &str = "sysinit.target.wants";
/// How long it may take to find out whether there is something to do.
const LIMIT: Duration = Duration::from_secs(5);

/// Writes the kernel's settings, and sees to users, files and folders. Settings that the kernel does not have
/// (their module is not loaded) are told, unless they may be missing.
pub fn apply() -> Vec<Result<()>> {
    let mut results = vec![set_reserve()];
    let root = match Root::system() {
        Ok(root) => root,
        Err(error) => return vec![Err(error)],
    };
    let mut faults = Vec::new();
    let settings = sysctl::read(&root, &[], &mut |fault| faults.push(Err(anyhow::Error::msg(fault))));
    results.extend(faults);
    for setting in sysctl::writes(&root, &settings) {
        results.push(match sysctl::write(&setting, false) {
            Outcome::Passed(error) if !setting.optional => Err(error),
            Outcome::Failed(error) => Err(error),
            _ => Ok(()),
        });
    }
    let left = what_is_left(&root);
    for (is_left, units) in [(left.modules, MODULES), (left.files, FILES)] {
        results.extend(units.iter().filter(|_| is_left).map(|unit| want(unit)));
    }
    results
}

/// Makes what is simple, and says what more there is. A process of its own does it: what it needs is gone
/// with it, and what it waits for this one does not.
fn what_is_left(root: &Root) -> Left {
    let asked = || -> std::io::Result<Left> {
        let child = sys::child::fork(|| {
            let left = settings_apply::boot::ready(root);
            i32::from(left.files) | i32::from(left.modules) << 1
        })?;
        let child = Pid::from_raw(child).ok_or_else(|| std::io::Error::other("no process"))?;
        let handle = pidfd_open(child, PidfdFlags::empty())?;
        let limit = LIMIT.try_into().ok();
        if poll(&mut [PollFd::new(&handle, PollFlags::IN)], limit.as_ref())? == 0 {
            pidfd_send_signal(&handle, Signal::KILL)?;
        }
        let ended = waitpid(Some(child), WaitOptions::empty())?.and_then(|(_, status)| status.exit_status());
        let bits =
            ended.filter(|bits| *bits <= 3).ok_or_else(|| std::io::Error::other("it did not end well"))?;
        Ok(Left { files: bits & 1 != 0, modules: bits & 2 != 0 })
    };
    // Where that cannot be told, the processes that are started find out.
    asked().unwrap_or(Left { files: true, modules: true })
}

/// Has a unit started before all that wait for the machine to be ready.
fn want(unit: &str) -> Result<()> {
    let folder = Path::new(RUN_UNITS).join(WANTED_BY);
    let doing = || format!("cannot have {unit} started");
    fs::create_dir_all(&folder).with_context(doing)?;
    match symlink(Path::new(UNITS).join(unit), folder.join(unit)) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error).with_context(doing),
        _ => Ok(()),
    }
}

/// Sets the reserve back to what the kernel computes for this machine's memory. With transparent
/// huge pages it raises that to 66 MiB however small the machine is (mm/khugepaged.c,
/// set_recommended_min_free_kbytes), which a small one cannot spare.
fn set_reserve() -> Result<()> {
    let memory = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let total = total.context("/proc/meminfo names no MemTotal")?;
    fs::write(RESERVE, reserve(total).to_string()).with_context(|| format!("cannot set {RESERVE}"))
}

/// The kernel's own figure for so much memory, both in KiB (mm/page_alloc.c,
/// calculate_min_free_kbytes).
fn reserve(memory: u64) -> u64 {
    memory.saturating_mul(16).isqrt().clamp(128, 262_144)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_follows_the_memory() {
        for (memory, expected) in
            [(0, 128), (512 << 10, 2896), (2 << 20, 5792), (1 << 28, 65_536), (u64::MAX, 262_144)]
        {
            assert_eq!(reserve(memory), expected);
        }
    }
}
