//! Where units come from.

use std::os::unix::fs::symlink;

use event::Event;
use unit::control::{JobAction, Reply, Request};

use crate::harness::{Units, service, target};

const ECHO: &str = "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo %n $A $B >> @/out'";

#[test]
fn links_in_folders_of_links_pull_units_in() {
    let units = Units::new()
        .with("all.target", &target(""))
        .with("all.target.wants/.keep", "")
        .with("all.target.upholds/.keep", "")
        .with("a.service", &service(ECHO))
        .with("b.service", &service(ECHO))
        .with("t@.service", &service(ECHO));
    symlink("../a.service", units.path("all.target.wants/a.service")).unwrap();
    symlink("../b.service", units.path("all.target.upholds/b.service")).unwrap();
    symlink("../t@.service", units.path("all.target.wants/t@x.service")).unwrap();
    let machine = units.boot().reached();
    let text = machine.wait_for_file("out", |text| text.lines().count() == 3);
    let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a.service", "b.service", "t@x.service"]);
}

#[test]
fn drop_ins_apply_by_name_and_the_more_specific_folder_wins() {
    let machine = Units::new()
        .with("all.target", &target("foo-bar.service"))
        .with("foo-bar.service", &service(&format!("{ECHO}\nEnvironment=A=0 B=0")))
        .with("service.d/10-a.conf", "[Service]\nEnvironment=A=type\n")
        .with("foo-.service.d/20-b.conf", "[Service]\nEnvironment=B=prefix\n")
        .with("foo-bar.service.d/10-a.conf", "[Service]\nEnvironment=A=unit\n")
        .boot()
        .reached();
    assert_eq!(machine.read("out"), "foo-bar.service unit prefix\n");
    assert_eq!(machine.status("foo-bar.service").drop_ins.len(), 2);
}

#[test]
fn a_masked_unit_does_not_start() {
    let units = Units::new().with("all.target", &target("a.service"));
    symlink("/dev/null", units.path("a.service")).unwrap();
    let machine = units.boot().reached();
    let status = machine.status("a.service");
    assert_eq!((status.load.as_str(), status.active.as_str()), ("masked", "inactive"));
    let Reply::Error { message, .. } = machine.job(JobAction::Start, "a.service") else {
        panic!("it started")
    };
    assert_eq!(message, "unit a.service is masked");
}

#[test]
fn new_files_are_found_and_a_reload_loses_nothing() {
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("a.service", &service("ExecStart=/bin/sleep 1000"))
        .boot()
        .reached();
    let pid = machine.status("a.service").main_pid;
    std::fs::write(machine.units.path("b.service"), service("ExecStart=/bin/sleep 1000")).unwrap();
    assert_eq!(machine.job(JobAction::Start, "b.service"), Reply::Done);
    let text = service("ExecStart=/bin/sleep 1000").replace("[Unit]", "[Unit]\nDescription=Renamed");
    std::fs::write(machine.units.path("a.service"), text).unwrap();
    assert_eq!(machine.ask(&Request::Reload), Reply::Done);
    let status = machine.status("a.service");
    assert_eq!((status.main_pid, status.description.as_str()), (pid, "Renamed"));
    assert_eq!(machine.status("b.service").active, "active");
}

#[test]
fn a_boot_that_fails_names_the_cause_and_ends() {
    for (text, cause) in [
        ("[Unit]\nRequires=none.service\n", "unit none.service not found (required by all.target)"),
        (
            "[Unit]\nRequires=bad.service\nAfter=bad.service\n",
            "all.target requires bad.service, which failed: exit-code 3",
        ),
    ] {
        let mut machine = Units::new()
            .with("all.target", text)
            .with("bad.service", &service("Type=oneshot\nExecStart=/bin/sh -c 'exit 3'"))
            .boot();
        let told = machine.wait_for_event(|event| match event {
            Event::Emergency { cause, .. } => Some(cause),
            _ => None,
        });
        assert!(told.contains(cause), "{told}");
        assert_eq!(machine.ended(), Some(1));
    }
}
