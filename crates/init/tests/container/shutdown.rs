//! Going down.

use std::time::Duration;

use crate::harness::{Units, service, target};

#[test]
fn services_stop_in_reverse_order_and_pid_1_exits_with_0() {
    let stop = |name: &str| {
        format!(
            "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/sh -c 'echo {name} >> @/out'"
        )
    };
    let mut machine = Units::new()
        .with("all.target", &target("a.service b.service c.service"))
        .with("a.service", &service(&stop("a")))
        .with("b.service", &service(&stop("b")).replace("[Unit]", "[Unit]\nAfter=a.service"))
        .with("c.service", &service(&stop("c")).replace("[Unit]", "[Unit]\nAfter=b.service"))
        .boot()
        .reached();
    let (_, code) = machine.shut_down();
    assert_eq!(code, Some(0));
    assert_eq!(machine.read("out"), "c\nb\na\n");
}

#[test]
fn a_service_that_ignores_the_signal_does_not_hold_the_shutdown() {
    let stubborn = "ExecStart=/bin/sh -c \"trap '' TERM; touch @/up; while :; do sleep 1; done\"";
    let mut machine = Units::new()
        .with("all.target", &target("a.service b.service"))
        .with("a.service", &service(stubborn))
        .with("b.service", &service("ExecStart=/bin/sleep 1000"))
        .boot()
        .reached();
    machine.wait_until("a.service", |_| machine.units.path("up").exists());
    let (took, code) = machine.shut_down();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    // Meanwhile it was said what is waited for, and for how long at most.
    let line = machine.wait_for("waiting for");
    assert!(line.contains("a.service (") && line.contains("s left) to stop"), "{line}");
}
