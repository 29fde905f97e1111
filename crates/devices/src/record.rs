//! What is told of a device in [`layout::path::DEVICES`], a file a device: PID 1 makes its unit of it.
//! `KEY=value` a line; `DEVLINKS` holds absolute paths parted by blanks.

use crate::uevent::{Event, Properties};
use unit::text::escape::escape_path;

/// What an event has and the file has not: what is about the event itself, and what only devd says. The kernel has no
/// such keys, but a device's own text in its `uevent` file may hold a line that looks like one.
const NOT_TOLD: [&str; 9] = [
    "ACTION",
    "DEVPATH",
    "DEVPATH_OLD",
    "SEQNUM",
    "SYNTH_UUID",
    "MODALIAS",
    "DEVLINKS",
    "SYSTEMD_ALIAS",
    "SYSTEMD_WANTS",
];

/// The name of a device's file: its path in sysfs, escaped as for unit names.
pub fn file_name(path: &str) -> Option<String> {
    // A file's name has 255 bytes at most.
    escape_path(path).filter(|name| name.len() <= 255)
}

/// Whether a device is told of: block devices, network interfaces, serial terminals, TPMs, and what
/// has a link.
pub fn is_told(subsystem: &str, name: &str, has_links: bool) -> bool {
    let serial = ["ttyS", "ttyUSB", "ttyACM", "ttyAMA", "hvc", "xvc"];
    match subsystem {
        "block" | "net" | "tpm" | "tpmrm" => true,
        "tty" => serial.iter().any(|start| name.starts_with(start)),
        _ => has_links,
    }
}

/// The file's text. `links` are relative to /dev, `found` what was found out about the device.
pub fn text(event: &Event, links: &[String], found: &Properties) -> String {
    let mut lines = Properties::new();
    let mut put = |key: &str, value: String| drop(lines.insert(key.to_owned(), value));
    let told = event.properties.iter().filter(|(key, _)| !NOT_TOLD.contains(&key.as_str()));
    for (key, value) in told.chain(found) {
        put(key, value.clone());
    }
    put("SYSPATH", event.path.clone());
    if let Some(name) = event.get("DEVNAME") {
        put("DEVNAME", format!("/dev/{}", name.trim_start_matches("/dev/")));
    }
    if !links.is_empty() {
        let links: Vec<String> = links.iter().map(|link| format!("/dev/{link}")).collect();
        put("DEVLINKS", links.join(" "));
    }
    if event.subsystem() == "net"
        && let Some(name) = lines.get("INTERFACE").cloned()
    {
        lines.insert("SYSTEMD_ALIAS".to_owned(), format!("/sys/subsystem/net/devices/{name}"));
    }
    let one_line = |value: &str| value.replace(['\n', '\r'], " ");
    lines.iter().map(|(key, value)| format!("{key}={}\n", one_line(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_a_unit_is_made_of() {
        let pairs = [
            ("ACTION", "add"),
            ("DEVPATH", "/devices/pci0/block/vda"),
            ("SUBSYSTEM", "block"),
            ("DEVNAME", "vda"),
            ("SEQNUM", "7"),
            ("SYSTEMD_WANTS", "evil.service"),
            ("MAJOR", "254"),
        ];
        let event = Event::of(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap();
        let found = Properties::from([("ID_SERIAL".to_owned(), "a\nb".to_owned())]);
        let links = ["disk/by-id/x".to_owned(), "disk/by-path/y".to_owned()];
        assert_eq!(
            text(&event, &links, &found),
            "DEVLINKS=/dev/disk/by-id/x /dev/disk/by-path/y\nDEVNAME=/dev/vda\nID_SERIAL=a b\nMAJOR=254\n\
             SUBSYSTEM=block\nSYSPATH=/sys/devices/pci0/block/vda\n"
        );
        assert_eq!(file_name(&event.path).as_deref(), Some("sys-devices-pci0-block-vda"));
    }

    #[test]
    fn devices_of_interest() {
        for (subsystem, name, links, told) in [
            ("block", "vda", false, true),
            ("net", "lo", false, true),
            ("tty", "ttyS0", false, true),
            ("tty", "ttyUSB0", false, true),
            ("tty", "hvc0", false, true),
            ("tty", "tty1", false, false),
            ("tpmrm", "tpmrm0", false, true),
            ("misc", "kvm", false, false),
            ("virtio-ports", "vport1p1", true, true),
        ] {
            assert_eq!(is_told(subsystem, name, links), told, "{name}");
        }
    }
}
