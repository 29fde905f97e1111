//! What a disk on SCSI, ATA or USB says of itself, as whoever made it wishes: its links are paths of their own folders.
#![no_main]

use std::fmt::Write;

use devices::block::{Facts, names};
use devices::superblock::{Contents, Usage};
use devices::sysfs::{Device, Tree};
use devices::uevent::{Event, Properties};
use libfuzzer_sys::fuzz_target;

const SCSI: &str = "/sys/devices/pci0000:00/0000:00:0c.0/usb1/1-1/1-1:1.0/host6/target6:0:1/6:0:1:0";

fuzz_target!(|data: (&[u8], &[u8], &[u8], &[u8], &[u8], bool)| {
    let (page83, page80, text, serial, ata, is_ata) = data;
    let mut tree = String::new();
    let mut put = |line: &str| tree.push_str(&format!("{line}\n"));
    let bytes = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut out, byte| {
            _ = write!(out, "\\x{byte:02x}");
            out
        })
    };
    put("/sys/devices/pci0000:00/0000:00:0c.0\nsubsystem -> /sys/bus/pci");
    put("/sys/devices/pci0000:00/0000:00:0c.0/usb1/1-1\nuevent = DEVTYPE=usb_device\\n\nsubsystem -> /sys/bus/usb");
    for name in ["manufacturer", "product", "serial"] {
        put(&format!("{name} = {}", bytes(serial)));
    }
    put("/sys/devices/pci0000:00/0000:00:0c.0/usb1/1-1/1-1:1.0\nuevent = DEVTYPE=usb_interface\\n");
    put("subsystem -> /sys/bus/usb\nbInterfaceClass = 08\nbInterfaceSubClass = 06");
    put(&format!("{SCSI}\nuevent = DEVTYPE=scsi_device\\n\nsubsystem -> /sys/bus/scsi"));
    for name in ["vendor", "model", "rev"] {
        put(&format!("{name} = {}", if is_ata && name == "vendor" { "ATA".to_owned() } else { bytes(text) }));
    }
    put(&format!("vpd_pg83 = {}\nvpd_pg80 = {}", bytes(page83), bytes(page80)));
    put(&format!("{SCSI}/block/sda\nuevent = DEVNAME=sda\\n\nsubsystem -> /sys/class/block\nsize = 8"));
    let tree = Tree::of(&tree);
    let mut identity = ata.to_vec();
    identity.resize(512, b' ');
    let contents = Contents {
        kind: "ext4",
        usage: Usage::Filesystem,
        uuid: None,
        uuid_sub: None,
        label: Some(serial.to_vec()),
        version: None,
    };
    let facts = Facts { ata: Some(identity), contents: Some(contents), ..Facts::default() };
    let path = format!("{SCSI}/block/sda");
    let names = names(&Device::at(&tree, path.clone()), &facts);
    for (link, _) in &names.links {
        assert!(!link.contains(|c: char| c.is_whitespace() || c.is_control()), "{link:?}");
        assert!(link.split('/').all(|part| !matches!(part, "" | "." | "..")), "{link:?}");
        assert!(link.starts_with("disk/by-"), "{link:?}");
    }
    let pairs = [("ACTION", "add"), ("DEVPATH", &path[4..]), ("DEVNAME", "sda")];
    let event: Properties = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let links: Vec<String> = names.links.into_iter().map(|(link, _)| link).collect();
    let text = devices::record::text(&Event::of(event).unwrap(), &links, &names.properties);
    let known = |line: &str| ["ID_", "DEVNAME=", "DEVLINKS=/dev/disk/", "SYSPATH="].iter().any(|key| line.starts_with(key));
    assert!(text.lines().all(known), "{text}");
});
