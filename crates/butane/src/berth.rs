//! What the sugar of others asks for and Berth does not have. What Ignition configs themselves may
//! ask for in vain, crate `ignition` knows.

use ignition::Severity;
use layout::disk::PARTITIONS;
use serde_json::{Map, Value as Json};

use crate::Variant;
use crate::read::{Path, Reader};
use crate::sugar::{is_set, items, text};

/// Labels of the partitions of Fedora CoreOS's image.
const COREOS_LABELS: [&str; 5] = ["BIOS-BOOT", "EFI-SYSTEM", "PowerPC-PReP-boot", "boot", "root"];
/// The name by which Fedora CoreOS's configs mean the disk that the system is on.
const COREOS_DISK: &str = "/dev/disk/by-id/coreos-boot-disk";

pub(crate) fn check(reader: &mut Reader<'_>, config: &Map<String, Json>) {
    let root = Path::root();
    boot_device(reader, config.get("bootDevice"), &root.key("boot_device"));
    if config.get("grub").and_then(|grub| grub.get("users")).is_some() {
        let why = "Berth's boot loaders have neither a menu, an editor nor users: leave it out";
        reader.error(&root.key("grub").key("users"), why);
    }
    let storage = root.key("storage");
    for (index, luks) in items(config, "storage", "luks").iter().enumerate() {
        if reader.format.variant == Variant::Flatcar && luks.get("clevis").is_some() {
            let path = storage.key("luks").item(index).key("clevis");
            reader.error(&path, "the variant flatcar has no clevis");
        }
    }
    for (index, disk) in items(config, "storage", "disks").iter().enumerate() {
        partitions(reader, disk, &storage.key("disks").item(index).key("partitions"));
    }
}

/// The sugar that lays out Fedora CoreOS's disk anew. On Berth's it would wipe the system.
fn boot_device(reader: &mut Reader<'_>, device: Option<&Json>, path: &Path) {
    let Some(device) = device else { return };
    if let Some(layout) = text(device, "layout")
        && layout != "x86_64"
    {
        reader
            .error(&path.key("layout"), format!("Berth runs on x86_64 only, not with the layout `{layout}`"));
    }
    if device.get("mirror").is_some() {
        let why = "Berth's own disk cannot be a mirror yet; other disks can, with storage.raid";
        reader.error(&path.key("mirror"), why);
    }
    if let Some(luks) = device.get("luks")
        && (is_set(luks, "tpm2")
            || luks.get("tang").is_some()
            || luks.get("cex").is_some_and(|cex| is_set(cex, "enabled")))
    {
        reader.error(&path.key("luks"), "Berth's own disk cannot be encrypted yet");
    }
}

fn partitions(reader: &mut Reader<'_>, disk: &Json, path: &Path) {
    if reader.format.variant != Variant::Fcos || is_set(disk, "wipeTable") {
        return;
    }
    let all = disk.get("partitions").and_then(Json::as_array).into_iter().flatten();
    for (index, partition) in all.enumerate() {
        let Some(label) = partition.get("label").and_then(Json::as_str) else { continue };
        let path = path.item(index);
        if COREOS_LABELS.contains(&label) {
            let own = PARTITIONS.map(|partition| partition.label).join(", ");
            let message =
                format!("`{label}` is a partition of Fedora CoreOS; on Berth's disk there are {own}");
            reader.say(Severity::Warning, &path.key("label"), message);
        }
        if reader.format.version >= 6
            && partition.get("number").is_none()
            && text(disk, "device") != Some(COREOS_DISK)
        {
            let message =
                "without a number it is taken for a new partition, even if one with this label is there";
            reader.say(Severity::Warning, &path, message);
        }
    }
}
