//! Options of sockets that no library has (socket(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Ties a socket to a network interface: what comes by another does not reach it.
///
/// # Errors
/// There is no such interface, or the process may not.
pub fn bind_to_device(socket: impl AsFd, device: &str) -> io::Result<()> {
    // SAFETY: the kernel reads as many bytes at the pointer as the string has.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            device.as_ptr().cast(),
            device.len() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
