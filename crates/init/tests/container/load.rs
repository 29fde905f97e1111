//! Many units, many crashes, many reloads: PID 1 stays quick and small. The figures are printed
//! (`cargo test -p init --test container load -- --nocapture`); bounds are for what would be a fault.

use std::time::{Duration, Instant};

use unit::control::{Reply, Request};

use crate::harness::{Machine, Units, service, target};

const MANY: usize = 1000;
/// Crashes that a test waits for, and reloads; `BERTH_TEST_RESTARTS` and `BERTH_TEST_RELOADS` set other
/// numbers.
const RESTARTS: u32 = 2000;
const RELOADS: u32 = 200;
/// What PID 1 may have grown by, in KiB, for what changes and must not add up: its allocator keeps
/// some of what it once needed.
const GROWTH_KIB: u64 = 400;

fn asked(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

fn names(count: usize) -> String {
    (0..count).map(|number| format!("n{number}.service")).collect::<Vec<_>>().join(" ")
}

/// Oneshots that do nothing; `after` is what each is ordered by.
fn oneshots(after: impl Fn(usize) -> String) -> (Units, Instant) {
    let mut units = Units::new().with("all.target", &target(&names(MANY)));
    for number in 0..MANY {
        let text = format!(
            "[Unit]\nDefaultDependencies=no\n{}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
            after(number)
        );
        units = units.with(&format!("n{number}.service"), &text);
    }
    (units, Instant::now())
}

fn report(what: &str, machine: &Machine, since: Instant) {
    println!("{MANY} oneshots {what}: {:?}, PID 1 has {} KiB", since.elapsed(), machine.resident_kib());
}

#[test]
fn a_thousand_oneshots_at_once() {
    let (units, since) = oneshots(|_| String::new());
    let machine = units.boot().reached();
    report("at once", &machine, since);
    assert!(since.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_thousand_oneshots_in_a_chain() {
    let (units, since) = oneshots(|number| {
        number.checked_sub(1).map_or_else(String::new, |before| format!("After=n{before}.service"))
    });
    let machine = units.boot().reached();
    report("in a chain", &machine, since);
    assert!(since.elapsed() < Duration::from_secs(60));
}

#[test]
fn crashes_do_not_add_up() {
    let restarts = asked("BERTH_TEST_RESTARTS", RESTARTS);
    let machine = Units::new()
        .with("all.target", &target("crash.service"))
        .with(
            "crash.service",
            "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=0\n\
             ExecStart=/bin/false\n",
        )
        .boot()
        .reached();
    machine.wait_until("crash.service", |unit| unit.restarts >= restarts / 10);
    let (before, since) = (machine.allocated_kib(), Instant::now());
    // Each tenth is waited for by itself, and so has the time of a wait.
    for tenth in 2..=10 {
        machine.wait_until("crash.service", |unit| unit.restarts >= restarts / 10 * tenth);
    }
    let after = machine.allocated_kib();
    println!("{restarts} restarts: {before} KiB, then {after} KiB, {:?}", since.elapsed());
    assert!(after < before + GROWTH_KIB, "PID 1 grew from {before} to {after} KiB");
}

#[test]
fn reloads_do_not_add_up() {
    let mut units = Units::new().with("all.target", &target(&names(100)));
    for number in 0..100 {
        units = units.with(&format!("n{number}.service"), &service("ExecStart=/bin/sleep 1000"));
    }
    let machine = units.boot().reached();
    let reload = |count: u32| {
        for _ in 0..count {
            assert_eq!(machine.ask(&Request::Reload), Reply::Done);
        }
    };
    let reloads = asked("BERTH_TEST_RELOADS", RELOADS);
    reload(reloads / 10);
    let (before, since) = (machine.allocated_kib(), Instant::now());
    reload(reloads);
    let after = machine.allocated_kib();
    println!("{reloads} reloads of 100 units: {before} KiB, then {after} KiB, {:?}", since.elapsed());
    assert!(after < before + GROWTH_KIB, "PID 1 grew from {before} to {after} KiB");
    assert_eq!(machine.status("n7.service").sub, "running");
}
