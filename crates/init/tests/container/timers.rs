//! Timers.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

use unit::control::{JobAction, Reply};

use crate::harness::{Units, service, target};

/// A service that adds a line to a file.
fn notes() -> String {
    service("Type=oneshot\nExecStart=/bin/sh -c 'echo run >> @/runs'")
}

fn timer(lines: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\n[Timer]\nAccuracySec=1us\n{lines}\n")
}

#[test]
fn a_timer_starts_its_service_and_goes_on() {
    let machine = Units::new()
        .with("all.target", &target("a.timer"))
        .with("a.timer", &timer("OnActiveSec=50ms\nOnUnitActiveSec=50ms"))
        .with("a.service", &notes())
        .boot()
        .reached();
    machine.wait_for_file("runs", |text| text.lines().count() >= 3);
    let status = machine.status("a.timer");
    assert_eq!((status.active.as_str(), status.triggers), ("active", vec!["a.service".to_owned()]));
    assert!(status.timer.is_some_and(|timer| timer.last_us > 0 && timer.last_monotonic_us > 0));
    assert_eq!(machine.status("a.service").triggered_by, ["a.timer"]);
}

#[test]
fn a_calendar_timer_elapses_at_the_second() {
    let machine = Units::new()
        .with("all.target", &target("a.timer"))
        .with("a.timer", &timer("OnCalendar=*:*:*"))
        .with("a.service", &service("Type=oneshot\nExecStart=/bin/sh -c 'date +%%s.%%N >> @/runs'"))
        .boot()
        .reached();
    let runs = machine.wait_for_file("runs", |text| text.lines().count() >= 3);
    for run in runs.lines() {
        let part: f64 = format!("0.{}", run.split_once('.').unwrap().1).parse().unwrap();
        assert!(part < 0.9, "{run} is not soon after the second");
    }
}

#[test]
fn a_timer_that_is_stopped_starts_nothing() {
    let machine = Units::new()
        .with("all.target", &target("a.timer"))
        .with("a.timer", &timer("OnActiveSec=2s"))
        .with("a.service", &notes())
        .boot()
        .reached();
    assert_eq!(machine.status("a.timer").sub, "waiting");
    assert_eq!(machine.job(JobAction::Stop, "a.timer"), Reply::Done);
    std::thread::sleep(Duration::from_millis(2300));
    assert_eq!((machine.read("runs").as_str(), machine.status("a.timer").sub.as_str()), ("", "dead"));
    assert_eq!(machine.job(JobAction::Start, "a.timer"), Reply::Done);
    machine.wait_for_file("runs", |text| text == "run\n");
    machine.wait_until("a.timer", |status| status.sub == "elapsed");
}

#[test]
fn a_persistent_timer_catches_up_and_keeps_when_it_elapsed() {
    let units = Units::new();
    let stamp = units.path("run/timers/stamp-a.timer");
    fs::create_dir_all(stamp.parent().unwrap()).unwrap();
    let before = SystemTime::now() - Duration::from_secs(40 * 86_400);
    File::create(&stamp).unwrap().set_times(FileTimes::new().set_modified(before)).unwrap();
    let machine = units
        .with("all.target", &target("a.timer b.timer"))
        .with("a.timer", &timer("OnCalendar=monthly\nPersistent=yes"))
        .with("a.service", &notes())
        .with("b.timer", &timer("OnCalendar=monthly\nPersistent=yes\nUnit=a.service"))
        .boot()
        .reached();
    machine.wait_for_file("runs", |text| !text.is_empty());
    let kept = fs::metadata(&stamp).unwrap().modified().unwrap();
    assert!(kept.elapsed().unwrap() < Duration::from_secs(60), "{kept:?}");
    // One that has never been there counts from now.
    assert!(machine.units.path("run/timers/stamp-b.timer").exists());
    let (a, b) = (machine.status("a.timer").timer.unwrap(), machine.status("b.timer").timer.unwrap());
    assert!(a.last_us > 0 && b.last_us == 0, "{a:?} {b:?}");
    assert_eq!(machine.read("runs"), "run\n");
}

#[test]
fn the_time_zone_is_that_of_the_file() {
    let machine = Units::new()
        .with("all.target", &target("a.timer b.timer"))
        .with("a.timer", &timer("OnTimezoneChange=yes"))
        .with("b.timer", &timer("OnCalendar=*-*-* 12:00 \nUnit=a.service"))
        .with("a.service", &notes())
        .boot()
        .reached();
    let next = || machine.status("b.timer").timer.unwrap().next_us;
    let noon = next();
    // A zone five hours behind (tzfile(5)): no changes, one kind of time, and the rule.
    let header = |body: &[u8]| {
        let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
        [b"TZif2".to_vec(), vec![0; 15], counts, body.to_vec()].concat()
    };
    let body = [&(-5 * 3600_i32).to_be_bytes()[..], b"\0\0EST\0"].concat();
    let file = [header(&body), header(&body), b"\nEST5\n".to_vec()].concat();
    fs::write(machine.units.path("run/localtime"), file).unwrap();
    machine.wait_for_file("runs", |text| text == "run\n");
    machine.wait_until("b.timer", |status| {
        let moved = status.timer.as_ref().unwrap().next_us.abs_diff(noon);
        moved % 86_400_000_000 == 5 * 3600 * 1_000_000 || moved == 19 * 3600 * 1_000_000
    });
}
