//! Views of the kernel that are a service's own: devices, processes, the network's ports, queues,
//! control groups.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use sys::confine;

use super::View;
use super::rules::mount_points;

/// The devices that a service with `PrivateDevices=` has, and the folders of more of them.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_FOLDERS: [&str; 4] = ["pts", "shm", "mqueue", "hugepages"];
const DEVICE_LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("/proc/kcore", "core"),
    ("pts/ptmx", "ptmx"),
];
/// Where syslog(3) sends to.
const SYSLOG: &str = "log";

const SYS: &str = "/sys";
const QUEUES: &str = "/dev/mqueue";
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

impl View {
    pub(super) fn mount_devices(&self) -> io::Result<()> {
        let new = &self.scratch;
        confine::mount_tmpfs(new, "mode=0755,size=4m")?;
        let host = Path::new("/dev");
        for name in DEVICES {
            fs::File::create(new.join(name))?;
            confine::bind(&host.join(name), &new.join(name), false)?;
        }
        for name in DEVICE_FOLDERS {
            if host.join(name).is_dir() {
                fs::create_dir(new.join(name))?;
                confine::bind(&host.join(name), &new.join(name), true)?;
            }
        }
        for (target, name) in DEVICE_LINKS {
            symlink(target, new.join(name))?;
        }
        let syslog = host.join(SYSLOG);
        match fs::read_link(&syslog) {
            Ok(target) => symlink(target, new.join(SYSLOG))?,
            Err(_) if syslog.exists() => {
                fs::File::create(new.join(SYSLOG))?;
                confine::bind(&syslog, &new.join(SYSLOG), false)?;
            }
            Err(_) => {}
        }
        confine::move_mount(new, host)
    }

    /// Mounts what shows the namespaces that this process is in now.
    pub(super) fn mount_kernel_views(&self) -> io::Result<()> {
        if let Some(options) = &self.proc {
            confine::mount_kernel("proc", Path::new("/proc"), options)?;
        }
        if self.has_other_network() {
            mount_sys()?;
        }
        if self.has_other_queues() && Path::new(QUEUES).is_dir() {
            confine::mount_kernel("mqueue", Path::new(QUEUES), "")?;
        }
        if self.namespaces.control_groups {
            confine::mount_kernel("cgroup2", Path::new(CONTROL_GROUPS), "")?;
        }
        Ok(())
    }
}

/// Mounts `/sys` anew, for the ports of this network, with what is mounted below it. A container that may
/// not keeps the old one, which shows the ports of another.
fn mount_sys() -> io::Result<()> {
    let mut below: Vec<String> = mount_points()?;
    below.retain(|path| path.starts_with("/sys/"));
    below.sort();
    below.dedup();
    let mut top: Vec<String> = Vec::new();
    for path in below {
        let is_inside = |above: &String| path.starts_with(&format!("{above}/"));
        if !top.last().is_some_and(is_inside) {
            top.push(path);
        }
    }
    let kept = top.iter().map(|path| confine::keep(Path::new(path), true)).collect::<io::Result<Vec<_>>>()?;
    match confine::mount_kernel("sysfs", Path::new(SYS), "") {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        other => other?,
    }
    for (kept, path) in kept.iter().zip(&top).filter(|(_, path)| Path::new(path).exists()) {
        confine::show(kept, Path::new(path))?;
    }
    Ok(())
}
