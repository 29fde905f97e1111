//! Releasing file systems, swap, loop and device-mapper devices, layer by layer, until nothing
//! more comes loose. What remains is made read-only.
//!
//! All of it is done by a child: a device or a server that does not answer hangs the child, and
//! PID 1 goes on without it when the time is over.

use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use sys::machine::monotonic;
use unit::mount::is_kept;

use crate::tables::mounted;

/// Rounds at most: each must have released something.
const ROUNDS: usize = 16;
/// The child's exit code where all that holds data is released or read-only.
const CLEAN: i32 = 0;
const UNCLEAN: i32 = 1;

/// Releases all within a time. Returns whether ROOT is clean, and what is still in use.
pub fn within(time: Duration) -> (bool, Vec<String>) {
    let until = monotonic() + time;
    let child = sys::child::fork(|| match release() {
        true => CLEAN,
        false => UNCLEAN,
    });
    let child = match child {
        Ok(child) => child,
        // No memory for a process: better here than not at all.
        Err(_) => return (release(), writable()),
    };
    while monotonic() < until {
        match sys::signal::reap() {
            Some((pid, ended)) if pid == child => {
                return (ended == sys::signal::Ended::Exited(CLEAN), writable());
            }
            Some(_) => {}
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    (false, writable())
}

fn release() -> bool {
    rustix::fs::sync();
    sys::swap::off_all();
    for _ in 0..ROUNDS {
        let mut progress = false;
        for mount in mounted().iter().rev().filter(|mount| !is_kept(&mount.place)) {
            progress |= unmount(&mount.place, UnmountFlags::empty()).is_ok();
        }
        progress |= sys::block_stack::detach_unused();
        if !progress {
            break;
        }
    }
    for mount in mounted().iter().rev().filter(|mount| mount.is_writable && holds_data(&mount.kind)) {
        // Open files on it, or a file system that cannot: it is told as unclean.
        _ = mount_remount(&mount.place, MountFlags::RDONLY, c"");
    }
    rustix::fs::sync();
    writable().is_empty()
}

/// The file systems with data that can still be written to.
fn writable() -> Vec<String> {
    mounted()
        .into_iter()
        .filter(|mount| mount.is_writable && holds_data(&mount.kind))
        .map(|mount| mount.place)
        .collect()
}

/// Whether what is written to it lasts.
fn holds_data(kind: &str) -> bool {
    let passing = [
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "tmpfs",
        "ramfs",
        "cgroup2",
        "mqueue",
        "hugetlbfs",
        "securityfs",
        "bpf",
        "tracefs",
        "configfs",
        "pstore",
        "efivarfs",
        "debugfs",
        "overlay",
        "erofs",
        "squashfs",
        "rootfs",
        "nsfs",
        "autofs",
        "binfmt_misc",
        "fusectl",
    ];
    !passing.contains(&kind)
}
