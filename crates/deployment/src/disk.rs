//! The disk that the machine runs from.

use std::fs;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use boot_chain::entry::Partition;
use disk_table::{Geometry, Table};
use layout::disk::{ESP, SECTOR, USR_DEVICE};
use layout::{Slot, args};
use slots::Running;
use sys::block::{self, device_path};
use sys::partition_table;
use verity::RootHash;

use crate::{Deployment, Region, SlotDevice};

const SYS_BLOCK: &str = "/sys/class/block";
const COMMAND_LINE: &str = "/proc/cmdline";

/// See [`Deployment::of_running`].
pub fn of_running() -> Result<Deployment> {
    let below = below_usr().context("/usr is not a slot's: there is nothing to update here")?;
    let partition = below.first().context("nothing is below the device of /usr")?;
    let folder = Path::new(SYS_BLOCK).join(partition);
    let place = fs::canonicalize(&folder).with_context(|| format!("look at {}", folder.display()))?;
    let disk = place.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let disk = disk.with_context(|| format!("{partition} is not a partition of a disk"))?;
    let mut deployment = of_disk(disk, None)?;
    let slot = Slot::ALL.into_iter().find(|slot| {
        let device = &deployment.slot(*slot).data.path;
        below.iter().any(|name| device_path(name) == *device)
    });
    let slot = slot.with_context(|| format!("/usr is on {partition}, which is not a slot of {disk}"))?;
    deployment.running = Some(Running { slot, usrhash: running_usrhash()? });
    Ok(deployment)
}

/// The block devices that the device-mapper device of `/usr` is made of.
fn below_usr() -> Option<Vec<String>> {
    let names = |path: &Path| -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    };
    let class = Path::new(SYS_BLOCK);
    let is_usr = |name: &String| {
        fs::read_to_string(class.join(name).join("dm/name")).is_ok_and(|name| name.trim() == USR_DEVICE)
    };
    let device = names(class).into_iter().find(is_usr)?;
    Some(names(&class.join(device).join("slaves")))
}

/// The `/usr` that this kernel was made for: its command line names it.
///
/// # Errors
/// It names none, as that of a container's host may.
pub fn running_usrhash() -> Result<RootHash> {
    let line = fs::read_to_string(COMMAND_LINE).with_context(|| format!("read {COMMAND_LINE}"))?;
    let value = args::words(&line).find(|(name, _)| name == args::USRHASH).and_then(|(_, value)| value);
    let value = value.with_context(|| format!("{COMMAND_LINE} has no {}=", args::USRHASH))?;
    Ok(value.parse()?)
}

/// See [`Deployment::of_disk`].
pub fn of_disk(name: &str, running: Option<Running>) -> Result<Deployment> {
    let disk = block::disk(name).with_context(|| format!("there is no disk {name}"))?;
    let node = device_path(name);
    let file = File::open(&node).with_context(|| format!("open {}", node.display()))?;
    let loaded = partition_table::load(&file, partition_table::geometry(&disk))
        .with_context(|| format!("read the partition table of {name}"))?;
    let region = |wanted: layout::Partition| -> Result<Region> {
        let Some(partition) = loaded.table.find(&wanted) else {
            bail!("{name} has no partition {}", wanted.label);
        };
        let device = disk.partitions.iter().find(|device| device.number == partition.number);
        let device = device.with_context(|| format!("the kernel sees no {} on {name}", wanted.label))?;
        Ok(Region { path: device_path(&device.name), offset: 0, size: device.size })
    };
    of_regions(region, &loaded.table, running)
}

/// See [`Deployment::of_image`].
pub fn of_image(path: &Path, running: Option<Running>) -> Result<Deployment> {
    let doing = || format!("read {}", path.display());
    let file = File::open(path).with_context(doing)?;
    let geometry = Geometry::new(file.metadata().with_context(doing)?.len(), SECTOR);
    let loaded = partition_table::load(&file, geometry).with_context(doing)?;
    let region = |wanted: layout::Partition| -> Result<Region> {
        let partition = loaded.table.find(&wanted);
        let partition =
            partition.with_context(|| format!("{} has no partition {}", path.display(), wanted.label))?;
        let (offset, end) = (partition.first * SECTOR, (partition.last + 1) * SECTOR);
        Ok(Region { path: path.to_owned(), offset, size: end.saturating_sub(offset) })
    };
    of_regions(region, &loaded.table, running)
}

fn of_regions(
    region: impl Fn(layout::Partition) -> Result<Region>,
    table: &Table,
    running: Option<Running>,
) -> Result<Deployment> {
    let slot = |slot: Slot| -> Result<SlotDevice> {
        Ok(SlotDevice { slot, data: region(slot.data())?, hashes: region(slot.verity())? })
    };
    let esp_partition = table.find(&ESP).map(|esp| Partition {
        number: esp.number,
        first: esp.first,
        blocks: esp.last.saturating_sub(esp.first).saturating_add(1),
        guid: esp.guid,
    });
    Ok(Deployment { running, slots: [slot(Slot::A)?, slot(Slot::B)?], esp: region(ESP)?, esp_partition })
}
