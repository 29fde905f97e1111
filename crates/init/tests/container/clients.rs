//! Clients of the control socket: what they may ask, and what they may not do to PID 1.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use event::Event;
use unit::control::{ErrorKind, JobAction, KillWhom, Reply, Request, UnitStatus};

use crate::harness::{Machine, UNTIL_GO, Units, service, target};

/// A unit that is not done before the test says so.
fn waits_for_go() -> String {
    service(&format!("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c '{UNTIL_GO}'"))
}

const SLEEPS: &str = "ExecStart=/bin/sleep 1000";

fn line(request: &Request) -> Vec<u8> {
    let mut line = serde_json::to_vec(request).unwrap();
    line.push(b'\n');
    line
}

fn start(units: &[&str]) -> Request {
    let units = units.iter().map(|unit| (*unit).to_owned()).collect();
    Request::Job { action: JobAction::Start, units, wait: true }
}

/// Sends a request without waiting for its answer.
fn send(machine: &Machine, request: &Request) -> BufReader<UnixStream> {
    let mut stream = machine.connect();
    stream.write_all(&line(request)).unwrap();
    BufReader::new(stream)
}

fn answer(stream: &mut BufReader<UnixStream>) -> Reply {
    let mut text = String::new();
    stream.read_line(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn manager_state(machine: &Machine) -> (String, usize) {
    match machine.ask(&Request::Manager) {
        Reply::Manager { manager } => (manager.state, manager.failed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn several_units_in_one_request() {
    let machine = Units::new()
        .with("all.target", &target(""))
        .with("a.service", &service(SLEEPS))
        .with("b.service", &service("Type=oneshot\nExecStart=/bin/sh -c 'exit 3'"))
        .with("c.service", &service("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 0.2"))
        .boot()
        .reached();
    let Reply::Errors { errors } =
        machine.ask(&start(&["a.service", "b.service", "none.service", "c.service"]))
    else {
        panic!("no errors")
    };
    let mut errors: Vec<(&str, ErrorKind)> =
        errors.iter().map(|error| (error.unit.as_str(), error.kind)).collect();
    errors.sort_by_key(|(unit, _)| *unit);
    assert_eq!(errors, [("b.service", ErrorKind::Job), ("none.service", ErrorKind::NotFound)]);
    assert_eq!(machine.status("a.service").active, "active");
    assert_eq!(machine.status("c.service").active, "active");
    for units in [&[][..], &["a.service"; 300]] {
        let Reply::Error { kind: ErrorKind::Invalid, .. } = machine.ask(&start(units)) else {
            panic!("{} units were taken", units.len())
        };
    }
    assert_eq!(manager_state(&machine), ("degraded".to_owned(), 1));
}

#[test]
fn every_client_that_waits_for_a_job_is_answered() {
    let machine =
        Units::new().with("all.target", &target("")).with("a.service", &waits_for_go()).boot().reached();
    let mut clients: Vec<_> = (0..3).map(|_| send(&machine, &start(&["a.service"]))).collect();
    let gone = send(&machine, &start(&["a.service"]));
    let Reply::Jobs { jobs } = machine.ask(&Request::Jobs) else { panic!("no jobs") };
    assert_eq!(
        jobs.iter().map(|job| (job.unit.as_str(), job.kind.as_str(), job.running)).collect::<Vec<_>>(),
        [("a.service", "start", true)]
    );
    drop(gone);
    // One that does not wait for its turn is let go, and its request not done again.
    let mut loud = send(&machine, &Request::Await { unit: "a.service".into() });
    machine.ask(&Request::Manager);
    loud.get_mut().write_all(&line(&Request::List)).unwrap();
    assert_eq!(loud.read_line(&mut String::new()).unwrap_or(0), 0);
    machine.go();
    for client in &mut clients {
        assert_eq!(answer(client), Reply::Done);
    }
}

#[test]
fn who_awaits_the_end_of_a_unit_hears_of_it() {
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("a.service", &service("ExecStart=/bin/sh -c 'sleep 0.3; exit 5'"))
        .boot()
        .reached();
    let mut client = send(&machine, &Request::Await { unit: "a.service".into() });
    let Reply::Status { unit } = answer(&mut client) else { panic!("no status") };
    assert_eq!(
        (unit.active.as_str(), unit.main_code.as_deref(), unit.main_status),
        ("failed", Some("exited"), Some(5))
    );
    assert!(unit.inactive_enter_us > unit.active_enter_us && unit.active_enter_us >= unit.inactive_exit_us);
}

#[test]
fn signals_reach_the_processes_they_are_for() {
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with(
            "a.service",
            &service("ExecStart=/bin/sh -c 'trap \"echo usr1 >> @/out\" USR1; echo yes > @/ready; while :; do sleep 0.05; done'"),
        )
        .with("b.service", &service(SLEEPS))
        .boot()
        .reached();
    let kill = |unit: &str, whom, signal| machine.ask(&Request::Kill { unit: unit.into(), whom, signal });
    machine.wait_for_file("ready", |text| text == "yes\n");
    assert_eq!(kill("a.service", KillWhom::Main, 10), Reply::Done);
    machine.wait_for_file("out", |text| text == "usr1\n");
    assert_eq!(kill("a.service", KillWhom::All, 9), Reply::Done);
    machine.wait_until("a.service", |unit| unit.active == "failed");
    for (unit, whom, signal, expected) in [
        ("b.service", KillWhom::Main, 15, ErrorKind::Failed),
        ("b.service", KillWhom::All, 0, ErrorKind::Invalid),
        ("b.service", KillWhom::All, 65, ErrorKind::Invalid),
        ("none.service", KillWhom::All, 15, ErrorKind::NotFound),
    ] {
        let Reply::Error { kind, .. } = kill(unit, whom, signal) else { panic!("{unit} {signal}") };
        assert_eq!(kind, expected, "{unit} {signal}");
    }
}

#[test]
fn isolating_stops_what_the_target_does_not_need() {
    let machine = Units::new()
        .with("all.target", &target("a.service b.service kept.service"))
        .with("a.service", &service(SLEEPS))
        .with("b.service", &service(SLEEPS))
        .with("kept.service", &service(SLEEPS).replace("[Unit]", "[Unit]\nIgnoreOnIsolate=yes"))
        .with("small.target", &target("b.service").replace("[Unit]", "[Unit]\nAllowIsolate=yes"))
        .boot()
        .reached();
    let Reply::Error { kind: ErrorKind::Failed, message } = machine.job(JobAction::Isolate, "all.target")
    else {
        panic!("it was isolated")
    };
    assert_eq!(message, "all.target may not be isolated: it does not set AllowIsolate=yes");
    let pid = machine.status("b.service").main_pid;
    assert_eq!(machine.job(JobAction::Isolate, "small.target"), Reply::Done);
    machine.wait_until("a.service", |unit| unit.active == "inactive");
    assert_eq!(machine.status("b.service").main_pid, pid);
    for (unit, active) in [("small.target", "active"), ("all.target", "inactive"), ("kept.service", "active")]
    {
        assert_eq!(machine.status(unit).active, active, "{unit}");
    }
}

#[test]
fn a_reload_keeps_processes_jobs_failures_counters_and_times() {
    let units = Units::new()
        .with("all.target", &target("run.service failed.service again.service"))
        .with("run.service", &service(SLEEPS))
        .with("failed.service", &service("Type=oneshot\nExecStart=/bin/sh -c 'exit 3'"))
        .with("again.service", &service("ExecStart=/bin/sh -c 'echo x >> @/n; [ $(wc -l < @/n) -ge 3 ] && exec sleep 1000; exit 1'\nRestart=on-failure\nRestartSec=10ms"))
        .with("slow.service", &waits_for_go())
        .with("later.service", &service("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true").replace("[Unit]", "[Unit]\nAfter=slow.service"));
    let machine = units.boot().reached();
    machine.wait_until("again.service", |unit| unit.restarts == 2 && unit.sub == "running");
    let mut client = send(&machine, &start(&["slow.service", "later.service"]));
    machine.wait_until("later.service", |unit| unit.job.is_some());
    let names = ["run.service", "failed.service", "again.service", "slow.service", "later.service"];
    let all = |machine: &Machine| names.map(|name| machine.status(name));
    let before = all(&machine);
    // The files of what failed and of what waits are gone: both stay what they are.
    std::fs::remove_file(machine.units.path("failed.service")).unwrap();
    std::fs::remove_file(machine.units.path("later.service")).unwrap();
    assert_eq!(machine.ask(&Request::Reload), Reply::Done);
    let told =
        |unit: &UnitStatus| UnitStatus { memory_bytes: None, tasks: None, cpu_us: None, ..unit.clone() };
    assert_eq!(all(&machine).map(|unit| told(&unit)), before.map(|unit| told(&unit)));
    assert_eq!(machine.status("failed.service").active, "failed");
    machine.go();
    assert_eq!(answer(&mut client), Reply::Done);
    assert_eq!(machine.status("later.service").active, "active");
}

#[test]
fn a_transient_unit_goes_when_it_ends() {
    let machine = Units::new().with("all.target", &target("")).boot().reached();
    let Reply::Manager { manager } = machine.ask(&Request::Manager) else { panic!("no manager") };
    let run = |name: &str, head: &str, command: &str| {
        let text = service(&format!("ExecStart={command}")).replace("[Unit]", &format!("[Unit]\n{head}"));
        let path = std::path::Path::new(&manager.transient).join(name);
        std::fs::write(&path, text).unwrap();
        assert_eq!(machine.job(JobAction::Start, name), Reply::Done);
        path
    };
    let good = run("good.service", "", "/bin/sleep 0.1");
    machine.wait_until("good.service", |unit| unit.load == "not-found");
    assert!(!good.exists());
    let bad = run("bad.service", "", "/bin/false");
    machine.wait_until("bad.service", |unit| unit.active == "failed");
    assert!(bad.exists());
    assert_eq!(machine.ask(&Request::ResetFailed { unit: Some("bad.service".into()) }), Reply::Done);
    machine.wait_until("bad.service", |unit| unit.load == "not-found");
    let collected = run("c.service", "CollectMode=inactive-or-failed", "/bin/false");
    machine.wait_until("c.service", |unit| unit.load == "not-found");
    assert!(!collected.exists());
}

#[test]
fn looking_at_units_changes_nothing() {
    let units = Units::new().with("all.target", &target("")).with("t@.service", &service(SLEEPS));
    symlink("t@.service", units.path("alias@.service")).unwrap();
    let machine = units.boot().reached();
    let count = |machine: &Machine| match machine.ask(&Request::Manager) {
        Reply::Manager { manager } => manager.units,
        other => panic!("{other:?}"),
    };
    let before = count(&machine);
    for index in 0..50 {
        assert_eq!(machine.status(&format!("t@{index}.service")).load, "loaded");
    }
    let Reply::Show { unit, properties } = machine.ask(&Request::Show { unit: "t@x.service".into() }) else {
        panic!("not shown")
    };
    let value =
        |name: &str| properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((unit.load.as_str(), value("Type"), value("Restart")), ("loaded", Some("simple"), Some("no")));
    let Reply::Relations { units } = machine.ask(&Request::Relations { units: vec!["t@x.service".into()] })
    else {
        panic!("no relations")
    };
    assert_eq!(units.len(), 1);
    assert_eq!(count(&machine), before);
}

#[test]
fn hostile_clients_neither_stop_nor_grow_it() {
    let mut units = Units::new();
    let names: Vec<String> = (0..150).map(|index| format!("u{index}.service")).collect();
    for name in &names {
        units = units.with(name, &service("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true"));
    }
    let machine = units.with("all.target", &target(&names.join(" "))).boot().reached();
    let answers = |machine: &Machine| {
        let started = Instant::now();
        assert_eq!(machine.status("u1.service").active, "active");
        // Who takes no answer is let go after ten seconds; nobody else waits for that.
        assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    };
    answers(&machine);
    let before = machine.allocated_kib();

    // A megabyte without a line's end.
    let mut endless = machine.connect();
    _ = endless.write_all(&vec![b'x'; 1 << 20]);
    answers(&machine);
    // Half a line, and then nothing; or the end at any moment.
    let request = line(&Request::List);
    let mut halves: Vec<UnixStream> = Vec::new();
    for cut in 0..request.len() {
        let mut half = machine.connect();
        _ = half.write_all(&request[..cut]);
        if cut % 2 == 0 {
            halves.push(half)
        }
    }
    answers(&machine);
    // More connections than there is room for, all kept; and thousands that come and go.
    let crowd: Vec<UnixStream> = (0..300).map(|_| machine.connect()).collect();
    answers(&machine);
    for _ in 0..5000 {
        drop(machine.connect());
    }
    answers(&machine);
    // Long answers that nobody takes.
    let deaf: Vec<UnixStream> = (0..150)
        .map(|_| {
            let mut client = machine.connect();
            _ = client.write_all(&request);
            client
        })
        .collect();
    answers(&machine);
    let grown = machine.allocated_kib().saturating_sub(before);
    assert!(grown < 12 * 1024, "it grew by {grown} KiB");
    drop((crowd, halves, deaf));
    // What is left of them is let go, and others are heard.
    answers(&machine);
    let mut slow = machine.connect();
    for byte in &request {
        slow.write_all(std::slice::from_ref(byte)).unwrap();
    }
    let mut text = String::new();
    BufReader::new(&slow).read_line(&mut text).unwrap();
    assert!(matches!(serde_json::from_str(&text), Ok(Reply::List { .. })));
    assert_eq!(slow.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn an_event_that_a_client_tells_is_told_by_pid_1() {
    let mut machine = Units::new().with("all.target", &target("")).boot().reached();
    let event = Event::BootBlessed { version: "0.2.0".into() };
    assert_eq!(machine.ask(&Request::Tell { event: event.clone() }), Reply::Done);
    machine.wait_for_event(|told| (told == event).then_some(()));
}
