//! ATA disks and ATAPI drives (Linux, include/uapi/linux/hdreg.h).

use std::ffi::c_ulong;
use std::os::fd::BorrowedFd;

use crate::error::{Doing, Result};
use crate::ioctl;

/// `HDIO_GET_IDENTITY`, which is older than the numbering of requests by size.
const GET_IDENTITY: c_ulong = 0x030d;
/// The size of `struct hd_driveid`.
const LENGTH: usize = 512;

/// What a drive says of itself (IDENTIFY DEVICE, or IDENTIFY PACKET DEVICE), with the bytes of its strings
/// in the order in which they are read. The kernel asked it long ago.
pub fn identity(drive: BorrowedFd<'_>) -> Result<Vec<u8>> {
    let mut data = vec![0; LENGTH];
    // SAFETY: the kernel writes `struct hd_driveid`, which is as long as the buffer, and reads nothing.
    unsafe { ioctl::with_buffer(drive, GET_IDENTITY, &mut data) }
        .doing(|| "ask a drive who it is".to_owned())?;
    Ok(data)
}
