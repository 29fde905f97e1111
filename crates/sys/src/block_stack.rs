//! Block devices made of others: taking apart those that nobody uses.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use crate::ioctl;

const BLOCK: &str = "/sys/block";
/// `LOOP_CLR_FD` (linux/loop.h).
const DETACH: std::ffi::c_ulong = 0x4c01;

/// Detaches loop devices and removes device-mapper devices that are not in use. Says whether
/// there was one.
pub fn detach_unused() -> bool {
    let mut progress = false;
    for entry in fs::read_dir(BLOCK).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let device = Path::new("/dev").join(&name);
        if name.starts_with("loop") && entry.path().join("loop/backing_file").exists() {
            let detach = |file: File| ioctl::without_argument(file.as_fd(), DETACH);
            progress |= File::open(&device).and_then(detach).is_ok();
        } else if name.starts_with("dm-") {
            let mapped = fs::read_to_string(entry.path().join("dm/name")).unwrap_or_default();
            progress |= crate::dm::remove(mapped.trim()).is_ok();
        }
    }
    progress
}
