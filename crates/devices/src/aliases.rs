//! Links of devices that are no disks.

use crate::encode::attribute;
use crate::sysfs::Device;

/// The links of a device, relative to /dev, with their priorities.
pub fn links(subsystem: &str, device: &Device<'_>) -> Vec<(String, i32)> {
    let mut links = Vec::new();
    match subsystem {
        "virtio-ports" => {
            let name = device.word("name").filter(|name| !name.contains('/'));
            links.extend(name.map(|name| (format!("virtio-ports/{}", attribute(&name)), 0)));
        }
        // The clock that the kernel set its own by; else the first.
        "rtc" if device.word("hctosys").as_deref() == Some("1") => links.push(("rtc".to_owned(), 0)),
        "rtc" if device.name() == "rtc0" => links.push(("rtc".to_owned(), -100)),
        "ptp" => match device.word("clock_name").as_deref() {
            Some("KVM virtual PTP") => links.push(("ptp_kvm".to_owned(), 0)),
            Some("hyperv") => links.push(("ptp_hyperv".to_owned(), 0)),
            _ => {}
        },
        _ => {}
    }
    links.retain(|(link, _)| !link.split('/').any(|part| matches!(part, "" | "." | "..")));
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::Tree;

    #[test]
    fn ports_and_clocks() {
        for (subsystem, name, file, expected) in [
            (
                "virtio-ports",
                "vport1p1",
                "name = org.example.port",
                Some(("virtio-ports/org.example.port", 0)),
            ),
            ("virtio-ports", "vport1p2", "name = ..", None),
            ("virtio-ports", "vport1p0", "name =", None),
            ("rtc", "rtc0", "hctosys = 1", Some(("rtc", 0))),
            ("rtc", "rtc0", "hctosys = 0", Some(("rtc", -100))),
            ("rtc", "rtc1", "hctosys = 0", None),
            ("ptp", "ptp0", "clock_name = KVM virtual PTP", Some(("ptp_kvm", 0))),
        ] {
            let path = format!("/sys/devices/{name}");
            let tree = Tree::of(&format!("{path}\n{file}\n"));
            let links = links(subsystem, &Device::at(&tree, path));
            let links: Vec<_> = links.iter().map(|(link, priority)| (link.as_str(), *priority)).collect();
            assert_eq!(links, expected.into_iter().collect::<Vec<_>>(), "{name} {file}");
        }
    }
}
