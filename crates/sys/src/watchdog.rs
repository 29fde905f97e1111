//! Watchdog devices (Documentation/watchdog/watchdog-api.rst of the kernel).

use std::ffi::c_ulong;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::ioctl;

/// `WDIOC_SETTIMEOUT` (linux/watchdog.h): seconds in an int; the driver puts there what it took.
const SET_TIMEOUT: c_ulong = ioctl::read_write(b'W', 6, 4);
/// `WDIOC_GETTIMEOUT`.
const GET_TIMEOUT: c_ulong = ioctl::read(b'W', 7, 4);

/// Asks an open watchdog to wait so long for its next feeding, in whole seconds. The time that it
/// now has: a driver may round, or have one that cannot be changed.
///
/// # Errors
/// The driver tells no time at all.
pub fn set_timeout(device: impl AsFd, wanted: Duration) -> io::Result<Duration> {
    let seconds = i32::try_from(wanted.as_secs()).unwrap_or(i32::MAX);
    let mut argument = seconds.to_ne_bytes();
    // SAFETY: both requests read and write one int of four bytes, which `argument` is.
    unsafe {
        if ioctl::with_buffer(device.as_fd(), SET_TIMEOUT, &mut argument).is_err() {
            ioctl::with_buffer(device.as_fd(), GET_TIMEOUT, &mut argument)?;
        }
    }
    Ok(Duration::from_secs(u64::try_from(i32::from_ne_bytes(argument)).unwrap_or(0)))
}
