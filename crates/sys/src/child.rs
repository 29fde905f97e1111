//! Starting a process the way a service manager does: straight into its control group, with its
//! identity, limits and descriptors set before its program runs.
//!
//! For a program with one thread only (PID 1 is one): the child is a copy made by clone3(2), and
//! allocates before it executes.

mod privileges;

use std::ffi::{CString, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::confine::{self, Users};
use crate::error::{Error, Result};
use privileges::{give_up_new_privileges, install};

/// Descriptors are parked from here on while they are put in place.
const PARKING: RawFd = 64;
/// `CLONE_INTO_CGROUP` (linux/sched.h): the child begins in the given control group.
const INTO_CGROUP: u64 = 1 << 33;
/// Linux gives at most this signal number.
const LAST_SIGNAL: c_int = 64;

/// A step of a child's preparation that its caller does.
pub type Step<'a> = &'a dyn Fn() -> io::Result<()>;

/// What capabilities a child has (capabilities(7)), a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Those it may ever have; none for all.
    pub bounding: Option<u64>,
    /// Those it has whoever it is.
    pub ambient: u64,
    /// `SECBIT_` bits (prctl(2)).
    pub secure_bits: u32,
}

/// Which keys the kernel keeps for a child (session-keyring(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyring {
    /// This process's.
    Inherit,
    /// A new keyring.
    Own,
    /// The same, with its user's in it.
    Linked,
}

/// How the kernel schedules a child (sched(7), ioprio_set(2)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// Policy, priority, and whether its own children go back to the usual policy.
    pub policy: Option<(u32, u32, bool)>,
    /// Class and priority of its input and output.
    pub io_priority: Option<(u32, u32)>,
    /// Processors that it may run on; none for all.
    pub affinity: Vec<u32>,
    /// Timer slack in nanoseconds.
    pub timer_slack: Option<u64>,
}

/// An instruction of a system call filter (`struct sock_filter`, linux/filter.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs, reason = "the kernel's names")]
pub struct Instruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

/// What to run, and as what. Programs are tried in turn until one can be executed.
pub struct Child<'a> {
    /// Absolute paths of the program.
    pub programs: Vec<CString>,
    /// Arguments, its name first.
    pub arguments: Vec<CString>,
    /// `NAME=value` each. `LISTEN_PID` is added where descriptors are passed.
    pub environment: Vec<CString>,
    /// The control group's folder, opened.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// Standard input, output and error.
    pub stdio: [BorrowedFd<'a>; 3],
    /// Descriptors passed from number 3 on.
    pub passed: Vec<BorrowedFd<'a>>,
    /// Whether standard input is to be the controlling terminal.
    pub terminal: bool,
    /// User id.
    pub uid: Option<u32>,
    /// Group id.
    pub gid: Option<u32>,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// File mode creation mask.
    pub umask: u32,
    /// Limits: `RLIMIT_` number, soft, hard; `u64::MAX` is none.
    pub limits: Vec<(u32, u64, u64)>,
    /// `oom_score_adj`.
    pub oom_score_adjust: Option<i32>,
    /// Niceness.
    pub nice: Option<i32>,
    /// Working directory, and whether it may be missing.
    pub directory: (CString, bool),
    /// Whether SIGPIPE is ignored.
    pub ignore_sigpipe: bool,
    /// Whether executing a program can give it no more privileges.
    pub no_new_privileges: bool,
    /// Makes the namespaces that it lives in, as long as it may.
    pub namespaces: Option<Step<'a>>,
    /// The users of the user namespace of its own that it lives in, if it does.
    pub private_users: Option<Users>,
    /// Whether it is the first process of a PID namespace.
    pub private_pids: bool,
    /// Its session keyring.
    pub keyring: Keyring,
    /// What it may do.
    pub capabilities: Capabilities,
    /// When it runs.
    pub scheduling: Scheduling,
    /// Execution domain (personality(2)).
    pub personality: Option<u32>,
    /// Filters of its system calls: each must let a call pass.
    pub filters: Vec<Vec<Instruction>>,
}

