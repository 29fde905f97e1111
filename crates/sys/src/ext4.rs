//! ioctls of a mounted ext4 (fs/ext4/ioctl.c).

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use crate::child::fork;
use crate::error::{Doing, Result};
use crate::ioctl;

/// `EXT4_IOC_SETFSUUID`; the size is that of `struct fsuuid` without its trailing array.
const SET_UUID: std::ffi::c_ulong = ioctl::write(b'f', 44, 8);

/// Grows the ext4 mounted at `mount_point` to `blocks` of its blocks, online. To the size that it
/// has already, nothing happens.
pub fn grow(mount_point: &Path, blocks: u64) -> Result<()> {
    let doing = || format!("grow the ext4 on {} to {blocks} blocks", mount_point.display());
    let folder = File::open(mount_point).doing(doing)?;
    rustix::fs::ext4_ioc_resize_fs(&folder, blocks).doing(doing)
}

/// Like [`grow`], in a process of its own that lives on when this one becomes another program. What
/// comes of it the kernel's log says; cut off, it goes on with the next call.
pub fn grow_in_background(mount_point: &Path, blocks: u64) -> Result<()> {
    let doing = || format!("grow the ext4 on {} to {blocks} blocks", mount_point.display());
    let folder = File::open(mount_point).doing(doing)?;
    // One system call on what was opened before: nothing that another thread's lock could stop.
    let grow = || rustix::fs::ext4_ioc_resize_fs(&folder, blocks).is_err().into();
    fork(grow).doing(doing)?;
    Ok(())
}

/// Gives the ext4 mounted at `mount_point` another UUID, in all its superblocks. A file system
/// with metadata checksums must have been made with the feature `metadata_csum_seed`.
pub fn set_uuid(mount_point: &Path, uuid: [u8; 16]) -> Result<()> {
    let doing = || format!("change the UUID of the ext4 on {}", mount_point.display());
    let folder = File::open(mount_point).doing(doing)?;
    // struct fsuuid: length (u32), flags (u32), bytes.
    let mut argument = [0; 24];
    argument[..4].copy_from_slice(&16u32.to_ne_bytes());
    argument[8..].copy_from_slice(&uuid);
    // SAFETY: the kernel reads the 8 bytes of the header and the 16 that its length field says.
    unsafe { ioctl::with_buffer(folder.as_fd(), SET_UUID, &mut argument) }.doing(doing)?;
    Ok(())
}
