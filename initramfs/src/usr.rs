//! `/usr`: an erofs that is read through dm-verity.

use std::path::Path;

use anyhow::{Context, Result};
use sys::dm::ReadOnlyDevice;
use sys::mount::{Mount, MountFlags};
use verity::target_params;

use crate::kernel_log;
use crate::partitions::BootDisk;
use crate::plan::Boot;

const NAME: &str = layout::disk::USR_DEVICE;
/// A block that does not match its hash stops the machine; `panic=` makes that a reboot.
const OPTIONS: [&str; 1] = ["panic_on_corruption"];
const SECTOR: u64 = 512;

/// Opens the slot through dm-verity and mounts it on the folder `target`.
pub fn mount(boot: &Boot, disk: &BootDisk, target: &Path) -> Result<()> {
    let path_of = |partition| {
        let (path, _) = disk.device(&partition)?;
        path.into_os_string().into_string().ok().context("a device has an impossible name")
    };
    let (data, hashes) = (path_of(boot.slot.data())?, path_of(boot.slot.verity())?);
    let parameters = target_params(&boot.superblock, &boot.root_hash, &data, &hashes, &OPTIONS);
    // As cryptsetup names its own, so that `veritysetup status usr` knows it.
    let uuid = boot.superblock.uuid.to_string().replace('-', "");
    let device = ReadOnlyDevice {
        name: NAME,
        uuid: &format!("CRYPT-VERITY-{uuid}-{NAME}"),
        sectors: boot.superblock.data_size() / SECTOR,
        target: "verity",
        parameters: &parameters,
    }
    .create()?;
    if let Err(error) = sys::block::set_read_ahead(&device, layout::disk::USR_READ_AHEAD_KIB) {
        kernel_log::alarm(&error.to_string());
    }
    let flags = MountFlags::RDONLY | MountFlags::NODEV;
    Mount { source: &device, kind: "erofs", flags, options: "" }.on(target)?;
    Ok(())
}