/// A process that has been made.
#[derive(Debug)]
pub struct Started {
    /// Its id.
    pub pid: i32,
    /// Tells of its program: the end of the stream when it was executed, a [`Failure`] first when
    /// it could not be. Non-blocking.
    pub report: OwnedFd,
}

/// What a child could not do. It exits with `code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Exit code (systemd.exec(5), "Process Exit Codes").
    pub code: i32,
    /// The kernel's error.
    pub errno: i32,
}

impl Failure {
    const BYTES: usize = 8;

    /// Reads what came through [`Started::report`].
    pub fn decode(bytes: &[u8]) -> Option<Failure> {
        let (code, errno) = bytes.get(..Self::BYTES)?.split_at(4);
        Some(Failure {
            code: i32::from_ne_bytes(code.try_into().ok()?),
            errno: i32::from_ne_bytes(errno.try_into().ok()?),
        })
    }

    fn encode(self) -> [u8; Failure::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.code.to_ne_bytes());
        bytes[4..].copy_from_slice(&self.errno.to_ne_bytes());
        bytes
    }

    /// What could not be done, in words.
    pub fn step(self) -> &'static str {
        STEPS.iter().find(|(code, _)| *code == self.code).map_or("set up the process", |(_, step)| step)
    }
}

const CHDIR: c_int = 200;
const NICE: c_int = 201;
const FDS: c_int = 202;
const EXEC: c_int = 203;
const LIMITS: c_int = 205;
const OOM_ADJUST: c_int = 206;
const STDIN: c_int = 208;
const IO_PRIORITY: c_int = 211;
const TIMER_SLACK: c_int = 212;
const SCHEDULER: c_int = 214;
const AFFINITY: c_int = 215;
const GROUP: c_int = 216;
const USER: c_int = 217;
const CAPABILITIES: c_int = 218;
const SETSID: c_int = 220;
const NAMESPACE: c_int = 226;
const NO_NEW_PRIVILEGES: c_int = 227;
const SECCOMP: c_int = 228;
const PERSONALITY: c_int = 230;
const KEYRING: c_int = 237;
const SECURE_BITS: c_int = 213;

const STEPS: [(c_int, &str); 21] = [
    (CHDIR, "change to the working directory"),
    (NICE, "set the niceness"),
    (FDS, "pass descriptors"),
    (EXEC, "execute the program"),
    (LIMITS, "set the resource limits"),
    (OOM_ADJUST, "set the OOM score"),
    (STDIN, "take the terminal"),
    (IO_PRIORITY, "set the priority of its input and output"),
    (TIMER_SLACK, "set the timer slack"),
    (SCHEDULER, "set the scheduling policy"),
    (AFFINITY, "choose processors"),
    (GROUP, "set the groups"),
    (USER, "set the user"),
    (CAPABILITIES, "set the capabilities"),
    (SETSID, "make a session"),
    (NAMESPACE, "set up its view of the file system"),
    (NO_NEW_PRIVILEGES, "give up new privileges"),
    (SECCOMP, "filter system calls"),
    (PERSONALITY, "set the execution domain"),
    (KEYRING, "make its keyring"),
    (SECURE_BITS, "set the secure bits"),
];

