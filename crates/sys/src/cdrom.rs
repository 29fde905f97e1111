//! Optical drives (Linux, include/uapi/linux/cdrom.h).

use std::ffi::{c_int, c_ulong};
use std::os::fd::BorrowedFd;

use crate::error::{Doing, Result};
use crate::ioctl;

/// `CDROM_DRIVE_STATUS`, which is older than the numbering of requests by size. Its argument is the slot of a changer, of
/// which 0 is the first, and the only one of other drives.
const DRIVE_STATUS: c_ulong = 0x5326;
const NO_INFORMATION: c_int = 0;
const DISC_OK: c_int = 4;

/// Whether a drive has a medium that can be read; yes also where it does not tell. Its door stays as it is.
pub fn has_medium(drive: BorrowedFd<'_>) -> Result<bool> {
    let status = ioctl::without_argument(drive, DRIVE_STATUS);
    let status = status.doing(|| "ask a drive whether it has a medium".to_owned())?;
    Ok(matches!(status, NO_INFORMATION | DISC_OK))
}
