//! Runs a program in namespaces of its own, over a root directory put together from binds.
//!
//! Everything that the child does between `fork` and `exec` is prepared before the `fork`, as a
//! list of operations over C strings, so that the child allocates nothing.
//! Sources: user_namespaces(7), mount_namespaces(7), pid_namespaces(7), pivot_root(2).

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// One operation that builds the new root. Destinations are relative to the new root.
#[derive(Debug, Clone)]
enum Op {
    Directory(CString),
    File(CString),
    Symlink { target: CString, link: CString },
    Bind { source: CString, destination: CString, read_only: bool },
    Tmpfs { path: CString, options: &'static CStr },
    Proc(CString),
}

/// The root that a program will see, and the namespaces that it gets.
///
/// `mount_point` is an existing, empty directory; a tmpfs is mounted on it in the program's own
/// mount namespace only, so any number of programs may use the same one at once.
#[derive(Debug, Clone)]
pub struct Root {
    mount_point: CString,
    operations: Vec<Op>,
    working_directory: CString,
    host_network: bool,
}

fn c_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{path:?} holds a NUL byte")))
}

/// `path` as seen from the working directory that the new root is while it is being built.
fn inside(path: &Path) -> io::Result<CString> {
    c_string(path.strip_prefix("/").unwrap_or(path))
}

impl Root {
    /// An empty root with no network but an unconfigured loopback interface.
    pub fn new(mount_point: &Path) -> io::Result<Self> {
        Ok(Self {
            mount_point: c_string(mount_point)?,
            operations: Vec::new(),
            working_directory: c"/".into(),
            host_network: false,
        })
    }

    /// Makes the directory `path` and those above it.
    pub fn directory(&mut self, path: &Path) -> io::Result<&mut Self> {
        let mut ancestors: Vec<&Path> =
            path.ancestors().filter(|a| *a != Path::new("/") && *a != Path::new("")).collect();
        ancestors.reverse();
        for ancestor in ancestors {
            self.operations.push(Op::Directory(inside(ancestor)?));
        }
        Ok(self)
    }

    /// Makes a symbolic link at `link`.
    pub fn symlink(&mut self, target: &Path, link: &Path) -> io::Result<&mut Self> {
        self.operations.push(Op::Symlink { target: c_string(target)?, link: inside(link)? });
        Ok(self)
    }

    /// Shows the host's `source` (a directory or a file) at `destination`.
    pub fn bind(&mut self, source: &Path, destination: &Path, read_only: bool) -> io::Result<&mut Self> {
        if source.is_dir() {
            self.directory(destination)?;
        } else {
            if let Some(parent) = destination.parent() {
                self.directory(parent)?;
            }
            self.operations.push(Op::File(inside(destination)?));
        }
        self.operations.push(Op::Bind {
            source: c_string(source)?,
            destination: inside(destination)?,
            read_only,
        });
        Ok(self)
    }

    /// Mounts an empty file system in memory at `path`, for everybody to write to.
    pub fn tmpfs(&mut self, path: &Path) -> io::Result<&mut Self> {
        self.mount_tmpfs(path, c"mode=1777")
    }

    /// Mounts an empty file system in memory at `path`, for device nodes. Only its owner may write
    /// to it: below a folder with the sticky bit Linux 6.18 refuses to open with O_CREAT, as a
    /// shell's `>` does, a node whose owner has no number in the user namespace.
    pub fn devices(&mut self, path: &Path) -> io::Result<&mut Self> {
        self.mount_tmpfs(path, c"mode=0755")
    }

    fn mount_tmpfs(&mut self, path: &Path, options: &'static CStr) -> io::Result<&mut Self> {
        self.directory(path)?;
        self.operations.push(Op::Tmpfs { path: inside(path)?, options });
        Ok(self)
    }

    /// Mounts a proc of the new PID namespace at `path`.
    pub fn proc(&mut self, path: &Path) -> io::Result<&mut Self> {
        self.directory(path)?;
        self.operations.push(Op::Proc(inside(path)?));
        Ok(self)
    }

