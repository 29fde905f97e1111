//! A boot that is not good in its time: the machine starts again.

use anyhow::{Result, bail};

/// Runs `updater deadline`.
///
/// # Errors
/// It is not built yet.
pub fn run() -> Result<()> {
    bail!("deadline is not built yet")
}
