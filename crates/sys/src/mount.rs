//! Mounting and moving file systems (mount(2)).

use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;

use rustix::mount as kernel;
pub use rustix::mount::MountFlags;

use crate::error::{Doing, Result};

/// The mounts of the process that reads it (proc_pid_mountinfo(5)).
pub const MOUNTS: &str = "/proc/self/mountinfo";

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

/// Splits options as people write them (mount(8)) into flags, added to and taken from `flags`, and those of the
/// file system itself, comma-separated. What is for programs and not for the kernel is left out.
pub fn options<'a>(words: impl IntoIterator<Item = &'a str>, mut flags: MountFlags) -> (MountFlags, String) {
    let mut own = Vec::new();
    for word in words.into_iter().flat_map(|word| word.split(',')) {
        match word {
            "dev" => flags -= MountFlags::NODEV,
            "nodev" => flags |= MountFlags::NODEV,
            "suid" => flags -= MountFlags::NOSUID,
            "nosuid" => flags |= MountFlags::NOSUID,
            "exec" => flags -= MountFlags::NOEXEC,
            "noexec" => flags |= MountFlags::NOEXEC,
            "ro" => flags |= MountFlags::RDONLY,
            "rw" => flags -= MountFlags::RDONLY,
            "sync" => flags |= MountFlags::SYNCHRONOUS,
            "async" => flags -= MountFlags::SYNCHRONOUS,
            "dirsync" => flags |= MountFlags::DIRSYNC,
            "noatime" => flags |= MountFlags::NOATIME,
            "atime" => flags -= MountFlags::NOATIME,
            "nodiratime" => flags |= MountFlags::NODIRATIME,
            "diratime" => flags -= MountFlags::NODIRATIME,
            "relatime" => flags |= MountFlags::RELATIME,
            "norelatime" => flags -= MountFlags::RELATIME,
            "strictatime" => flags |= MountFlags::STRICTATIME,
            "nostrictatime" => flags -= MountFlags::STRICTATIME,
            "lazytime" => flags |= MountFlags::LAZYTIME,
            "nolazytime" => flags -= MountFlags::LAZYTIME,
            "" | "defaults" | "auto" | "noauto" | "nofail" | "user" | "nouser" | "users" | "owner"
            | "_netdev" => {}
            other if other.starts_with("x-") || other.starts_with("X-") || other.starts_with("comment=") => {}
            other => own.push(other),
        }
    }
    (flags, own.join(","))
}

/// Unmounts what is at a path, once it is written to its disk.
pub fn unmount(path: &Path) -> Result<()> {
    kernel::unmount(path, kernel::UnmountFlags::NOFOLLOW).doing_to("unmount", path)
}

/// Takes what is mounted at a path away from there at once; it is unmounted when nobody uses it any more (umount(2),
/// `MNT_DETACH`).
pub fn detach(path: &Path) -> Result<()> {
    let flags = kernel::UnmountFlags::NOFOLLOW | kernel::UnmountFlags::DETACH;
    kernel::unmount(path, flags).doing_to("detach", path)
}

/// Moves the mount at `from` to the existing folder `to`.
pub fn move_mount(from: &Path, to: &Path) -> Result<()> {
    kernel::mount_move(from, to).doing(|| format!("move the mount {} to {}", from.display(), to.display()))
}

/// Shows what is below `from` at the existing folder `to` as well.
pub fn bind(from: &Path, to: &Path) -> Result<()> {
    kernel::mount_bind(from, to).doing(|| format!("bind {} to {}", from.display(), to.display()))
}

/// Keeps what is mounted on the mount at a path, or taken away from it, from happening to its copies, and the other way
/// round.
pub fn make_private(path: &Path) -> Result<()> {
    kernel::mount_change(path, kernel::MountPropagationFlags::PRIVATE).doing_to("make private", path)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_flags_the_file_systems_or_nobodys() {
        let none = MountFlags::empty();
        let cases = [
            (&[][..], none, none, ""),
            (&["defaults", "nofail", "x-systemd.makefs", "_netdev"], none, none, ""),
            (&["noexec", "subvolid=5"], none, MountFlags::NOEXEC, "subvolid=5"),
            (
                &["ro,nosuid,size=1M", "mode=0700"],
                none,
                MountFlags::RDONLY | MountFlags::NOSUID,
                "size=1M,mode=0700",
            ),
            (&["dev", "suid"], MountFlags::NODEV | MountFlags::NOEXEC, MountFlags::NOEXEC, ""),
        ];
        for (words, before, flags, own) in cases {
            assert_eq!(options(words.iter().copied(), before), (flags, own.to_owned()), "{words:?}");
        }
    }
}
