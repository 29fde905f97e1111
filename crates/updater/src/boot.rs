//! This boot: which version it is, and whether the loader counts it.

use std::fs;

use anyhow::Result;
use layout::esp::{LOADER_BOOT_COUNT_VARIABLE, loader_variable};
use layout::path::EFI_VARIABLES;
use manifest::Version;
use sys::efi::Variables;
use updater::Facts;

pub use updater::store::now;

/// The version that runs.
///
/// # Errors
/// os-release does not tell it.
pub fn version() -> Result<Version> {
    Ok(Facts::system()?.version)
}

/// This boot's id, without dashes.
pub fn id() -> String {
    fs::read_to_string(layout::path::BOOT_ID).unwrap_or_default().trim().replace('-', "")
}

/// Whether the loader counts this boot as a try: it says which entry it has counted down. A machine without this
/// loader counts nothing.
pub fn is_counted() -> bool {
    Variables::at(EFI_VARIABLES)
        .is_some_and(|variables| variables.has(&loader_variable(LOADER_BOOT_COUNT_VARIABLE)))
}
