//! Swap (swapon(2)).

use std::ffi::CString;
use std::fs;

/// Takes every swap device and file out of use, as far as memory allows.
pub fn off_all() {
    let text = fs::read_to_string("/proc/swaps").unwrap_or_default();
    for name in text.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
        if let Ok(name) = CString::new(name.replace("\\040", " ")) {
            // SAFETY: the string lives for the call. One that is not released stays as it was.
            _ = unsafe { libc::swapoff(name.as_ptr()) };
        }
    }
}
