//! Owners and modes of nodes in /dev.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use anyhow::{Context, Result};
use devices::node::{Access, access};
use devices::sysfs::Device;
use devices::uevent::Event;

/// Gives a new device's node to whom it belongs. The kernel has made it, for root alone.
///
/// # Errors
/// The node is there and cannot be changed.
pub fn hand_over(event: &Event, device: &Device<'_>) -> Result<()> {
    let Some(name) = event.get("DEVNAME") else { return Ok(()) };
    let scsi = match event.subsystem() {
        "scsi_generic" | "scsi_tape" => device.inherited("type"),
        _ => None,
    };
    give(event.subsystem(), name, scsi.as_deref())
}

/// Gives the node of this name, below /dev, to whom it belongs.
///
/// # Errors
/// The node is there and cannot be changed.
pub fn give(subsystem: &str, name: &str, scsi_type: Option<&str>) -> Result<()> {
    match access(subsystem, name, scsi_type) {
        Some(access) => set(&Path::new("/dev").join(name), access),
        None => Ok(()),
    }
}

fn set(node: &Path, access: Access) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(node) else { return Ok(()) };
    // A link, or a file that somebody put there, is not what the kernel made.
    use std::os::unix::fs::FileTypeExt;
    if !metadata.file_type().is_block_device() && !metadata.file_type().is_char_device() {
        return Ok(());
    }
    if metadata.gid() != access.gid {
        chown(node, None, Some(access.gid))
            .with_context(|| format!("cannot give {} to its group", node.display()))?;
    }
    if metadata.mode() & 0o7777 != access.mode {
        let mode = fs::Permissions::from_mode(access.mode);
        fs::set_permissions(node, mode)
            .with_context(|| format!("cannot set the mode of {}", node.display()))?;
    }
    Ok(())
}