    /// The directory, in the new root, that the program starts in.
    pub fn working_directory(&mut self, path: &Path) -> io::Result<&mut Self> {
        self.working_directory = c_string(path)?;
        Ok(self)
    }

    /// Whether the program shares the host's network (else it has none).
    pub fn host_network(&mut self, shared: bool) -> &mut Self {
        self.host_network = shared;
        self
    }

    /// Makes `command` start in this root. The spawned child is a guardian: it ends with the
    /// program's own exit status, and the program (with all that it started) ends with it, or
    /// with the calling process, however either of them ends.
    pub fn apply(self, command: &mut Command) -> io::Result<()> {
        let parent = rustix::process::getpid();
        // SAFETY: getuid and getgid cannot fail and touch no memory.
        let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
        let uid_map = CString::new(format!("0 {uid} 1"))?;
        let gid_map = CString::new(format!("0 {gid} 1"))?;
        let enter = move || {
            let alive = rustix::process::pidfd_open(parent, rustix::process::PidfdFlags::empty())?;
            self.unshare(&uid_map, &gid_map)?;
            guard(alive)?;
            self.build()
        };
        // SAFETY: the closure runs between fork and exec. It makes system calls on data that was
        // prepared before the fork, allocates nothing and takes no lock.
        unsafe { command.pre_exec(enter) };
        Ok(())
    }

    fn unshare(&self, uid_map: &CStr, gid_map: &CStr) -> io::Result<()> {
        let mut flags = libc::CLONE_NEWUSER
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS;
        if !self.host_network {
            flags |= libc::CLONE_NEWNET;
        }
        // SAFETY: unshare takes no pointer.
        check(unsafe { libc::unshare(flags) })?;
        // Before an unprivileged process may map its group, it must give up setgroups(2).
        write_file(c"/proc/self/setgroups", b"deny")?;
        write_file(c"/proc/self/uid_map", uid_map.to_bytes())?;
        write_file(c"/proc/self/gid_map", gid_map.to_bytes())?;
        let host = c"berth-build";
        // SAFETY: the pointer and the length describe a static string.
        check(unsafe { libc::sethostname(host.as_ptr(), host.to_bytes().len()) })
    }

    fn build(&self) -> io::Result<()> {
        mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None)?;
        mount(Some(c"tmpfs"), &self.mount_point, Some(c"tmpfs"), 0, Some(c"mode=0755"))?;
        chdir(&self.mount_point)?;
        for operation in &self.operations {
            perform(operation)?;
        }
        let dot = c".";
        // SAFETY: both pointers are to a static string. `pivot_root(".", ".")` stacks the old
        // root over the new one (pivot_root(2), NOTES); the detach below takes it away.
        check(unsafe { libc::syscall(libc::SYS_pivot_root, dot.as_ptr(), dot.as_ptr()) } as i32)?;
        // SAFETY: the pointer is to a static string.
        check(unsafe { libc::umount2(dot.as_ptr(), libc::MNT_DETACH) })?;
        chdir(c"/")?;
        chdir(&self.working_directory)
    }
}

fn perform(operation: &Op) -> io::Result<()> {
    match operation {
        // SAFETY (this and the next three): the pointers are to strings that outlive the call.
        Op::Directory(path) => unless_exists(unsafe { libc::mkdir(path.as_ptr(), 0o755) }),
        Op::File(path) => {
            // SAFETY: as above; the mode 0100644 asks for a regular file.
            unless_exists(unsafe { libc::mknod(path.as_ptr(), libc::S_IFREG | 0o644, 0) })
        }
        Op::Symlink { target, link } => {
            // SAFETY: as above.
            unless_exists(unsafe { libc::symlink(target.as_ptr(), link.as_ptr()) })
        }
        Op::Bind { source, destination, read_only } => {
            mount(Some(source), destination, None, libc::MS_BIND | libc::MS_REC, None)?;
            if *read_only { make_read_only(destination) } else { Ok(()) }
        }
        Op::Tmpfs { path, options } => {
            mount(Some(c"tmpfs"), path, Some(c"tmpfs"), libc::MS_NOSUID | libc::MS_NODEV, Some(options))
        }
        Op::Proc(path) => {
            let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
            // Inside a container whose /proc is masked the kernel refuses a new one; the outer
            // one then serves, with other process numbers.
            mount(Some(c"proc"), path, Some(c"proc"), flags, None)
                .or_else(|_| mount(Some(c"/proc"), path, None, libc::MS_BIND | libc::MS_REC, None))
        }
    }
}

