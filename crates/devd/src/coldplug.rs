//! The devices that are there already. Their `uevent` files say what an `add` event would: reading them costs a tenth of
//! having the kernel send one for each.

use std::collections::BTreeSet;

use devices::sysfs::{DEVICES, Device, ROOT, Sysfs};
use devices::uevent::{self, Event, Properties};

/// Folders of links to what has a node.
const NODES: [&str; 2] = ["/sys/dev/block", "/sys/dev/char"];
const CONSOLES: &str = "/sys/devices/virtual/tty";
/// Subsystems of which everything that is there matters, with a node or not.
const CLASSES: [&str; 1] = ["/sys/class/net"];

/// The event that a device would be announced by, if it is there.
pub fn event(sysfs: &dyn Sysfs, path: &str, action: &str) -> Option<Event> {
    let device = Device::at(sysfs, path);
    let mut properties = uevent::lines(&device.read("uevent")?);
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
        let mut paths: Vec<String> = names
            .iter()
            .filter_map(|name| console(name).or_else(|| sysfs.link(&format!("{folder}/{name}"))))
            .collect();
        paths.sort();
        found.extend(paths.into_iter().filter(|path| path.starts_with(DEVICES)));
    }
    found
}

/// The path of a console by its numbers: there are 63, and each has those (Linux, Documentation/admin-guide/devices.txt).
fn console(numbers: &str) -> Option<String> {
    let number: u8 = numbers.strip_prefix("4:")?.parse().ok()?;
    (1..=63).contains(&number).then(|| format!("{CONSOLES}/tty{number}"))
}

/// Buses whose devices have no alias; some have thousands of them.
const WITHOUT_ALIASES: [&str; 9] = [
    "clockevents",
    "clocksource",
    "container",
    "edac",
    "event_source",
    "machinecheck",
    "memory",
    "node",
    "workqueue",
];

/// The subsystem and the name of a device whose node is all that there is to it: of those the path says enough, and
/// there are many.
pub fn bare(path: &str) -> Option<(&str, &str)> {
    let (subsystem, name) = path.strip_prefix("/sys/devices/virtual/")?.split_once('/')?;
    let is_console = name.strip_prefix("tty").is_some_and(|number| number.parse::<u8>().is_ok());
    match subsystem {
        "vc" => Some((subsystem, name)),
        "tty" if is_console => Some((subsystem, name)),
        _ => None,
    }
}

/// The aliases of all devices on buses.
pub fn aliases(sysfs: &dyn Sysfs) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for bus in sysfs.list("/sys/bus").iter().filter(|bus| !WITHOUT_ALIASES.contains(&bus.as_str())) {
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
    fn consoles_are_known_by_their_numbers() {
        for (numbers, expected) in [
            ("4:1", Some("/sys/devices/virtual/tty/tty1")),
            ("4:63", Some("/sys/devices/virtual/tty/tty63")),
            ("4:0", None),
            ("4:64", None),
            ("5:1", None),
            ("14:1", None),
        ] {
            assert_eq!(console(numbers).as_deref(), expected, "{numbers}");
        }
    }

    #[test]
    fn consoles_are_known_by_their_paths() {
        for (path, expected) in [
            ("/sys/devices/virtual/tty/tty12", Some(("tty", "tty12"))),
            ("/sys/devices/virtual/vc/vcsa1", Some(("vc", "vcsa1"))),
            ("/sys/devices/virtual/tty/tty", None),
            ("/sys/devices/virtual/tty/hvc0", None),
            ("/sys/devices/virtual/misc/fuse", None),
            ("/sys/devices/platform/serial8250/tty/ttyS1", None),
        ] {
            assert_eq!(bare(path), expected, "{path}");
        }
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
