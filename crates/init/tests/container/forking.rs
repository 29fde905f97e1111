//! Services that leave the process which started them, and its session, as daemons of old do.

use unit::control::{JobAction, Reply, Request};

use crate::harness::{Units, service, target};

/// Begins a daemon in a session of its own, which writes its number down.
const DAEMON: &str = "setsid sh -c 'echo $$ > @/pid; exec sleep 1000' < /dev/null > /dev/null 2>&1 &\n\
                      while ! test -s @/pid; do sleep 0.01; done\n";

fn boots(settings: &str) -> crate::harness::Machine {
    Units::new()
        .with("all.target", "[Unit]\nWants=a.service\n")
        .with("start", DAEMON)
        .with("a.service", &format!("[Service]\nType=forking\n{settings}\nExecStart=/bin/sh @/start\n"))
        .boot()
        .reached()
}

#[test]
fn its_main_process_is_the_one_in_its_pid_file_or_the_only_one_left() {
    for settings in ["PIDFile=@/pid", ""] {
        let machine = boots(settings);
        let written = std::fs::read_to_string(machine.units.path("pid")).unwrap();
        let status = machine.status("a.service");
        assert_eq!((status.active.as_str(), status.sub.as_str()), ("active", "running"), "{settings}");
        assert_eq!(status.main_pid, written.trim().parse().ok(), "{settings}");
        machine.job(JobAction::Stop, "a.service");
        let status = machine.status("a.service");
        assert_eq!((status.active.as_str(), status.main_pid), ("inactive", None), "{settings}");
    }
}

#[test]
fn a_pid_file_that_names_a_process_of_others_is_not_believed() {
    let machine = Units::new()
        .with("all.target", "[Unit]\nWants=a.service\n")
        .with(
            "other.service",
            "[Service]\nExecStart=/bin/sleep 1000\nExecStartPost=/bin/sh -c 'echo $MAINPID > @/pid'\n",
        )
        .with(
            "a.service",
            "[Unit]\nRequires=other.service\nAfter=other.service\n[Service]\nType=forking\nPIDFile=@/pid\n\
             ExecStart=/bin/true\nTimeoutStartSec=2\n",
        )
        .boot()
        .reached();
    assert_eq!(machine.status("a.service").active, "failed");
    assert_eq!(machine.status("other.service").active, "active");
}

#[test]
fn what_is_no_pid_file_is_told_of_and_neither_waited_for_nor_shown() {
    for (makes, told) in [
        ("mkfifo @/pid", "it is no regular file"),
        ("ln -s /dev/zero @/pid", "it is no regular file"),
        ("head -c 1000000 /dev/zero > @/pid", "it is longer than 64 bytes"),
        ("echo secret > @/pid", "there is no number of a process in it"),
    ] {
        let mut machine = Units::new()
            .with("all.target", &target(""))
            .with("start", &format!("sleep 1000 &\necho $! > @/number\n{makes}\n"))
            .with(
                "a.service",
                &service("Type=forking\nPIDFile=@/pid\nExecStart=/bin/sh @/start\nTimeoutStartSec=60"),
            )
            .boot()
            .reached();
        let start = Request::Job { action: JobAction::Start, units: vec!["a.service".into()], wait: false };
        assert_eq!(machine.ask(&start), Reply::Done, "{makes}");
        let line = machine.wait_for("a.service: PIDFile=");
        assert!(line.ends_with(told) && !line.contains("secret"), "{line}");
        // The right one comes.
        assert_eq!(machine.status("a.service").active, "activating", "{makes}");
        std::fs::rename(machine.units.path("number"), machine.units.path("pid")).unwrap();
        machine.wait_until("a.service", |unit| unit.active == "active" && unit.main_pid.is_some());
    }
}