impl Child<'_> {
    /// Makes the process. What it cannot do after that comes through [`Started::report`].
    ///
    /// # Errors
    /// The process could not be made: no memory, too many processes, no such control group.
    pub fn start(&self) -> Result<Started> {
        let (report, reporter) = report_pipe().map_err(|e| Error::new("make a pipe", e))?;
        // SAFETY: `clone_args` is plain numbers, for which zero is "not used".
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        args.exit_signal = libc::SIGCHLD as u64;
        if self.private_pids {
            args.flags |= libc::CLONE_NEWPID as u64;
        }
        if let Some(cgroup) = self.cgroup {
            args.flags |= INTO_CGROUP;
            args.cgroup = cgroup.as_raw_fd() as u64;
        }
        // SAFETY: without CLONE_VM and without a stack clone3 is fork: the child goes on with a
        // copy of everything. The caller has one thread, so no lock is held by another.
        let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) };
        match pid {
            -1 => Err(Error::new("make a process", io::Error::last_os_error())),
            0 => self.become_program(&reporter),
            pid => Ok(Started { pid: pid as i32, report }),
        }
    }

    /// The child's part.
    fn become_program(&self, reporter: &OwnedFd) -> ! {
        let failure = match self.prepare(reporter) {
            Ok(reporter) => {
                let failure = self.execute();
                report(reporter, failure);
                failure
            }
            Err(failure) => {
                report(reporter.as_raw_fd(), failure);
                failure
            }
        };
        // SAFETY: _exit ends the child at once; nothing of the parent's state is run down.
        unsafe { libc::_exit(failure.code) }
    }

    /// Sets up everything but the program; gives the number that the report's pipe has then.
    fn prepare(&self, reporter: &OwnedFd) -> std::result::Result<RawFd, Failure> {
        reset_signals(self.ignore_sigpipe);
        // SAFETY: setsid has no arguments.
        check(SETSID, unsafe { libc::setsid() })?;
        let reporter = self.place_descriptors(reporter.as_raw_fd())?;
        if self.terminal {
            // SAFETY: TIOCSCTTY takes a number.
            check(STDIN, unsafe { libc::ioctl(0, libc::TIOCSCTTY, 1) })?;
        }
        // SAFETY: umask takes a number and cannot fail.
        unsafe { libc::umask(self.umask) };
        if let Some(score) = self.oom_score_adjust {
            match std::fs::write("/proc/self/oom_score_adj", score.to_string()) {
                // In a container this process may be kept from what its caller may do on a machine.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => {
                    return Err(Failure { code: OOM_ADJUST, errno: error.raw_os_error().unwrap_or(0) });
                }
                Ok(()) => {}
            }
        }
        if let Some(nice) = self.nice {
            // SAFETY: setpriority takes numbers.
            check(NICE, unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })?;
        }
        for (resource, soft, hard) in &self.limits {
            let limit = libc::rlimit { rlim_cur: *soft, rlim_max: *hard };
            // SAFETY: the limit lives on this stack for the call.
            let result = check(LIMITS, unsafe { libc::setrlimit(*resource, &raw const limit) });
            // Where more is asked for than may be given, as in a container, all that may be.
            match result {
                Err(failure) if failure.errno == libc::EPERM => limit_as_far_as_allowed(*resource, limit)?,
                other => drop(other?),
            }
        }
        self.schedule()?;
        if let Some(step) = self.namespaces {
            step().map_err(|e| Failure { code: NAMESPACE, errno: e.raw_os_error().unwrap_or(0) })?;
        }
        if let Some(known) = self.private_users {
            confine::leave_users(known)
                .map_err(|e| Failure { code: NAMESPACE, errno: e.raw_os_error().unwrap_or(0) })?;
        }
        self.bound_capabilities()?;
        self.take_identity()?;
        self.take_keyring()?;
        self.raise_capabilities()?;
        if let Some(domain) = self.personality {
            // SAFETY: personality takes a number.
            check(PERSONALITY, unsafe { libc::personality(domain.into()) })?;
        }
        if self.no_new_privileges {
            give_up_new_privileges()?;
        }
        let (directory, optional) = &self.directory;
        // SAFETY: both are C strings that live as long as `self`.
        let changed = check(CHDIR, unsafe { libc::chdir(directory.as_ptr()) });
        if *optional && changed.is_err() {
            // SAFETY: as above.
            check(CHDIR, unsafe { libc::chdir(c"/".as_ptr()) })?;
        } else {
            changed?;
        }
        for filter in &self.filters {
            install(filter)?;
        }
        Ok(reporter)
    }

    fn schedule(&self) -> std::result::Result<(), Failure> {
        let Scheduling { policy, io_priority, affinity, timer_slack } = &self.scheduling;
        if let Some((policy, priority, resets)) = policy {
            let flag = if *resets { libc::SCHED_RESET_ON_FORK } else { 0 };
            let parameter = libc::sched_param { sched_priority: *priority as c_int };
            // SAFETY: the parameter lives on this stack for the call.
            let result =
                unsafe { libc::sched_setscheduler(0, *policy as c_int | flag, &raw const parameter) };
            check(SCHEDULER, result)?;
        }
        if let Some((class, priority)) = io_priority {
            // IOPRIO_WHO_PROCESS, and the class above 13 bits of data (linux/ioprio.h).
            let (who, value) = (1, class << 13 | priority);
            // SAFETY: ioprio_set takes numbers.
            check_long(IO_PRIORITY, unsafe { libc::syscall(libc::SYS_ioprio_set, who, 0, value) })?;
        }
        if !affinity.is_empty() {
            // SAFETY: the set is plain bits, for which zero is empty.
            let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
            for cpu in affinity.iter().filter(|cpu| **cpu < libc::CPU_SETSIZE as u32) {
                // SAFETY: the number is within the set.
                unsafe { libc::CPU_SET(*cpu as usize, &mut set) };
            }
            // SAFETY: the pointer and the size are those of the set.
            check(AFFINITY, unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) })?;
        }
        if let Some(nanos) = timer_slack {
            // SAFETY: this prctl takes numbers.
            check(TIMER_SLACK, unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, *nanos) })?;
        }
        Ok(())
    }

    fn take_identity(&self) -> std::result::Result<(), Failure> {
        // The raw system calls: the C library's would talk to threads that a copy does not have.
        if self.uid.is_some() || self.gid.is_some() || !self.groups.is_empty() {
            let (count, groups) = (self.groups.len(), self.groups.as_ptr());
            // SAFETY: the pointer and the count are one vector's.
            check_long(GROUP, unsafe { libc::syscall(libc::SYS_setgroups, count, groups) })?;
        }
        if let Some(gid) = self.gid {
            // SAFETY: setresgid takes numbers.
            check_long(GROUP, unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })?;
        }
        if let Some(uid) = self.uid {
            // SAFETY: setresuid takes numbers.
            check_long(USER, unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) })?;
        }
        Ok(())
    }

    /// Gives the descriptors their numbers. First all are parked out of the way, so that none
    /// overwrites another.
    fn place_descriptors(&self, reporter: RawFd) -> std::result::Result<RawFd, Failure> {
        let sources = self.stdio.iter().chain(&self.passed).map(AsRawFd::as_raw_fd);
        let mut parked = Vec::with_capacity(3 + self.passed.len());
        for fd in sources {
            parked.push(park(fd)?);
        }
        let reporter = park(reporter)?;
        for (target, fd) in (0..).zip(&parked) {
            // dup2 leaves the copy open across execution.
            // SAFETY: dup2 takes numbers.
            check(FDS, unsafe { libc::dup2(*fd, target) })?;
        }
        Ok(reporter)
    }

    /// Executes the program; returns only where that fails.
    fn execute(&self) -> Failure {
        let mut environment: Vec<*const libc::c_char> = self.environment.iter().map(|v| v.as_ptr()).collect();
        let listen_pid;
        if !self.passed.is_empty() {
            listen_pid = CString::new(format!("LISTEN_PID={}", std::process::id())).unwrap_or_default();
            environment.push(listen_pid.as_ptr());
        }
        environment.push(std::ptr::null());
        let mut arguments: Vec<*const libc::c_char> = self.arguments.iter().map(|v| v.as_ptr()).collect();
        arguments.push(std::ptr::null());
        let mut errno = libc::ENOENT;
        for program in &self.programs {
            // SAFETY: both arrays end in a null pointer, and their strings live in `self` and on
            // this stack.
            unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
            errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            if errno != libc::ENOENT {
                break;
            }
        }
        Failure { code: EXEC, errno }
    }
}

