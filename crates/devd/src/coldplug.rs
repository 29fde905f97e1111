//! The devices that are there already. Their `uevent` files say what an `add` event would: reading them costs a tenth of
//! having the kernel send one for each.

use std::collections::BTreeSet;

use devices::sysfs::{DEVICES, Device, ROOT, Sysfs};
use devices::uevent::{Event, Properties};

/// Folders of links to what has a node.
const NODES: [&str; 2] = ["/sys/dev/block", "/sys/dev/char"];
/// Subsystems of which everything that is there matters, with a node or not.
const CLASSES: [&str; 1] = ["/sys/class/net"];

/// The event that a device would be announced by, if it is there.
pub fn event(sysfs: &dyn Sysfs, path: &str, action: &str) -> Option<Event> {
    let device = Device::at(sysfs, path);
    if !device.has("uevent") {
        return None;
    }
    let mut properties = device.uevent();
    let mut put = |key: &str, value: String| drop(properties.insert(key.to_owned(), value));
    put("ACTION", action.to_owned());
    put("DEVPATH", path.strip_prefix(ROOT)?.to_owned());
    if let Some(subsystem) = device.subsystem() {
        put("SUBSYSTEM", subsystem);
    }
    Event::of(properties)
}

/// The paths of the network interfaces, and of the devices that have a node, block devices first and parents before
/// what is on them.
pub fn devices(sysfs: &dyn Sysfs) -> Vec<String> {
    let mut found = Vec::new();
    for folder in CLASSES.iter().chain(&NODES) {
        let names = sysfs.list(folder);
        let mut paths: Vec<String> =
            names.iter().filter_map(|name| sysfs.link(&format!("{folder}/{name}"))).collect();
        paths.sort();
        found.extend(paths.into_iter().filter(|path| path.starts_with(DEVICES)));
    }
    found
}

/// The aliases of all devices on buses.
pub fn aliases(sysfs: &dyn Sysfs) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for bus in sysfs.list("/sys/bus") {
        let folder = format!("/sys/bus/{bus}/devices");
        for name in sysfs.list(&folder) {
            let properties: Properties = Device::at(sysfs, format!("{folder}/{name}")).uevent();
            found.extend(properties.get("MODALIAS").filter(|alias| !alias.is_empty()).cloned());
        }
    }
    // What the firmware says of the machine as a whole.
    let machine = Device::at(sysfs, "/sys/devices/virtual/dmi/id").uevent();
    found.extend(machine.get("MODALIAS").cloned());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use devices::sysfs::Tree;
    use devices::uevent::Action;

    const MACHINE: &str = "
        /sys/class/net/eth0 -> /sys/devices/pci0/net/eth0
        /sys/dev/block/254:0 -> /sys/devices/pci0/block/vda
        /sys/dev/block/254:1 -> /sys/devices/pci0/block/vda/vda1
        /sys/bus/pci/devices/0 -> /sys/devices/pci0
        /sys/devices/pci0
          uevent = MODALIAS=pci:v1\\n
        /sys/devices/pci0/net/eth0
          subsystem -> /sys/class/net
        /sys/devices/pci0/block/vda/vda1
        /sys/devices/pci0/block/vda
          uevent = MAJOR=254\\nDEVNAME=vda\\n
          subsystem -> /sys/class/block
    ";

    #[test]
    fn interfaces_come_first_then_disks_then_their_partitions() {
        let tree = Tree::of(MACHINE);
        let expected =
            ["/sys/devices/pci0/net/eth0", "/sys/devices/pci0/block/vda", "/sys/devices/pci0/block/vda/vda1"];
        assert_eq!(devices(&tree), expected);
        assert_eq!(aliases(&tree).into_iter().collect::<Vec<_>>(), ["pci:v1"]);
    }

    #[test]
    fn a_file_says_what_an_event_would() {
        let tree = Tree::of(MACHINE);
        let event = event(&tree, "/sys/devices/pci0/block/vda", "add").unwrap();
        assert_eq!(
            (event.action, event.subsystem(), event.get("DEVNAME")),
            (Action::Add, "block", Some("vda"))
        );
        assert_eq!(super::event(&tree, "/sys/devices/none", "add"), None);
    }
}
