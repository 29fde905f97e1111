//! The file systems that the kernel offers (the kernel's filesystems documentation).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};
use layout::path::{STATE, STATE_OF_ROOT};
use rustix::mount::{MountPropagationFlags, mount_change};
use sys::mount::{Mount, MountFlags, bind};

use init_io::tables;

/// One file system, where it belongs, and whether a kernel may lack it.
struct Api {
    kind: &'static str,
    target: &'static str,
    flags: MountFlags,
    options: &'static str,
    optional: bool,
}

const fn api(kind: &'static str, target: &'static str, flags: MountFlags, options: &'static str) -> Api {
    Api { kind, target, flags, options, optional: false }
}

const fn optional(kind: &'static str, target: &'static str, options: &'static str) -> Api {
    Api { kind, target, flags: KERNEL, options, optional: true }
}

const KERNEL: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);
const SHARED: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// In the order they can be mounted in.
const APIS: [Api; 16] = [
    api("proc", "/proc", KERNEL, ""),
    api("sysfs", "/sys", KERNEL, ""),
    api("devtmpfs", "/dev", MountFlags::NOSUID, "mode=0755"),
    api("devpts", "/dev/pts", MountFlags::NOSUID.union(MountFlags::NOEXEC), "gid=5,mode=0620,ptmxmode=0666"),
    api("tmpfs", "/dev/shm", SHARED, "mode=1777"),
    api("tmpfs", "/run", SHARED, layout::path::RUN_OPTIONS),
    api("tmpfs", "/tmp", SHARED, "mode=1777,size=50%"),
    api("cgroup2", init_io::cgroups::MOUNT_POINT, KERNEL, "nsdelegate,memory_recursiveprot"),
    optional("mqueue", "/dev/mqueue", ""),
    optional("hugetlbfs", "/dev/hugepages", "mode=1770"),
    optional("securityfs", "/sys/kernel/security", ""),
    optional("bpf", "/sys/fs/bpf", "mode=0700"),
    optional("tracefs", "/sys/kernel/tracing", "mode=0700"),
    optional("configfs", "/sys/kernel/config", ""),
    optional("pstore", layout::path::FIRMWARE_RECORDS, ""),
    optional("efivarfs", layout::path::EFI_VARIABLES, ""),
];

/// What the kernel runs to load a module (the kernel's sysctl/kernel.rst).
const MODPROBE: &str = "/proc/sys/kernel/modprobe";

/// Links that programs expect in /dev.
const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// Mounts what is not mounted yet.
pub fn mount_all() -> Vec<Result<()>> {
    let mut results = Vec::new();
    let mut mounted = tables::places();
    for api in &APIS {
        // Before /proc is there, nothing tells what is mounted.
        if mounted.is_empty() {
            mounted = tables::places();
        }
        if !mounted.contains(api.target) {
            results.push(mount(api));
        }
    }
    for (link, target) in LINKS {
        // It is there where the kernel, or stage 1, made it.
        _ = symlink(target, link);
    }
    let flags = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    // Containers are to see mounts made after they started.
    results.push(mount_change("/", flags).context("cannot share the mounts below /"));
    if !mounted.contains(STATE_OF_ROOT) {
        results.push(keep_state());
    }
    results
}

/// Keeps Berth's state within reach of `var-lib-berth.mount`, which puts it back where a file system of the machine's own
/// is mounted over it.
fn keep_state() -> Result<()> {
    let (state, kept) = (Path::new(STATE), Path::new(STATE_OF_ROOT));
    if !state.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(kept).with_context(|| format!("cannot make {}", kept.display()))?;
    Ok(bind(state, kept)?)
}

fn mount(api: &Api) -> Result<()> {
    let target = Path::new(api.target);
    if !target.is_dir() {
        // Those below /sys are made by the kernel, if it has them.
        let made = fs::create_dir(target);
        if api.optional && made.is_err() {
            return Ok(());
        }
        made.with_context(|| format!("cannot make {}", target.display()))?;
    }
    let mount = Mount { source: Path::new(api.kind), kind: api.kind, flags: api.flags, options: api.options };
    let mounted = match api.kind {
        "bpf" => without_modprobe(|| mount.on(target))?,
        _ => mount.on(target),
    };
    match mounted {
        Err(error) if api.optional && is_missing(error.io()) => Ok(()),
        other => Ok(other?),
    }
}

/// Does what has the kernel look for a module that no image has: for a mount of bpf it runs modprobe
/// for `bpf_preload` each time (kernel/bpf/inode.c), which holds a boot up longer than all other mounts.
fn without_modprobe<T>(action: impl FnOnce() -> T) -> Result<T> {
    // A kernel without modules looks for none.
    let Ok(program) = fs::read(MODPROBE) else {
        return Ok(action());
    };
    let set = |text: &[u8]| fs::write(MODPROBE, text).with_context(|| format!("cannot set {MODPROBE}"));
    set(b"\n")?;
    let done = action();
    set(&program)?;
    Ok(done)
}

/// The kernel has no such file system, or the machine nothing to show in it.
fn is_missing(error: &std::io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::NODEV | rustix::io::Errno::NOENT | rustix::io::Errno::OPNOTSUPP))
}
