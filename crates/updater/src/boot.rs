//! This boot: which version it is, and whether the loader counts it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use layout::esp::{LOADER_BOOT_COUNT_VARIABLE, LOADER_VENDOR};
use manifest::Version;

const EFIVARS: &str = "/sys/firmware/efi/efivars";

/// The version that runs.
///
/// # Errors
/// os-release does not tell it.
pub fn version() -> Result<Version> {
    let path = layout::path::OS_RELEASE;
    let text = fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    let lines = unit::text::environment::parse(&text);
    let version = lines.into_iter().find(|(name, _)| name == "VERSION_ID").map(|(_, value)| value);
    let version = version.with_context(|| format!("{path} has no VERSION_ID"))?;
    version.parse().with_context(|| format!("{path}: VERSION_ID={version}"))
}

/// This boot's id, without dashes.
pub fn id() -> String {
    fs::read_to_string(layout::path::BOOT_ID).unwrap_or_default().trim().replace('-', "")
}

/// Whether the loader counts this boot as a try: it says which entry it has counted down. A machine without this
/// loader counts nothing.
pub fn is_counted() -> bool {
    Path::new(EFIVARS).join(format!("{LOADER_BOOT_COUNT_VARIABLE}-{LOADER_VENDOR}")).exists()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    sys::machine::wall_clock().as_secs()
}