/// Splits the process in three: the caller's child (this one, which never returns) watches; its
/// child is the first process of the PID namespace and reaps; the grandchild returns and becomes
/// the program.
fn guard(parent: rustix::fd::OwnedFd) -> io::Result<()> {
    // SAFETY: fork in a process that has one thread, being itself the fresh child of a fork.
    let first = check_pid(unsafe { libc::fork() })?;
    if first > 0 {
        watch(parent, first);
    }
    // The signal is sent when the watcher, which has one thread, ends.
    // SAFETY: prctl with integers only.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // SAFETY: as above, one thread.
    let program = check_pid(unsafe { libc::fork() })?;
    if program > 0 {
        reap_until(program);
    }
    Ok(())
}

/// Waits for the end of `child` or of the `parent`, and ends with the child's status.
fn watch(parent: rustix::fd::OwnedFd, child: libc::pid_t) -> ! {
    use std::os::fd::AsRawFd;
    // SAFETY: system calls on integers and on a local array that outlives them; _exit ends the
    // process without running destructors of the caller's copied memory.
    unsafe {
        // `spawn` returns when the last copy of its error pipe closes, and a caller that reads
        // the program's output waits for the end of file: hold nothing but the parent's pidfd.
        let keep = parent.as_raw_fd();
        libc::dup2(keep, 0);
        libc::close_range(1, u32::MAX, 0);
        let child_fd = libc::syscall(libc::SYS_pidfd_open, child, 0) as i32;
        let mut fds = [
            libc::pollfd { fd: child_fd, events: libc::POLLIN, revents: 0 },
            libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 },
        ];
        loop {
            if libc::poll(fds.as_mut_ptr(), 2, -1) < 0 {
                continue;
            }
            if fds[0].revents == 0 && fds[1].revents != 0 {
                libc::_exit(libc::SIGKILL + 128);
            }
            let mut status = 0;
            if libc::waitpid(child, &mut status, 0) == child {
                end_like(status);
            }
        }
    }
}

/// The first process of the PID namespace: reaps all, ends with `program`'s status; its end ends
/// every process that is left in the namespace.
fn reap_until(program: libc::pid_t) -> ! {
    // SAFETY: system calls on integers and a local variable; see `watch`.
    unsafe {
        libc::close_range(0, u32::MAX, 0);
        loop {
            let mut status = 0;
            if libc::waitpid(-1, &mut status, 0) == program {
                end_like(status);
            }
        }
    }
}

fn end_like(status: i32) -> ! {
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn check_pid(pid: libc::pid_t) -> io::Result<libc::pid_t> {
    if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid) }
}

fn unless_exists(result: i32) -> io::Result<()> {
    match check(result) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        other => other,
    }
}

fn chdir(path: &CStr) -> io::Result<()> {
    // SAFETY: the pointer is to a string that outlives the call.
    check(unsafe { libc::chdir(path.as_ptr()) })
}

fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    data: Option<&CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: each pointer is null or to a string that outlives the call.
    check(unsafe {
        libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(data).cast())
    })
}

/// Adds read-only to a bind mount and to those below it, keeping the flags that a user namespace
/// may not clear.
fn make_read_only(path: &CStr) -> io::Result<()> {
    crate::mount::set_attribute(path, libc::MOUNT_ATTR_RDONLY, libc::AT_RECURSIVE)
}

fn write_file(path: &CStr, content: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer is to a string that outlives the call, the buffer to `content`'s bytes.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let written = libc::write(fd, content.as_ptr().cast(), content.len());
        let error = io::Error::last_os_error();
        libc::close(fd);
        if written == content.len() as isize { Ok(()) } else { Err(error) }
    }
}
