//! Services that leave the process which started them, and its session, as daemons of old do.

use unit::control::JobAction;

use crate::harness::Units;

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
