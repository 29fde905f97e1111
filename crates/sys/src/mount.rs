//! Mounting and moving file systems (mount(2)).

use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;

use rustix::mount as kernel;
pub use rustix::mount::MountFlags;

use crate::error::{Doing, Result};

/// A file system to be mounted.
#[derive(Debug, Clone, Copy)]
pub struct Mount<'a> {
    /// Device, or a word for those that have none.
    pub source: &'a Path,
    /// Kernel name of the file system, for example `erofs`.
    pub kind: &'a str,
    /// Flags of mount(2).
    pub flags: MountFlags,
    /// The file system's own options, comma-separated; may be empty.
    pub options: &'a str,
}

impl Mount<'_> {
    /// Mounts on `target`, an existing folder.
    pub fn on(&self, target: &Path) -> Result<()> {
        let doing = || {
            let source = self.source.display();
            format!("mount {source} ({}, options '{}') on {}", self.kind, self.options, target.display())
        };
        let options = CString::new(self.options).map_err(io::Error::from).doing(doing)?;
        kernel::mount(self.source, target, self.kind, self.flags, options.as_c_str()).doing(doing)
    }
}

/// Moves the mount at `from` to the existing folder `to`.
pub fn move_mount(from: &Path, to: &Path) -> Result<()> {
    kernel::mount_move(from, to).doing(|| format!("move the mount {} to {}", from.display(), to.display()))
}

/// Adds an attribute, `MOUNT_ATTR_…`, to the mount at a path; with `AT_RECURSIVE`, to those below it
/// too. Others stay as they are (mount_setattr(2), Linux 5.12).
pub(crate) fn set_attribute(path: &CStr, attribute: u64, flags: libc::c_int) -> io::Result<()> {
    let attributes = libc::mount_attr { attr_set: attribute, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the pointers are to a string and a structure that outlive the call, and the size is
    // that structure's.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