/// A pipe that closes when a program is executed: its reading end does not block.
fn report_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: pipe2 fills in two numbers.
    if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were just made, and have no other owner.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

fn report(reporter: RawFd, failure: Failure) {
    let bytes = failure.encode();
    // SAFETY: the buffer is on this stack. That it may fail changes nothing: the exit code says
    // the most of it.
    unsafe { libc::write(reporter, bytes.as_ptr().cast(), bytes.len()) };
}

fn park(fd: RawFd) -> std::result::Result<RawFd, Failure> {
    // SAFETY: this fcntl takes numbers.
    check(FDS, unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, PARKING) })
}

/// Gives a child the signal mask and the dispositions that programs expect.
fn reset_signals(ignore_sigpipe: bool) {
    for signal in 1..=LAST_SIGNAL {
        let ignored = ignore_sigpipe && signal == libc::SIGPIPE;
        let disposition = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: neither disposition is a function of ours. Signals that cannot be changed are
        // refused, which is as well.
        unsafe { libc::signal(signal, disposition) };
    }
    // SAFETY: the set is filled in before it is used.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Sets a limit, but none above the hard one that there is.
fn limit_as_far_as_allowed(
    resource: libc::__rlimit_resource_t,
    wanted: libc::rlimit,
) -> std::result::Result<(), Failure> {
    let mut most = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit lives on this stack for the call.
    check(LIMITS, unsafe { libc::getrlimit(resource, &raw mut most) })?;
    let limit = libc::rlimit {
        rlim_cur: wanted.rlim_cur.min(most.rlim_max),
        rlim_max: wanted.rlim_max.min(most.rlim_max),
    };
    // SAFETY: as above.
    check(LIMITS, unsafe { libc::setrlimit(resource, &raw const limit) })?;
    Ok(())
}

fn check(code: c_int, result: c_int) -> std::result::Result<c_int, Failure> {
    check_long(code, result.into()).map(|_| result)
}

fn check_long(code: c_int, result: libc::c_long) -> std::result::Result<(), Failure> {
    match result {
        -1 => Err(Failure { code, errno: io::Error::last_os_error().raw_os_error().unwrap_or(0) }),
        _ => Ok(()),
    }
}

/// As [`fork`], for work that gives way to others on the same processor: niceness as in nice(2), up to 19.
///
/// # Errors
/// The process could not be made.
pub fn fork_nice(niceness: i32, work: impl FnOnce() -> i32) -> io::Result<i32> {
    fork(|| {
        let _ = rustix::process::nice(niceness);
        work()
    })
}

/// As [`fork_nice`], for work that takes long: the copy has no descriptors but the standard ones and `keep`, so that
/// what this process closes is closed.
///
/// # Errors
/// The process could not be made.
pub fn fork_apart(niceness: i32, keep: BorrowedFd<'_>, work: impl FnOnce() -> i32) -> io::Result<i32> {
    fork_nice(niceness, || {
        let kept = keep.as_raw_fd().unsigned_abs();
        // SAFETY: the copy ends without using any of them again, and runs nothing down.
        unsafe {
            if kept > 3 {
                libc::close_range(3, kept - 1, 0);
            }
            libc::close_range(kept.max(2) + 1, libc::c_uint::MAX, 0);
        }
        work()
    })
}

/// Makes a copy of this process that does one thing and exits with what that returns. As for
/// [`Child`], there must be one thread only.
///
/// # Errors
/// The process could not be made.
pub fn fork(work: impl FnOnce() -> i32) -> io::Result<i32> {
    // SAFETY: with one thread, no lock is held in the copy by a thread that it does not have.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = work();
            // SAFETY: _exit ends the child at once; nothing of the parent's state is run down.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(pid),
    }
}
