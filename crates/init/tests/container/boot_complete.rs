//! What a good boot is: the image's own boot-complete.target and berth-bless.service, with stand-ins for what they run.

use std::time::Duration;

use crate::harness::{UNTIL_GO, Units, service};

const COMPLETE: &str = include_str!("../../../../images/rootfs/usr/lib/systemd/system/boot-complete.target");
const BLESS: &str = include_str!("../../../../images/rootfs/usr/lib/systemd/system/berth-bless.service");
const MULTI_USER: &str = include_str!("../../../../images/rootfs/usr/lib/systemd/system/multi-user.target");

/// The image's units, a health that takes a while, and an operator's unit that boot-complete.target requires or wants.
fn units(relation: &str, unit: &str) -> Units {
    let unit = &unit.replace("[Service]", "Before=boot-complete.target\n[Service]");
    let order =
        |line: &&str| line.starts_with("[Unit]") || line.starts_with("Wants=") || line.starts_with("Before=");
    let multi_user: Vec<&str> = MULTI_USER.lines().filter(order).collect();
    let relations = BLESS.lines().take_while(|line| *line != "[Service]").collect::<Vec<_>>().join("\n");
    let done =
        |file: &str| format!("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo x >> @/{file}'");
    Units::new()
        .with(
            "all.target",
            "[Unit]\nDefaultDependencies=no\nRequires=multi-user.target\nAfter=multi-user.target\n",
        )
        .with("multi-user.target", &format!("{}\nDefaultDependencies=no\n", multi_user.join("\n")))
        .with("boot-complete.target", &format!("{COMPLETE}DefaultDependencies=no\n"))
        .with(&format!("boot-complete.target.{relation}/own.service"), unit)
        .with("own.service", unit)
        .with(
            "berth-health.service",
            &service(&done("healthy").replace("echo", &format!("{UNTIL_GO}; echo")))
                .replace("[Service]", "After=multi-user.target\n[Service]"),
        )
        .with(
            "berth-bless.service",
            &format!("{relations}\nDefaultDependencies=no\n[Service]\n{}\n", done("blessed")),
        )
}

const GOOD: &str = "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 0.7";
const BAD: &str = "Type=oneshot\nExecStart=/bin/false";

#[test]
fn the_machine_is_up_before_it_is_known_to_be_good() {
    let machine = units("requires", &service(GOOD)).boot().reached();
    assert_eq!(machine.read("healthy"), "");
    assert_eq!(machine.read("blessed"), "");
    machine.go();
    machine.wait_for_file("blessed", |text| !text.is_empty());
    assert_eq!(machine.read("healthy"), "x\n");
    assert_eq!(machine.status("own.service").active, "active");
    assert_eq!(machine.status("boot-complete.target").active, "active");
}

#[test]
fn a_boot_without_what_it_requires_is_not_good() {
    let machine = units("requires", &service(BAD)).boot().reached();
    machine.go();
    machine.wait_for_file("healthy", |text| !text.is_empty());
    machine.wait_until("own.service", |unit| unit.active == "failed");
    machine.wait_until("berth-bless.service", |unit| unit.active == "inactive" && unit.job.is_none());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(machine.read("blessed"), "");
    assert_eq!(machine.status("boot-complete.target").active, "inactive");
}
