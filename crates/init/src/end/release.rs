//! Releasing file systems, swap, loop and device-mapper devices, layer by layer, until nothing
//! more comes loose. What remains is made read-only.
//!
//! All of it is done by a child: a device or a server that does not answer hangs the child, and
//! PID 1 goes on without it when the time is over.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use sys::machine::monotonic;

/// What stays mounted: this program runs from there, or the kernel needs it until the end.
const KEPT: [&str; 6] = ["/", "/usr", "/proc", "/sys", "/dev", "/run"];
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

/// One mount (proc(5), mountinfo).
struct Mounted {
    point: PathBuf,
    kind: String,
    is_writable: bool,
}

fn release() -> bool {
    rustix::fs::sync();
    sys::swap::off_all();
    for _ in 0..ROUNDS {
        let mut progress = false;
        for mount in mounts().iter().rev().filter(|mount| !is_kept(&mount.point)) {
            progress |= unmount(&mount.point, UnmountFlags::empty()).is_ok();
        }
        progress |= sys::block_stack::detach_unused();
        if !progress {
            break;
        }
    }
    for mount in mounts().iter().rev().filter(|mount| mount.is_writable && holds_data(&mount.kind)) {
        // Open files on it, or a file system that cannot: it is told as unclean.
        _ = mount_remount(&mount.point, MountFlags::RDONLY, c"");
    }
    rustix::fs::sync();
    writable().is_empty()
}

/// The file systems with data that can still be written to.
fn writable() -> Vec<String> {
    mounts()
        .into_iter()
        .filter(|mount| mount.is_writable && holds_data(&mount.kind))
        .map(|mount| mount.point.display().to_string())
        .collect()
}

fn is_kept(point: &Path) -> bool {
    let below = ["/proc", "/sys", "/dev"];
    KEPT.iter().any(|kept| point == Path::new(kept)) || below.iter().any(|kept| point.starts_with(kept))
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

fn mounts() -> Vec<Mounted> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Mounted> {
    let (front, back) = line.split_once(" - ")?;
    let mut back = back.split(' ');
    let kind = back.next()?.to_owned();
    // The file system's own options: a mount can be read-only on a writable one.
    let is_writable = back.nth(1)?.split(',').any(|option| option == "rw");
    let point = PathBuf::from(unescape(front.split(' ').nth(4)?));
    Some(Mounted { point, kind, is_writable })
}

/// The kernel writes blanks and backslashes in paths as `\ooo`.
fn unescape(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_mountinfo() {
        let line = r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:1 - ext4 /dev/vda7 ro,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!(mount.point, Path::new("/mnt 2"));
        assert_eq!(mount.kind, "ext4");
        assert!(!mount.is_writable);
        assert!(parse("nonsense").is_none());
    }

    #[test]
    fn keeps_what_the_end_needs() {
        for point in ["/", "/usr", "/proc/sys/fs/binfmt_misc", "/dev/pts"] {
            assert!(is_kept(Path::new(point)), "{point}");
        }
        for point in ["/etc", "/var/lib/x", "/tmp", "/run/user"] {
            assert!(!is_kept(Path::new(point)), "{point}");
        }
    }
}
