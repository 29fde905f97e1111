//! Leaving an initramfs: empty it, make the new root `/`.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::statfs;

use crate::error::{Doing, Error, Result};
use crate::mount::move_mount;

/// Magic numbers of the file systems that an initramfs can be: ramfs and tmpfs (linux/magic.h).
const IN_MEMORY: [i64; 2] = [0x8584_58f6, 0x0102_1994];

/// Makes the mount at `new_root` the root of this process, and frees the memory of the initramfs
/// that was it. What is mounted below the old root, other than `new_root`, must have been moved.
///
/// Refuses where `/` is not in memory: nothing but an initramfs is ever emptied.
pub fn switch_root(new_root: &Path) -> Result<()> {
    let root = Path::new("/");
    let kind = statfs(root).doing_to("look at", root)?.f_type;
    if !IN_MEMORY.contains(&kind) {
        let refusal = io::Error::new(io::ErrorKind::Unsupported, "it is not in memory");
        return Err(Error::new("take / for an initramfs", refusal));
    }
    let device = fs::symlink_metadata(root).doing_to("look at", root)?.dev();
    remove_below(root, device);
    rustix::process::chdir(new_root).doing_to("enter", new_root)?;
    move_mount(Path::new("."), root)?;
    rustix::process::chroot(".").doing_to("make the root of", new_root)?;
    rustix::process::chdir("/").doing_to("enter", root)
}

/// Removes what is on `device` below `folder`. What cannot be removed only keeps its memory, so
/// faults are passed over.
fn remove_below(folder: &Path, device: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.dev() != device {
            continue;
        }
        let path = entry.path();
        if metadata.is_dir() {
            remove_below(&path, device);
            _ = fs::remove_dir(&path);
        } else {
            _ = fs::remove_file(&path);
        }
    }
}
