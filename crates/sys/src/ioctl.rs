//! ioctl(2) where no library has the request.

use std::ffi::{c_int, c_ulong, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The request number of a command that the kernel reads and writes (`_IOWR`, asm-generic/ioctl.h).
pub(crate) const fn read_write(group: u8, number: u8, size: usize) -> c_ulong {
    request(3, group, number, size)
}

/// The request number of a command whose argument the kernel reads (`_IOW`).
pub(crate) const fn write(group: u8, number: u8, size: usize) -> c_ulong {
    request(1, group, number, size)
}

/// The request number of a command whose argument the kernel writes (`_IOR`).
pub(crate) const fn read(group: u8, number: u8, size: usize) -> c_ulong {
    request(2, group, number, size)
}

/// The request number of a command without an argument (`_IO`).
pub(crate) const fn none(group: u8, number: u8) -> c_ulong {
    request(0, group, number, 0)
}

const fn request(direction: c_ulong, group: u8, number: u8, size: usize) -> c_ulong {
    direction << 30 | (size as c_ulong) << 16 | (group as c_ulong) << 8 | number as c_ulong
}

/// Issues `request` on `fd` with a buffer.
///
/// # Safety
/// The kernel may read and write as many bytes at the buffer as `request`, with what the buffer
/// itself says, makes it; `argument` must be at least that long.
pub(crate) unsafe fn with_buffer(
    fd: BorrowedFd<'_>,
    request: c_ulong,
    argument: &mut [u8],
) -> io::Result<c_int> {
    let pointer: *mut c_void = argument.as_mut_ptr().cast();
    // SAFETY: the pointer is valid for the buffer's length for the whole call; the caller
    // promises that the kernel stays inside it.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, pointer) })
}

/// Issues `request` on `fd` with a structure that the kernel reads.
///
/// # Safety
/// The kernel must write neither to it nor to what it points to, and what it points to must be what the request says.
pub(crate) unsafe fn with_structure<T>(fd: BorrowedFd<'_>, request: c_ulong, argument: &T) -> io::Result<()> {
    let pointer: *const T = argument;
    // SAFETY: the pointer is valid for the whole call; the caller promises the rest.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, pointer) }).map(drop)
}

/// Issues a `request` that takes no argument, or a number: 0.
pub(crate) fn without_argument(fd: BorrowedFd<'_>, request: c_ulong) -> io::Result<c_int> {
    // SAFETY: the request carries no pointer; the kernel ignores the third argument, or takes it for a number.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, 0 as c_ulong) })
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_numbered_as_the_kernel_headers_number_them() {
        // From linux/fs.h, linux/dm-ioctl.h (DM_TABLE_LOAD), fs/ext4/ext4.h and linux/watchdog.h.
        assert_eq!(none(0x12, 95), 0x125f, "BLKRRPART");
        assert_eq!(none(0x12, 105), 0x1269, "BLKPG");
        assert_eq!(read_write(0xfd, 9, 312), 0xc138_fd09, "DM_TABLE_LOAD");
        assert_eq!(write(b'f', 44, 8), 0x4008_662c, "EXT4_IOC_SETFSUUID");
        assert_eq!(read(b'W', 7, 4), 0x8004_5707, "WDIOC_GETTIMEOUT");
    }
}
