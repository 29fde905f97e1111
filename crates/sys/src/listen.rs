//! File descriptors that the service manager gives a program (sd_listen_fds(3)).

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first descriptor that is passed.
const FIRST: RawFd = 3;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes the descriptors that `LISTEN_FDS` and `LISTEN_PID` say this process was given, marked
/// close-on-exec. Empty where there are none, and on every call after the first.
pub fn take_listen_fds() -> Vec<OwnedFd> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) || TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0);
    (0..count)
        .filter_map(|i| RawFd::try_from(i).ok().and_then(|i| FIRST.checked_add(i)))
        .take_while(|fd| {
            // SAFETY: fcntl with F_SETFD touches no memory; a descriptor that is not open gives
            // EBADF, and ends the list.
            unsafe { libc::fcntl(*fd, libc::F_SETFD, libc::FD_CLOEXEC) == 0 }
        })
        // SAFETY: the descriptor is open (checked above), the protocol says that it is ours, and
        // TAKEN sees to it that it gets one owner only.
        .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
        .collect()
}
