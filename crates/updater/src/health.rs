//! Whether a boot is good: what is enabled of this machine answers.

use anyhow::{Result, bail};

/// Runs `updater health`.
///
/// # Errors
/// It is not built yet.
pub fn run() -> Result<()> {
    bail!("health is not built yet")
}
