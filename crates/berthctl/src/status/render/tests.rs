use boots::History;
use event::ShutdownKind;
use observe::pressure::{Pressure, Share};
use observe::space::Space;

use super::*;
use crate::status::facts::Link;

fn text(facts: &Facts) -> String {
    lines(facts).into_iter().map(|(line, _)| format!("{line}\n")).collect()
}

fn history() -> History {
    let mut history = History::default();
    for (number, began) in (1..=6).zip((1_795_543_800..).step_by(3600)) {
        history.begin(&format!("{number:032x}"), began, "0.1.0");
        if number != 4 {
            history.end(&format!("{number:032x}"), began + 60, ShutdownKind::Reboot, number == 3);
        }
    }
    history.begin(&format!("{:032x}", 7), 1_795_570_000, "0.1.0");
    history.panicked(&format!("{:032x}", 8), "sysrq triggered crash");
    history.begin(&format!("{:032x}", 8), 1_795_571_000, "0.2.0");
    history
}

fn healthy() -> Facts {
    let space = |size: u64, used: u64| Space { size, free: size - used, ..Space::default() };
    let answer = |name: &str| Answer { name: name.into(), unit: Some("active".into()), answers: Some(true) };
    let pressure = |avg60| Pressure { some: Share { avg60, ..Share::default() }, ..Pressure::default() };
    Facts {
        system: "Berth 0.2.0".into(),
        kernel: "6.12.1".into(),
        host: "node-1".into(),
        slot: Some("B".into()),
        state: Some("running".into()),
        boot_complete: Some("active".into()),
        reached_us: Some(3_210_000),
        uptime_s: 11_530.0,
        services: ["etcd", "containerd", "log"].map(answer).to_vec(),
        links: vec![
            Link {
                name: "eth0".into(),
                up: true,
                addresses: vec!["10.0.2.15/24".into(), "fec0::1/64".into()],
            },
            Link { name: "eth1".into(), up: false, addresses: Vec::new() },
        ],
        disks: vec![("ROOT".into(), space(4 << 30, 1 << 30)), ("USR-B".into(), space(150 << 20, 150 << 20))],
        memory: (80 << 20, 2 << 30),
        pressure: vec![
            ("cpu".into(), pressure(1.25)),
            ("memory".into(), pressure(0.0)),
            ("io".into(), pressure(0.1)),
        ],
        boot_id: format!("{:032x}", 8),
        history: history(),
        ..Facts::default()
    }
}

#[test]
fn a_machine_that_is_well() {
    assert_eq!(
        text(&healthy()),
        "\
Berth 0.2.0 on node-1, slot B, up 3 h 12 min                             running
     Boot  kernel 6.12.1, up in 3.21 s, found good (boot-complete.target)
   Failed  none
 Services  etcd answers, containerd answers, log answers
  Network  eth0 10.0.2.15/24 fec0::1/64
           eth1 no carrier
     Disk  ROOT 1.0G of 4.0G (25 %), USR-B 150.0M of 150.0M (100 %)
   Memory  80.0M of 2.0G (3 %)
 Pressure  cpu 1.2 %, memory 0.0 %, io 0.1 % of the last minute
    Boots  2026-11-25 01:43:20 UTC 0.2.0 running
           2026-11-25 01:26:40 UTC 0.1.0 panic: sysrq triggered crash
           2026-11-24 23:10:00 UTC 0.1.0 reboot
           2026-11-24 22:10:00 UTC 0.1.0 reboot
"
    );
    assert!(healthy().is_well());
}

#[test]
fn a_machine_that_is_not() {
    let mut facts = healthy();
    facts.state = Some("degraded".into());
    facts.boot_complete = Some("inactive".into());
    facts.failed = (1..=6).map(|n| (format!("web-{n}.service"), "exit-code".into())).collect();
    facts.jobs = vec![("slow.service".into(), "start".into()), ("late.service".into(), "start".into())];
    facts.services[0].answers = Some(false);
    facts.services[1] = Answer { name: "containerd".into(), unit: Some("failed".into()), answers: None };
    facts.crashes = 2;
    facts.history.boots.truncate(4);
    assert_eq!(
        text(&facts),
        "\
Berth 0.2.0 on node-1, slot B, up 3 h 12 min                            degraded
     Boot  kernel 6.12.1, up in 3.21 s, boot-complete.target is inactive
   Failed  web-1.service (exit-code)
           web-2.service (exit-code)
           web-3.service (exit-code)
           web-4.service (exit-code), and 2 more
  Waiting  2 jobs: slow.service start, late.service start
 Services  etcd does not answer, containerd failed, log answers
  Network  eth0 10.0.2.15/24 fec0::1/64
           eth1 no carrier
     Disk  ROOT 1.0G of 4.0G (25 %), USR-B 150.0M of 150.0M (100 %)
   Memory  80.0M of 2.0G (3 %)
 Pressure  cpu 1.2 %, memory 0.0 %, io 0.1 % of the last minute
    Boots  2026-11-24 21:10:00 UTC 0.1.0 broke off: power cut, reset or panic
           2026-11-24 20:10:00 UTC 0.1.0 failed, and restarted itself
           2026-11-24 19:10:00 UTC 0.1.0 reboot
           2026-11-24 18:10:00 UTC 0.1.0 reboot
  Crashed  2 processes in this boot: coredumpctl
"
    );
    assert!(!facts.is_well());
}

#[test]
fn without_pid_1_the_rest_is_told() {
    let mut facts = healthy();
    facts.state = None;
    facts.boot_complete = None;
    facts.reached_us = None;
    facts.history = History::default();
    facts.links.clear();
    facts.unknown =
        vec!["units: cannot reach PID 1 at /run/berth/init.sock; is this a Berth machine?".into()];
    let text = text(&facts);
    assert!(text.starts_with("Berth 0.2.0 on node-1, slot B, up 3 h 12 min  "), "{text}");
    assert!(text.lines().next().unwrap().ends_with(" PID 1 does not answer"));
    assert!(text.contains("     Boot  kernel 6.12.1\n Services"));
    assert!(text.contains("  Network  none\n"));
    assert!(
        text.ends_with("  Unknown  units: cannot reach PID 1 at /run/berth/init.sock; is this a Berth m…\n")
    );
}

#[test]
fn whatever_there_is_to_say_it_fits_a_screen() {
    let mut facts = healthy();
    let long = "x".repeat(300);
    facts.host = long.clone();
    facts.failed = vec![(long.clone(), long.clone()); 50];
    facts.jobs = vec![(long.clone(), "start".into()); 50];
    facts.links = vec![Link { name: long.clone(), up: true, addresses: vec![long.clone(); 20] }; 50];
    facts.unknown = vec![format!("a\nb {long}"); 50];
    facts.crashes = 10_000;
    let lines = lines(&facts);
    assert!(lines.len() <= 24, "{}", lines.len());
    for (line, _) in lines {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains(char::is_control));
    }
}
