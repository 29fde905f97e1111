//! USB's identification: the names of the vendor and the product, and the serial number.

use crate::encode::{encode, part};
use crate::sysfs::Device;
use crate::uevent::Properties;

/// Mass storage, and its subclasses that speak SCSI: its transparent command set and ATAPI (USB Mass
/// Storage Class Specification Overview 1.4).
const STORAGE: &str = "08";
const SPEAKS_SCSI: [&str; 2] = ["06", "02"];

/// What is known of a device on USB, as udev's properties with and without `USB_` in them.
pub fn properties(device: &Device<'_>) -> Properties {
    let mut found = Properties::new();
    let Some(interface) = device.above("usb", Some("usb_interface")) else { return found };
    let Some(usb) = interface.above("usb", Some("usb_device")) else { return found };
    let speaks_scsi = interface.word("bInterfaceClass").as_deref() == Some(STORAGE)
        && interface.word("bInterfaceSubClass").is_some_and(|class| SPEAKS_SCSI.contains(&class.as_str()));
    let scsi = device.above("scsi", Some("scsi_device")).filter(|_| speaks_scsi);
    // What the disk behind says, else what the device says, else its numbers.
    let named = |of_scsi: &str, of_usb: &str, id: &str| {
        let scsi =
            scsi.as_ref().and_then(|scsi| scsi.attribute(of_scsi)).filter(|text| !part(text).is_empty());
        scsi.or_else(|| usb.attribute(of_usb)).or_else(|| usb.attribute(id)).unwrap_or_default()
    };
    let vendor = named("vendor", "manufacturer", "idVendor");
    let model = named("model", "product", "idProduct");
    let revision = named("rev", "bcdDevice", "bcdDevice");
    let serial = usb.attribute("serial").filter(|text| {
        // Such a number is broken, and the same on many devices.
        text.bytes().all(|byte| (0x20..0x80).contains(&byte) && byte != b',')
    });
    let serial = part(&serial.unwrap_or_default());
    // Each unit of one device has the same serial number.
    let instance = scsi.as_ref().and_then(|scsi| {
        let name = scsi.name();
        let parts: Vec<&str> = name.split(':').collect();
        (parts.len() == 4).then(|| format!("{}:{}", parts[2], parts[3]))
    });
    let mut whole = format!("{}_{}", part(&vendor), part(&model));
    if !serial.is_empty() {
        whole.push_str(&format!("_{serial}"));
    }
    if let Some(instance) = &instance {
        whole.push_str(&format!("-{instance}"));
    }
    let mut put = |key: &str, value: String| {
        if !value.is_empty() {
            found.insert(format!("ID_{key}"), value.clone());
            found.insert(format!("ID_USB_{key}"), value);
        }
    };
    put("VENDOR", part(&vendor));
    put("VENDOR_ENC", encode(&vendor));
    put("VENDOR_ID", usb.word("idVendor").unwrap_or_default());
    put("MODEL", part(&model));
    put("MODEL_ENC", encode(&model));
    put("MODEL_ID", usb.word("idProduct").unwrap_or_default());
    let kind = scsi.as_ref().and_then(|scsi| scsi.word("type"));
    put("TYPE", kind.map_or("", |kind| super::scsi::kind(&kind)).to_owned());
    put("REVISION", part(&revision));
    put("SERIAL", whole);
    put("SERIAL_SHORT", serial);
    put("INSTANCE", instance.unwrap_or_default());
    found.insert("ID_BUS".to_owned(), "usb".to_owned());
    let number = interface.word("bInterfaceNumber");
    found.extend(number.map(|number| ("ID_USB_INTERFACE_NUM".to_owned(), number)));
    found.extend(interface.driver().map(|driver| ("ID_USB_DRIVER".to_owned(), driver)));
    found
}
