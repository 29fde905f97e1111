//! Devices, as devd tells of them.

use std::fs;

use unit::control::{JobAction, Reply, Request};

use crate::harness::{Machine, Units, service, target};

const DISK: &str = "sys-devices-vda";
const NODE: &str = r"dev-test\x2dvda.device";
const LABEL: &str = r"dev-disk-by\x2dlabel-test\x2ddata.device";

/// Tells of a device, as devd does: a file, whole at once.
fn plug(machine: &Machine, lines: &str) {
    let folder = machine.units.path("run/devices");
    let text = format!("SYSPATH=/sys/devices/vda\nSUBSYSTEM=block\nDEVNAME=/dev/test-vda\n{lines}");
    fs::write(folder.join(".new"), text).unwrap();
    fs::rename(folder.join(".new"), folder.join(DISK)).unwrap();
}

fn unplug(machine: &Machine) {
    fs::remove_file(machine.units.path("run/devices").join(DISK)).unwrap();
}

/// A service that is there as long as a device.
fn bound(device: &str) -> String {
    let order = format!("[Unit]\nBindsTo={device}\nAfter={device}");
    service("ExecStart=/bin/sleep 1000").replace("[Unit]", &order)
}

#[test]
fn a_service_comes_and_goes_with_its_device() {
    let machine = Units::new()
        .with("all.target", &target(""))
        .with("a.service", &bound(LABEL))
        .with("wanted.service", &service("ExecStart=/bin/sleep 1000"))
        .with(
            "scan@.service",
            &service("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo %i > @/scanned'"),
        )
        .with(&format!("{NODE}.wants/wanted.service"), "")
        .boot()
        .reached();
    let start = Request::Job { action: JobAction::Start, units: vec!["a.service".into()], wait: false };
    assert_eq!(machine.ask(&start), Reply::Done);
    assert_eq!(machine.status("a.service").active, "inactive");
    plug(&machine, "DEVLINKS=/dev/disk/by-label/test-data\nID_MODEL=Disk\nSYSTEMD_WANTS=scan@.service\n");
    machine.wait_until("a.service", |status| status.active == "active");
    let status = machine.status(LABEL);
    assert_eq!((status.active.as_str(), status.sub.as_str()), ("active", "plugged"));
    assert_eq!(
        (status.description.as_str(), status.following.as_deref()),
        ("Disk", Some("sys-devices-vda.device"))
    );
    // What a link of its other name wants comes too, and what devd says that it wants.
    machine.wait_until("wanted.service", |status| status.active == "active");
    machine.wait_for_file("scanned", |text| text == "sys-devices-vda\n");
    let Reply::List { units } = machine.ask(&Request::List) else { panic!("no list") };
    let shown: Vec<&str> = units
        .iter()
        .filter(|unit| unit.name.ends_with(".device") && unit.following.is_none())
        .map(|unit| unit.name.as_str())
        .collect();
    assert_eq!(shown, ["sys-devices-vda.device"]);
    // The label goes, and the service with it; the disk is still there.
    plug(&machine, "");
    machine.wait_until("a.service", |status| status.active == "inactive");
    assert_eq!(machine.status(NODE).active, "active");
    unplug(&machine);
    machine.wait_until(NODE, |status| status.active == "inactive");
}

#[test]
fn a_mount_whose_device_does_not_come_says_so() {
    let mount =
        "[Mount]\nWhat=/dev/disk/by-label/test-data\nWhere=@/data\nOptions=x-systemd.device-timeout=300ms";
    let units = Units::new();
    let place = units.path("data");
    let name = unit::mount::unit_name(place.to_str().unwrap()).unwrap().to_string();
    let machine = units
        .with("all.target", &target(""))
        .with(&name, &format!("[Unit]\nDefaultDependencies=no\n{mount}"))
        .boot()
        .reached();
    // devd is there, and this disk has another label.
    plug(&machine, "DEVLINKS=/dev/disk/by-label/test-other\n");
    machine.wait_until("sys-devices-vda.device", |status| status.active == "active");
    let Reply::Error { message, .. } = machine.job(JobAction::Start, &name) else { panic!("it was mounted") };
    assert!(message.contains(LABEL) && message.contains("the device did not come"), "{message}");
}

#[test]
fn devices_that_are_told_badly_are_passed_over() {
    let mut machine = Units::new().with("all.target", &target("")).boot().reached();
    fs::write(machine.units.path("run/devices/.new"), "DEVNAME=/dev/x\n").unwrap();
    fs::rename(machine.units.path("run/devices/.new"), machine.units.path("run/devices/sys-bad")).unwrap();
    let line = machine.wait_for("what devd tells");
    assert!(line.contains("sys-bad: it has no SYSPATH="), "{line}");
    plug(&machine, "");
    machine.wait_until("sys-devices-vda.device", |status| status.active == "active");
}
