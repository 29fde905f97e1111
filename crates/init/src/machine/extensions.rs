//! System extensions, merged by a program of its own before anything in `/usr` is read: what is wrong with an image is
//! not to be PID 1's trouble. A machine without any pays for looking into three folders.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use layout::extension::{DIRS, STAGED};
use layout::path::BERTHCTL;
use sys::machine::monotonic;

/// A disk that answers takes a fraction of it.
const LIMIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);

/// Has them merged. What is left out is told by who leaves it out.
pub fn merge() -> Result<()> {
    let is_any = |folder: &&str| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if ![DIRS[0], STAGED, DIRS[1]].iter().any(is_any) {
        return Ok(());
    }
    let mut child = Command::new(BERTHCTL)
        .args(["extension", "activate"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {BERTHCTL} for the extensions"))?;
    let until = monotonic() + LIMIT;
    loop {
        match child.try_wait().context("cannot wait for the extensions")? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("the extensions are not merged: {status}; the kernel's log says why"),
            None if monotonic() < until => sleep(LOOK),
            None => break,
        }
    }
    // Not waited for: it may hang in the kernel.
    _ = child.kill();
    bail!("the extensions took longer than {} s and are given up", LIMIT.as_secs())
}
