//! What hardware a disk is: links by serial numbers and world-wide names.

use crate::encode::{attribute, replace_unsafe};
use crate::sysfs::Device;
use crate::uevent::Properties;

use super::{Facts, Names, ata, scsi, usb};

/// Finds out which disk it is, and links its names; `suffix` ends those of a partition.
pub fn identify(disk: &Device<'_>, facts: &Facts, suffix: &str, names: &mut Names) {
    let name = disk.name();
    let by_id = |what: &str| format!("disk/by-id/{what}{suffix}");
    match name.as_str() {
        name if name.starts_with("nvme") => nvme(disk, suffix, names),
        name if name.starts_with("vd") => {
            if let Some(serial) = disk.inherited("serial") {
                names.put("ID_SERIAL", property(&serial));
                names.link(by_id(&format!("virtio-{}", attribute(&serial))));
            }
        }
        name if name.starts_with("sd") || name.starts_with("sr") || name.starts_with("cciss") => {
            names.properties.extend(disk_properties(disk, facts));
            let get = |key: &str| names.get(key).map(str::to_owned);
            let (bus, serial) = (get("ID_BUS"), get("ID_SERIAL"));
            let (usb, wwn) = (get("ID_USB_SERIAL"), get("ID_WWN_WITH_EXTENSION"));
            if let (Some(bus), Some(serial)) = (&bus, &serial) {
                names.link(by_id(&format!("{bus}-{serial}")));
            }
            if let Some(serial) = usb.filter(|_| bus.as_deref() != Some("usb")) {
                names.link(by_id(&format!("usb-{serial}")));
            }
            if let Some(wwn) = wwn {
                names.link(by_id(&format!("wwn-{wwn}")));
            }
        }
        name if name.starts_with("mmcblk") => {
            if let (Some(card), Some(serial)) = (disk.inherited("name"), disk.inherited("serial")) {
                names.link(by_id(&format!("mmc-{}_{}", attribute(&card), attribute(&serial))));
                names.put("ID_NAME", card);
                names.put("ID_SERIAL", serial);
            }
        }
        name if name.starts_with("pmem") => {
            if let Some(uuid) = disk.inherited("uuid") {
                names.link(by_id(&format!("pmem-{}", attribute(&uuid))));
            }
        }
        _ => {}
    }
}

/// An attribute's text as a property: blanks stay.
fn property(text: &str) -> String {
    replace_unsafe(text.trim_end(), "/ $%?,")
}

/// Of a SCSI disk or drive, whatever it speaks behind that: ATA first, then USB, then SCSI itself.
fn disk_properties(disk: &Device<'_>, facts: &Facts) -> Properties {
    let on_usb = disk.above("usb", Some("usb_interface")).is_some();
    let mut found = match &facts.ata {
        Some(data) if is_ata(disk) => ata::properties(data),
        _ => Properties::new(),
    };
    if on_usb {
        let usb = usb::properties(disk);
        // What ATA says of the disk stays; the bridge it is behind is told apart.
        let is_known = found.contains_key("ID_BUS");
        found.extend(usb.into_iter().filter(|(key, _)| !is_known || key.starts_with("ID_USB_")));
    }
    if !found.contains_key("ID_SERIAL") {
        found.extend(scsi::properties(disk));
        found.insert("ID_BUS".to_owned(), "scsi".to_owned());
    }
    found
}

/// Whether a SCSI device is an ATA disk, or an ATAPI drive.
pub fn is_ata(disk: &Device<'_>) -> bool {
    let Some(device) = disk.above("scsi", Some("scsi_device")) else { return false };
    let level = device.decimal::<u32>("scsi_level").unwrap_or(0);
    device.word("vendor").as_deref() == Some("ATA")
        || device.word("type").as_deref() == Some("5") && (6..=9).contains(&level)
}

fn nvme(disk: &Device<'_>, suffix: &str, names: &mut Names) {
    let [serial, wwid, model, revision, namespace] =
        ["serial", "wwid", "model", "firmware_rev", "nsid"].map(|name| disk.inherited(name));
    let known = [
        ("ID_SERIAL_SHORT", &serial),
        ("ID_WWN", &wwid),
        ("ID_MODEL", &model),
        ("ID_REVISION", &revision),
        ("ID_NSID", &namespace),
    ];
    for (key, value) in known.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
        names.put(key, property(value));
    }
    let by_id = |what: &str| format!("disk/by-id/nvme-{}{suffix}", attribute(what).replace('/', "_"));
    if let Some(wwid) = &wwid {
        names.link(by_id(wwid));
    }
    if let (Some(model), Some(serial)) = (&model, &serial) {
        // The first namespace has the name that it had when there was but one.
        if namespace.as_deref() == Some("1") {
            names.put("ID_SERIAL", format!("{model}_{serial}"));
            names.link(by_id(&format!("{model}_{serial}")));
        }
        if let Some(namespace) = &namespace {
            names.put("ID_SERIAL", attribute(&format!("{model}_{serial}_{namespace}")));
            names.link(by_id(&format!("{model}_{serial}_{namespace}")));
        }
    }
}
