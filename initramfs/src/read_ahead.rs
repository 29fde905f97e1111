//! Reads what every boot runs before it is run, on a processor that has nothing else to do yet.

use std::fs::{self, File};
use std::io::Read;

use anyhow::{Context, Result};
use layout::path::READ_AHEAD;

/// Gives way to what the boot waits for, but not to the gathering of entropy.
const NICENESS: i32 = 10;
/// How much is read at a time, in bytes.
const PART: usize = 64 << 10;

/// Begins to read the files of the list, in a process that lives on after stage 1. A file that an image
/// does not have is passed over.
///
/// # Errors
/// The list cannot be read, or the process not be made.
pub fn begin() -> Result<()> {
    let list = fs::read_to_string(READ_AHEAD).with_context(|| format!("read {READ_AHEAD}"))?;
    // Opened here: between fork and exit the copy must not allocate.
    let files: Vec<File> = list.lines().filter_map(|path| File::open(path).ok()).collect();
    let read = || {
        let mut part = [0; PART];
        for mut file in &files {
            // Read, and not asked for by posix_fadvise(2): of that the kernel does no more than a disk takes at once.
            // What cannot be read is not this process's to tell.
            while file.read(&mut part).is_ok_and(|length| length > 0) {}
        }
        0
    };
    sys::child::fork_nice(NICENESS, read).context("start reading ahead")?;
    Ok(())
}
