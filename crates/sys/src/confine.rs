//! What a process does to itself to see less of the system: namespaces and mounts of its own
//! (unshare(2), mount(2), mount_setattr(2)).

use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::mount as kernel;
use rustix::mount::{MountFlags, MountPropagationFlags};

/// Namespaces to leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the namespaces of namespaces(7)")]
pub struct Namespaces {
    pub mount: bool,
    pub network: bool,
    pub ipc: bool,
    pub host_name: bool,
}

/// Leaves namespaces for new ones. What is mounted later outside is still seen.
pub fn leave(namespaces: Namespaces) -> io::Result<()> {
    let Namespaces { mount, network, ipc, host_name } = namespaces;
    let flags = [
        (mount, libc::CLONE_NEWNS),
        (network, libc::CLONE_NEWNET),
        (ipc, libc::CLONE_NEWIPC),
        (host_name, libc::CLONE_NEWUTS),
    ];
    let flags = flags.iter().filter(|(asked, _)| *asked).fold(0, |all, (_, flag)| all | flag);
    // SAFETY: unshare takes a number.
    if flags != 0 && unsafe { libc::unshare(flags) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if mount {
        let flags = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
        kernel::mount_change("/", flags)?;
    }
    if network {
        bring_up_loopback()?;
    }
    Ok(())
}

/// Leaves the user namespace for one in which only root and one other user and group have a number:
/// their own. A process outside must write that down, so one is made for it.
pub fn leave_users(uid: u32, gid: u32) -> io::Result<()> {
    let map = |id: u32| if id == 0 { "0 0 1".to_owned() } else { format!("0 0 1\n{id} {id} 1") };
    let (users, groups) = (map(uid), map(gid));
    let own = std::process::id();
    let (ready_read, ready_write) = rustix::pipe::pipe()?;
    let helper = crate::child::fork(|| {
        let mut buffer = [0; 1];
        let told = rustix::io::read(&ready_read, &mut buffer).is_ok() && buffer == *b"x";
        let write = |file: &str, text: &str| std::fs::write(format!("/proc/{own}/{file}"), text).is_ok();
        i32::from(!(told && write("uid_map", &users) && write("gid_map", &groups)))
    })?;
    // SAFETY: unshare takes a number.
    let result = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    let error = (result < 0).then(io::Error::last_os_error);
    rustix::io::write(&ready_write, if error.is_none() { b"x" } else { b"-" })?;
    let mut status = 0;
    // SAFETY: the status is a number on this stack.
    unsafe { libc::waitpid(helper, &raw mut status, 0) };
    match error {
        Some(error) => Err(error),
        None if status != 0 => Err(io::Error::from_raw_os_error(libc::EPERM)),
        None => Ok(()),
    }
}

/// Brings the loopback port up: a new network namespace, and a new machine, has it, but down.
///
/// # Errors
/// There is no network, or no right to change it.
pub fn bring_up_loopback() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: the structure is plain numbers, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads a name and flags from the structure.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Shows `source` at `target` too, with what is mounted below it where asked.
pub fn bind(source: &Path, target: &Path, recursive: bool) -> io::Result<()> {
    match recursive {
        true => kernel::mount_bind_recursive(source, target)?,
        false => kernel::mount_bind(source, target)?,
    }
    Ok(())
}

/// Mounts an empty file system in memory; `options` are tmpfs(5)'s own.
pub fn mount_tmpfs(target: &Path, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(kernel::mount("tmpfs", target, "tmpfs", flags, options.as_c_str())?)
}

/// Mounts a view of the processes; `options` are proc(5)'s.
pub fn mount_proc(target: &Path, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(kernel::mount("proc", target, "proc", flags, options.as_c_str())?)
}

/// Moves a mount.
pub fn move_mount(from: &Path, to: &Path) -> io::Result<()> {
    Ok(kernel::mount_move(from, to)?)
}

/// Makes one mount read-only, and nothing that is mounted below it.
pub fn set_read_only(path: &Path) -> io::Result<()> {
    set_attribute(path, libc::MOUNT_ATTR_RDONLY)
}

/// Lets nothing of one mount be executed.
pub fn set_no_exec(path: &Path) -> io::Result<()> {
    set_attribute(path, libc::MOUNT_ATTR_NOEXEC)
}

fn set_attribute(path: &Path, attribute: u64) -> io::Result<()> {
    crate::mount::set_attribute(&CString::new(path.as_os_str().as_bytes())?, attribute, 0)
}
