//! wipefs(8): what says of a device what it holds.

use std::path::Path;

use layout::path::WIPEFS;

/// The kinds of what is found on a device, of every kind that libblkid knows; tables of partitions too.
///
/// # Errors
/// The device cannot be read.
pub fn list(device: &Path) -> Result<Vec<String>, String> {
    let options = ["--noheadings", "--output", "TYPE"].map(AsRef::as_ref);
    let said = super::run(WIPEFS, &[options.as_slice(), &[device.as_os_str()]].concat())?;
    Ok(said.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
}

/// Erases all of it.
///
/// # Errors
/// The device is in use, or cannot be written.
pub fn erase(device: &Path) -> Result<(), String> {
    super::run(WIPEFS, &["--all".as_ref(), device.as_os_str()]).map(drop)
}
