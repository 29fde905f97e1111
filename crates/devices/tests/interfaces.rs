//! Names of network interfaces: what sysfs has of a machine, and the names that follow.
#![allow(clippy::unwrap_used)] // A test that cannot go on ends there.

use devices::net::names::names;
use devices::sysfs::{Device, Tree};

/// A machine's PCI functions, and the interface at `net/x` of the last; further lines are of the interface.
fn named(parents: &str, path: &str, more: &str) -> String {
    let text = format!(
        "{parents}
         {path}/net/x
         subsystem -> /sys/class/net
         ifindex = 3
         iflink = 3
         type = 1
         addr_assign_type = 0
         address = 52:54:00:00:00:0a
         {more}"
    );
    let tree = Tree::of(&text);
    let names = names(&Device::at(&tree, format!("{path}/net/x"))).unwrap();
    let shown = |what: &str, name: Option<String>| name.map(|name| format!("{what}={name}"));
    let all = [
        shown("onboard", names.onboard),
        shown("label", names.label),
        shown("slot", names.slot),
        shown("path", names.path),
        shown("mac", names.mac),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

const PCI: &str = "/sys/devices/pci0000:00/0000:00:03.0
    subsystem -> /sys/bus/pci";

/// A root port, a bridge in it, and a function behind that.
const BEHIND: &str = "/sys/devices/pci0000:00/0000:00:05.3
    subsystem -> /sys/bus/pci
    modalias = pci:v00001B36d0000000Csv00000000sd00000000bc06sc04i00
    /sys/devices/pci0000:00/0000:00:05.3/0000:04:00.0
    subsystem -> /sys/bus/pci
    modalias = pci:v00001B36d0000000Esv00000000sd00000000bc06sc04i00
    /sys/devices/pci0000:00/0000:00:05.3/0000:04:00.0/0000:05:07.0
    subsystem -> /sys/bus/pci
    modalias = pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00";

#[test]
fn a_function_on_the_first_bus() {
    let pci = "/sys/devices/pci0000:00/0000:00:03.0";
    let virtio = format!("{PCI}\n{pci}/virtio0\nsubsystem -> /sys/bus/virtio");
    for (parents, path, more, expected) in [
        (PCI.to_owned(), pci.to_owned(), "", "path=enp0s3 mac=enx52540000000a"),
        (virtio, format!("{pci}/virtio0"), "", "path=enp0s3 mac=enx52540000000a"),
        (
            format!("{PCI}\nacpi_index = 5"),
            pci.to_owned(),
            "",
            "onboard=eno5 path=enp0s3 mac=enx52540000000a",
        ),
        (
            format!("{PCI}\nindex = 2\nlabel = LAN A"),
            pci.to_owned(),
            "",
            "onboard=eno2 label=LAN A path=enp0s3 mac=enx52540000000a",
        ),
        (
            format!("{PCI}\nacpi_index = 0"),
            pci.to_owned(),
            "",
            "onboard=eno0 path=enp0s3 mac=enx52540000000a",
        ),
        (format!("{PCI}\nacpi_index = 16777215"), pci.to_owned(), "", "path=enp0s3 mac=enx52540000000a"),
        (
            format!("{PCI}\nfirmware_node/sun = 4"),
            pci.to_owned(),
            "",
            "slot=ens4 path=enp0s3 mac=enx52540000000a",
        ),
        // Ports of one function.
        (PCI.to_owned(), pci.to_owned(), "dev_port = 1", "path=enp0s3d1 mac=enx52540000000a"),
        (PCI.to_owned(), pci.to_owned(), "phys_port_name = p1", "path=enp0s3np1 mac=enx52540000000a"),
        (PCI.to_owned(), pci.to_owned(), "phys_port_name = pf0vf12", "path=enp0s3r12 mac=enx52540000000a"),
        (
            PCI.to_owned(),
            pci.to_owned(),
            "phys_port_name = p0\ndev_port = 1",
            "path=enp0s3np0 mac=enx52540000000a",
        ),
        // An address that is made up names nothing.
        (PCI.to_owned(), pci.to_owned(), "addr_assign_type = 3", "path=enp0s3"),
        // What it speaks, and what it is.
        (PCI.to_owned(), pci.to_owned(), "uevent = DEVTYPE=wlan\\n", "path=wlp0s3 mac=wlx52540000000a"),
        (PCI.to_owned(), pci.to_owned(), "uevent = DEVTYPE=wwan\\n", "path=wwp0s3 mac=wwx52540000000a"),
        (PCI.to_owned(), pci.to_owned(), "type = 32\ndev_id = 0x1", "path=ibp0s3d1"),
    ] {
        assert_eq!(named(&parents, &path, more), expected, "{parents}\n{more}");
    }
}

#[test]
fn functions_and_domains() {
    let multifunction = format!("config = {}\\x80", "\\x00".repeat(14));
    let function = |name: &str, more: &str| {
        let path = format!("/sys/devices/pci/{name}");
        (format!("{path}\nsubsystem -> /sys/bus/pci\n{more}"), path)
    };
    for (name, more, expected) in [
        ("0000:00:06.0", multifunction.as_str(), "path=enp0s6f0 mac=enx52540000000a"),
        ("0000:00:06.1", "", "path=enp0s6f1 mac=enx52540000000a"),
        ("0000:3b:00.1", "", "path=enp59s0f1 mac=enx52540000000a"),
        ("0000:03:02.1", "ari_enabled = 1", "path=enp3s2f17 mac=enx52540000000a"),
        ("10000:01:00.0", "", "path=enP65536p1s0 mac=enx52540000000a"),
        ("0001:01:00.0", "firmware_node/sun = 3", "slot=enP1s3 path=enP1p1s0 mac=enx52540000000a"),
    ] {
        let (parents, path) = function(name, more);
        assert_eq!(named(&parents, &path, ""), expected, "{name} {more}");
    }
}

#[test]
fn slots_of_hotplug() {
    let path = "/sys/devices/pci0000:00/0000:00:05.3/0000:04:00.0/0000:05:07.0";
    let slot = |number: &str, address: &str| format!("/sys/bus/pci/slots/{number}/address = {address}");
    for (slots, expected) in [
        (String::new(), "path=enp5s7 mac=enx52540000000a"),
        (slot("7", "0000:05:07"), "slot=ens7 path=enp5s7 mac=enx52540000000a"),
        // A name that is no number, or zero, is no slot's number.
        (slot("7-1", "0000:05:07") + "\n" + &slot("0", "0000:05:07"), "path=enp5s7 mac=enx52540000000a"),
        // The slot that the bridge is in is everybody's behind it.
        (slot("4", "0000:04:00"), "path=enp5s7 mac=enx52540000000a"),
    ] {
        assert_eq!(named(&format!("{BEHIND}\n{slots}"), path, ""), expected, "{slots}");
    }
    // The port says the number; the function in it is its only one.
    let behind = BEHIND.replace(
        "/sys/devices/pci0000:00/0000:00:05.3/0000:04:00.0\n",
        "/sys/devices/pci0000:00/0000:00:05.3/0000:04:00.0\nfirmware_node/sun = 9\n",
    );
    assert_eq!(named(&behind, path, ""), "path=enp5s7 mac=enx52540000000a");
}

#[test]
fn virtual_functions_have_the_name_of_the_physical_one() {
    let parents = "/sys/devices/pci0/0000:03:00.0
        subsystem -> /sys/bus/pci
        acpi_index = 2
        virtfn0 -> /sys/devices/pci0/0000:03:10.0
        virtfn1 -> /sys/devices/pci0/0000:03:10.2
        /sys/devices/pci0/0000:03:10.2
        subsystem -> /sys/bus/pci
        physfn -> /sys/devices/pci0/0000:03:00.0";
    let got = named(parents, "/sys/devices/pci0/0000:03:10.2", "");
    assert_eq!(got, "onboard=eno2v1 path=enp3s0v1 mac=enx52540000000a");
}

#[test]
fn usb_other_buses_and_none() {
    let usb = |interface: &str| {
        let path = format!("/sys/devices/pci0/0000:00:14.0/usb1/1-2/1-2.3/{interface}");
        let parents = format!(
            "/sys/devices/pci0/0000:00:14.0
             subsystem -> /sys/bus/pci
             acpi_index = 1
             {path}
             uevent = DEVTYPE=usb_interface\\n
             subsystem -> /sys/bus/usb"
        );
        (parents, path)
    };
    for (interface, expected) in [
        ("1-2.3:1.0", "path=enp0s20u2u3 mac=enx52540000000a"),
        ("1-2.3:2.1", "path=enp0s20u2u3c2i1 mac=enx52540000000a"),
    ] {
        let (parents, path) = usb(interface);
        assert_eq!(named(&parents, &path, ""), expected);
    }
    for (subsystem, path, expected) in [
        ("platform", "/sys/devices/platform/HISI00C2:01", "path=enahisic2i1 mac=enx52540000000a"),
        ("platform", "/sys/devices/platform/QCOM8070:0a", "path=enaqcom8070i10 mac=enx52540000000a"),
        ("platform", "/sys/devices/platform/soc", "mac=enx52540000000a"),
        ("xen", "/sys/devices/vif-3", "slot=enX3 mac=enx52540000000a"),
        ("ccw", "/sys/devices/css0/0.0.0600", "path=enc600 mac=enx52540000000a"),
        ("vmbus", "/sys/devices/LNXSYSTM:00/x", "mac=enx52540000000a"),
    ] {
        let parents = format!("{path}\nsubsystem -> /sys/bus/{subsystem}");
        assert_eq!(named(&parents, path, ""), expected, "{path}");
    }
}

#[test]
fn interfaces_on_others_and_loopback_have_no_names() {
    for more in ["iflink = 2", "type = 772", "type = 65534"] {
        let tree =
            Tree::of(&format!("/sys/devices/virtual/net/x\nifindex = 3\niflink = 3\ntype = 1\n{more}"));
        assert_eq!(names(&Device::at(&tree, "/sys/devices/virtual/net/x")), None, "{more}");
    }
}
