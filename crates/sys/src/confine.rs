//! What a process does to itself to see less of the system: namespaces and mounts of its own
//! (unshare(2), setns(2), mount(2), open_tree(2), mount_setattr(2)).

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::mount as kernel;
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags};

/// Namespaces to leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the namespaces of namespaces(7)")]
pub struct Namespaces {
    pub mount: bool,
    pub network: bool,
    pub ipc: bool,
    pub host_name: bool,
    pub control_groups: bool,
}

/// Leaves namespaces for new ones. What is mounted later outside is still seen.
pub fn leave(namespaces: Namespaces) -> io::Result<()> {
    let Namespaces { mount, network, ipc, host_name, control_groups } = namespaces;
    let flags = [
        (mount, libc::CLONE_NEWNS),
        (network, libc::CLONE_NEWNET),
        (ipc, libc::CLONE_NEWIPC),
        (host_name, libc::CLONE_NEWUTS),
        (control_groups, libc::CLONE_NEWCGROUP),
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

/// Namespaces that are held, whoever is in them.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "the namespaces of namespaces(7)")]
pub struct Held {
    pub network: Option<OwnedFd>,
    pub ipc: Option<OwnedFd>,
}

/// Makes a network and queues for others to go into; this process stays where it is. A copy of it leaves, and
/// what it has then is taken. There must be one thread only.
pub fn make(namespaces: Namespaces) -> io::Result<Held> {
    let (made_read, made_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let (taken_read, taken_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // It must see the end of either pipe, whose other ends are copied to it.
    let mut ends = Some((made_read, taken_write));
    let helper = crate::child::fork(|| {
        drop(ends.take());
        if let Err(error) = leave(namespaces) {
            return error.raw_os_error().unwrap_or(libc::EIO);
        }
        _ = rustix::io::write(&made_write, b"x");
        _ = rustix::io::read(&taken_read, &mut [0u8; 1]);
        0
    })?;
    drop((made_write, taken_read));
    let Some((made_read, taken_write)) = ends else { return Err(io::Error::other("no pipes")) };
    let is_made = rustix::io::read(&made_read, &mut [0u8; 1]).is_ok_and(|read| read == 1);
    let take = |is_asked: bool, kind: &str| -> io::Result<Option<OwnedFd>> {
        let open = || std::fs::File::open(format!("/proc/{helper}/ns/{kind}"));
        (is_made && is_asked).then(open).transpose().map(|file| file.map(Into::into))
    };
    let held = take(namespaces.network, "net")
        .and_then(|network| Ok(Held { network, ipc: take(namespaces.ipc, "ipc")? }));
    drop(taken_write);
    let mut status = 0;
    // SAFETY: the status is a number on this stack.
    unsafe { libc::waitpid(helper, &raw mut status, 0) };
    match libc::WEXITSTATUS(status) {
        0 if is_made => held,
        code => Err(io::Error::from_raw_os_error(if code == 0 { libc::EIO } else { code })),
    }
}

/// Goes into the namespace that a file of nsfs(5) stands for; no other kind of file will do.
pub fn join(path: &Path) -> io::Result<()> {
    let file = std::fs::File::open(path)?;
    let kinds = [libc::CLONE_NEWNET, libc::CLONE_NEWIPC].iter().fold(0, |all, kind| all | kind);
    // SAFETY: NS_GET_NSTYPE takes nothing and gives a number.
    let kind = unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) };
    if kind & kinds == 0 || kind < 0 {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: setns takes a descriptor, which is open, and a number.
    match unsafe { libc::setns(file.as_raw_fd(), kind) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// ioctl_ns(2): `_IO(0xb7, 3)`.
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;

/// How mounts go on between views (mount_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// To views that this process makes, and from where it came.
    Shared,
    /// From nowhere.
    Private,
}

/// Sets it for all that is mounted.
pub fn set_propagation(propagation: Propagation) -> io::Result<()> {
    let flag = match propagation {
        Propagation::Shared => MountPropagationFlags::SHARED,
        Propagation::Private => MountPropagationFlags::PRIVATE,
    };
    Ok(kernel::mount_change("/", flag | MountPropagationFlags::REC)?)
}

/// Which users a new user namespace knows, by the numbers that they have outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// Root, and a user and its group.
    RootAnd(u32, u32),
    /// As many as there are ordinary ones and those of the system.
    Ordinary,
}

/// How many users [`Users::Ordinary`] are.
const ORDINARY: &str = "0 0 65536";

/// Leaves the user namespace for one in which some users and groups have a number: their own. A
/// process outside must write that down, so one is made for it.
pub fn leave_users(known: Users) -> io::Result<()> {
    let map = |id: u32| if id == 0 { "0 0 1".to_owned() } else { format!("0 0 1\n{id} {id} 1") };
    let (users, groups) = match known {
        Users::RootAnd(user, group) => (map(user), map(group)),
        Users::Ordinary => (ORDINARY.to_owned(), ORDINARY.to_owned()),
    };
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

/// A tree of mounts that is nowhere yet: what a path shows, kept for later.
pub fn keep(source: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(kernel::open_tree(rustix::fs::CWD, source, flags)?)
}

/// Shows what was kept.
pub fn show(kept: &OwnedFd, target: &Path) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(kernel::move_mount(kept, "", rustix::fs::CWD, target, flags)?)
}

/// Shows a file, opened in this very view, at another path too.
pub fn show_copy(file: &OwnedFd, target: &Path) -> io::Result<()> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    show(&kernel::open_tree(file, "", flags)?, target)
}

/// Mounts an empty file system in memory; `options` are words of mount(8), tmpfs(5)'s own among them.
/// Without any there are no devices in it.
pub fn mount_tmpfs(target: &Path, options: &str) -> io::Result<()> {
    // Read-only it becomes when what goes into it is there.
    let words = options.split(',').filter(|option| !matches!(*option, "ro" | "rw"));
    let (flags, own) = crate::mount::options(words, MountFlags::NODEV);
    let options = CString::new(own)?;
    Ok(kernel::mount("tmpfs", target, "tmpfs", flags, options.as_c_str())?)
}

/// Mounts a view of the kernel: `proc` with proc(5)'s options, `sysfs`, `mqueue`, `cgroup2`.
pub fn mount_kernel(kind: &str, target: &Path, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(kernel::mount(kind, target, kind, flags, options.as_c_str())?)
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

/// Has no program of any mount lend identity (set-user-ID and the like).
pub fn set_no_identity() -> io::Result<()> {
    crate::mount::set_attribute(c"/", libc::MOUNT_ATTR_NOSUID, libc::AT_RECURSIVE)
}

fn set_attribute(path: &Path, attribute: u64) -> io::Result<()> {
    crate::mount::set_attribute(&CString::new(path.as_os_str().as_bytes())?, attribute, 0)
}
