//! Signals as something to read (signalfd(2)), and as something to send.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::{Doing, Result};

/// All signals of this process, blocked and made readable.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks every signal of this (single) thread. From now on they are read, not delivered.
    pub fn block_all() -> Result<Signals> {
        // SAFETY: the set is filled in before it is used; all calls take it or numbers.
        let fd = unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            // These tell of a fault in this very program: it must not run on past one.
            for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
                libc::sigdelset(&raw mut all, fault);
            }
            libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
            libc::signalfd(-1, &raw const all, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error()).doing(|| "read signals".to_owned());
        }
        // SAFETY: just made, no other owner.
        Ok(Signals(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal's number; none where no more came.
    pub fn next(&self) -> Option<i32> {
        // SAFETY: signalfd_siginfo is plain numbers, and the kernel writes whole ones.
        unsafe {
            let mut info: libc::signalfd_siginfo = std::mem::zeroed();
            let size = size_of_val(&info);
            let read = libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size);
            (read == size as isize).then_some(info.ssi_signo as i32)
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Has the kernel end this process (SIGALRM) in so many seconds (alarm(2)).
pub fn alarm(seconds: u32) {
    // SAFETY: it takes and gives numbers.
    unsafe { libc::alarm(seconds) };
}

/// Has this process end, as most programs do, when it writes to a pipe that nobody reads any more (SIGPIPE).
/// Rust has it get an error instead, which printing takes for a fault.
pub fn end_with_readers() {
    // SAFETY: no handler is set, but what the kernel does by default.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Sends a signal to a process, to a process group (a negative id), or to every process that
/// there is but this one (-1).
///
/// # Errors
/// There is no such process, or it may not be signalled.
pub fn send(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes numbers.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// By a signal, with a core dump.
    Dumped(i32),
}

/// Takes one child that has ended off the kernel's table; none where there is none.
pub fn reap() -> Option<(i32, Ended)> {
    let mut status = 0;
    // SAFETY: waitpid fills in one number.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    if pid <= 0 {
        return None;
    }
    let ended = if libc::WIFEXITED(status) {
        Ended::Exited(libc::WEXITSTATUS(status))
    } else if libc::WCOREDUMP(status) {
        Ended::Dumped(libc::WTERMSIG(status))
    } else {
        Ended::Killed(libc::WTERMSIG(status))
    };
    Some((pid, ended))
}
