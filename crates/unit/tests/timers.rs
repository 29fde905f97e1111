//! Timers: what their files come to, and when they elapse.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::collections::VecDeque;
use std::time::Duration;

use calendar::Zone;
use calendar::timestamp::{Style, format};
use common::{load, name, try_load};
use proptest::prelude::*;
use unit::graph::Graph;
use unit::manager::{Action, Input, Manager, Verdict};
use unit::service::exit::Exit;
use unit::service::machine;
use unit::timer::clocks::Clocks;
use unit::timer::machine::{Action as TimerAction, Event};
use unit::transaction::JobKind;
use unit::{Relation, Unit};

/// Fri 2026-11-27 17:30:00 UTC.
const BEGIN: u64 = 1_795_800_600;
/// How long the machine has been up then.
const UPTIME: u64 = 100;
const DAY: u64 = 86_400;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn timer(lines: &str) -> Unit {
    load("a.timer", &format!("[Unit]\nDefaultDependencies=no\n[Timer]\nAccuracySec=1us\n{lines}\n"))
}

/// A machine with a timer and its service, whose runs end at once.
struct World {
    manager: Manager,
    now: Duration,
    wall: Duration,
    stamp: Option<Duration>,
    zones: Vec<(String, Zone)>,
    /// When the service ran, by the clock on the wall.
    runs: Vec<String>,
    stamps: Vec<Duration>,
    log: Vec<String>,
    wake_ups: usize,
    /// Whether a run of the service ends.
    ends: bool,
}

impl World {
    fn of(units: impl IntoIterator<Item = Unit>) -> World {
        let mut manager = Manager::default();
        let mut clocks = Clocks { startup: secs(10), machine_id: "m".into(), ..Clocks::default() };
        clocks.set(secs(BEGIN), secs(UPTIME));
        manager.set_clocks(clocks);
        let mut graph = Graph::default();
        units.into_iter().for_each(|unit| graph.insert(unit));
        graph.insert(load(
            "a.service",
            "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/x\nType=oneshot",
        ));
        graph.link();
        manager.set_graph(graph);
        World {
            manager,
            now: secs(UPTIME),
            wall: secs(BEGIN),
            stamp: None,
            zones: Vec::new(),
            runs: Vec::new(),
            stamps: Vec::new(),
            log: Vec::new(),
            wake_ups: 0,
            ends: true,
        }
    }

    /// A machine whose timer has this in its file, started.
    fn with(lines: &str) -> World {
        World::of([timer(lines)]).started()
    }

    fn started(mut self) -> World {
        self.request("a.timer", JobKind::Start);
        self
    }

    fn request(&mut self, unit: &str, kind: JobKind) {
        let (_, actions) = self.manager.request(&name(unit), kind, self.now).unwrap();
        self.perform(actions);
        self.tick();
    }

    fn input(&mut self, input: Input) {
        let actions = self.manager.next(input, self.now);
        self.perform(actions);
        self.tick();
    }

    fn tick(&mut self) {
        let actions = self.manager.tick(self.now);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            let inputs = match action {
                Action::Check(unit) => vec![Input::Checked(unit, Verdict::Met)],
                Action::Timer(unit, TimerAction::Prepare) => {
                    vec![Input::Timer(unit, Event::Prepared { stamp: self.stamp, zones: self.zones.clone() })]
                }
                Action::Timer(_, TimerAction::Stamp(at)) => {
                    self.stamps.push(at);
                    vec![]
                }
                Action::Service(unit, machine::Action::Spawn(role, ..)) => {
                    let shown = format(self.wall, &Zone::utc(), Style::Seconds);
                    self.runs.push(shown["Fri 2026-".len()..].replace(" UTC", ""));
                    let spawned = Input::Service(unit.clone(), machine::Event::Spawned(role, 7));
                    let exit = machine::Event::Exited { pid: 7, exit: Exit::Code(0), emptied: true };
                    let ended = self.ends.then_some(Input::Service(unit, exit));
                    std::iter::once(spawned).chain(ended).collect()
                }
                Action::Log(_, text) | Action::Failed(_, text) => {
                    self.log.push(text);
                    vec![]
                }
                _ => vec![],
            };
            for input in inputs {
                queue.extend(self.manager.next(input, self.now));
            }
        }
    }

    /// Lets time pass, waking up when that is asked for.
    fn pass(mut self, seconds: u64) -> World {
        let until = self.now + secs(seconds);
        while let Some(at) = self.manager.next_deadline().filter(|at| *at <= until) {
            self.go(at.max(self.now));
            self.wake_ups += 1;
            assert!(self.wake_ups < 10_000, "it wakes up without end");
        }
        self.go(until);
        self
    }

    fn go(&mut self, to: Duration) {
        self.wall += to - self.now;
        self.now = to;
        self.tick();
    }

    /// Somebody sets the clock.
    fn clock(mut self, wall: Duration) -> World {
        self.wall = wall;
        self.input(Input::ClockSet(wall));
        self
    }

    fn sub(&self) -> String {
        self.manager.status(&name("a.timer")).sub
    }
}

#[test]
fn files_that_make_no_timer_and_lines_that_are_left_out() {
    for (text, reason) in [
        ("[Timer]\nPersistent=yes", "it has nothing to wait for"),
        ("[Timer]\nOnCalendar=daily\nOnBootSec=", "it has nothing to wait for"),
        ("[Timer]\nOnCalendar=at noon", "it has nothing to wait for"),
    ] {
        let error = try_load("a.timer", &[text]).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    for (line, warning) in [
        ("OnCalendar=at noon", "is not a calendar expression"),
        ("OnBootSec=soon", "is not a time span"),
        ("Unit=b.timer", "a timer cannot start another"),
        ("RandomizedDelaySec=infinity", "a delay without end is none"),
        ("WakeSystem=yes", "is not supported yet and is ignored"),
    ] {
        let unit = load("a.timer", &format!("[Timer]\nOnBootSec=1\n{line}"));
        let told = unit.warnings.first().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains("/u/a.timer:3: ") && told.contains(warning), "{line}: {told}");
    }
}

#[test]
fn what_a_timer_depends_on() {
    use Relation::{After, Before, Conflicts, Requires, Triggers};
    let has = |lines: &str, relation, other: &str| {
        load("a.timer", &format!("[Timer]\n{lines}")).relations.contains_key(&(relation, name(other)))
    };
    for (lines, relation, other, expected) in [
        ("OnBootSec=1", Triggers, "a.service", true),
        ("OnBootSec=1", Before, "a.service", true),
        ("OnBootSec=1\nUnit=b.target", Triggers, "b.target", true),
        ("OnBootSec=1", Before, "timers.target", true),
        ("OnBootSec=1", Requires, "sysinit.target", true),
        ("OnBootSec=1", Conflicts, "shutdown.target", true),
        ("OnBootSec=1", After, "time-sync.target", false),
        ("OnCalendar=daily", After, "time-sync.target", true),
        ("OnCalendar=daily", After, "time-set.target", true),
    ] {
        assert_eq!(has(lines, relation, other), expected, "{lines} {relation:?} {other}");
    }
    let persistent = load("a.timer", "[Timer]\nOnCalendar=daily\nPersistent=yes");
    assert!(persistent.mounts_for.contains_key(layout::path::TIMERS));
}

#[test]
fn a_timer_elapses() {
    // It is 17:30:00, and the machine has been up for 100 s.
    let cases: [(&str, u64, &[&str]); 13] = [
        ("OnActiveSec=5", 60, &["11-27 17:30:05"]),
        ("OnActiveSec=0", 60, &["11-27 17:30:00"]),
        ("OnActiveSec=20\nOnActiveSec=5", 60, &["11-27 17:30:05", "11-27 17:30:20"]),
        ("OnBootSec=10min", 3600, &["11-27 17:38:20"]),
        ("OnStartupSec=10min", 3600, &["11-27 17:38:30"]),
        // Past already, and not there before.
        ("OnBootSec=1min", 3600, &["11-27 17:30:00"]),
        ("OnActiveSec=1\nOnUnitActiveSec=20", 50, &["11-27 17:30:01", "11-27 17:30:21", "11-27 17:30:41"]),
        ("OnActiveSec=1\nOnUnitInactiveSec=20", 30, &["11-27 17:30:01", "11-27 17:30:21"]),
        ("OnUnitActiveSec=20", 3600, &[]),
        ("OnCalendar=*:0/10", 1500, &["11-27 17:40:00", "11-27 17:50:00"]),
        (
            "OnCalendar=17:45\nOnCalendar=Fri 18:00",
            DAY + 1000,
            &["11-27 17:45:00", "11-27 18:00:00", "11-28 17:45:00"],
        ),
        ("OnCalendar=2001-01-01", DAY, &[]),
        ("OnBootSec=infinity\nOnCalendar=18:00", 3600, &["11-27 18:00:00"]),
    ];
    for (lines, seconds, runs) in cases {
        let world = World::with(lines).pass(seconds);
        assert_eq!(world.runs, runs, "{lines}");
        // Only what is due wakes PID 1.
        assert!(world.wake_ups <= runs.len() + 1, "{lines}: {} wake-ups", world.wake_ups);
    }
}

#[test]
fn nothing_is_started_while_the_service_runs() {
    let mut world = World::with("OnCalendar=minutely");
    world.ends = false;
    let mut world = world.pass(300);
    assert_eq!((world.runs.len(), world.sub().as_str()), (1, "running"));
    // What it missed meanwhile counts as one.
    world.ends = true;
    let exit = machine::Event::Exited { pid: 7, exit: Exit::Code(0), emptied: true };
    world.input(Input::Service(name("a.service"), exit));
    assert_eq!(world.runs, ["11-27 17:31:00", "11-27 17:35:00"]);
    let deferring = World::with("OnCalendar=minutely\nDeferReactivation=yes");
    let mut deferring = World { ends: false, ..deferring }.pass(330);
    deferring.ends = true;
    let exit = machine::Event::Exited { pid: 7, exit: Exit::Code(0), emptied: true };
    deferring.input(Input::Service(name("a.service"), exit));
    assert_eq!(deferring.pass(60).runs, ["11-27 17:31:00", "11-27 17:36:00"]);
}

#[test]
fn a_stopped_timer_does_not_elapse() {
    let mut world = World::with("OnCalendar=*:0/10");
    world.request("a.timer", JobKind::Stop);
    let mut world = world.pass(3600);
    assert_eq!((world.runs.len(), world.sub().as_str()), (0, "dead"));
    assert_eq!(world.manager.next_deadline(), None);
    world.request("a.timer", JobKind::Start);
    assert_eq!(world.pass(600).runs, ["11-27 18:40:00"]);
}

#[test]
fn a_clock_that_is_set_forward_makes_it_elapse_once() {
    let world = World::with("OnCalendar=18:00").clock(secs(BEGIN + 5 * DAY)).pass(60);
    assert_eq!(world.runs, ["12-02 17:30:00"]);
    // Then it goes on as ever.
    assert_eq!(world.pass(1800).runs, ["12-02 17:30:00", "12-02 18:00:00"]);
    // Spans do not go by that clock.
    let world = World::with("OnActiveSec=1h").clock(secs(BEGIN + 5 * DAY)).pass(60);
    assert!(world.runs.is_empty());
    assert_eq!(world.pass(3600).runs.len(), 1);
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_elapse_twice() {
    let world = World::with("OnCalendar=18:00").pass(1805);
    assert_eq!(world.runs, ["11-27 18:00:00"]);
    let world = world.clock(secs(BEGIN + 1500)).pass(3600);
    assert_eq!(world.runs, ["11-27 18:00:00"]);
    assert_eq!(world.pass(DAY).runs, ["11-27 18:00:00", "11-28 18:00:00"]);
    // Far back, and what comes often comes on; it does not wait until it is as late again.
    let world = World::with("OnCalendar=hourly").pass(1900).clock(secs(BEGIN - 365 * DAY)).pass(2 * 3600);
    assert_eq!(world.runs, ["11-27 18:00:00", "11-27 18:00:00", "11-27 19:00:00"]);
    // Also before it ever elapsed.
    let world = World::with("OnCalendar=hourly").clock(secs(BEGIN - 365 * DAY)).pass(3600);
    assert_eq!(world.runs, ["11-27 18:00:00"]);
}

#[test]
fn a_timer_may_wait_for_the_clock_or_the_zone_to_be_set() {
    let mut world = World::with("OnClockChange=yes").pass(60);
    assert_eq!((world.runs.len(), world.sub().as_str()), (0, "waiting"));
    world = world.clock(secs(BEGIN + 7200));
    assert_eq!(world.runs, ["11-27 19:30:00"]);
    let berlin = || Zone::rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let mut world = World::with("OnTimezoneChange=yes").clock(secs(BEGIN + 60));
    assert!(world.runs.is_empty());
    world.input(Input::ZoneSet(berlin()));
    assert_eq!(world.runs.len(), 1);
    world.input(Input::ZoneSet(berlin()));
    assert_eq!(world.runs.len(), 1, "it is the same zone");
    // 18:00 is another moment then; what names its zone does not care.
    let mut world = World::with("OnCalendar=20:00\nOnCalendar=18:45 UTC");
    world.input(Input::ZoneSet(berlin()));
    assert_eq!(world.pass(7200).runs, ["11-27 18:45:00", "11-27 19:00:00"]);
}

#[test]
fn zones_by_name() {
    let mut world = World::of([timer("OnCalendar=19:00 Europe/Berlin\nOnCalendar=18:10 Nowhere")]);
    world.zones = vec![("Europe/Berlin".into(), Zone::rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap())];
    let world = world.started().pass(3600);
    assert_eq!(world.runs, ["11-27 18:00:00"]);
    assert!(world.log.iter().any(|line| line.contains("there is no time zone Nowhere")), "{:?}", world.log);
}

#[test]
fn what_was_missed_is_caught_up_on() {
    let at = |seconds: u64| Some(secs(seconds));
    let cases: [(&str, Option<Duration>, &[&str]); 4] = [
        ("Persistent=yes", at(BEGIN - 2 * DAY), &["11-27 17:30:00", "11-27 18:00:00"]),
        ("Persistent=yes", at(BEGIN - 3600), &["11-27 18:00:00"]),
        ("Persistent=yes", None, &["11-27 18:00:00"]),
        // A stamp of the future says that the clock is wrong, or was.
        ("Persistent=yes", at(BEGIN + 2 * DAY), &["11-27 18:00:00"]),
    ];
    for (lines, stamp, runs) in cases {
        let mut world = World::of([timer(&format!("OnCalendar=18:00\n{lines}"))]);
        world.stamp = stamp;
        let world = world.started().pass(3600);
        assert_eq!(world.runs, runs, "{stamp:?}");
        assert_eq!(world.stamps.len(), runs.len());
    }
    assert!(World::with("OnCalendar=18:00").pass(3600).stamps.is_empty());
}

#[test]
fn delays_are_random_or_the_machines_own() {
    let delay = |world: &World| {
        let status = world.manager.status(&name("a.timer")).timer.unwrap();
        status.next_us / 1_000_000 - (BEGIN + 1800)
    };
    let delays: Vec<u64> = (0..20)
        .map(|random| {
            let mut world = World::of([timer("OnCalendar=18:00\nRandomizedDelaySec=600")]);
            let mut clocks = Clocks { random, ..Clocks::default() };
            clocks.set(secs(BEGIN), secs(UPTIME));
            world.manager.set_clocks(clocks);
            delay(&world.started())
        })
        .collect();
    assert!(delays.iter().all(|delay| *delay < 600), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay != delays[0]), "{delays:?}");
    let fixed = "OnCalendar=18:00\nRandomizedDelaySec=600\nFixedRandomDelay=yes";
    let mut world = World::with(fixed);
    let first = delay(&world);
    world.request("a.timer", JobKind::Restart);
    assert_eq!(delay(&world), first);
}

#[test]
fn timers_wake_the_machine_together() {
    let plain = |own: &str, lines: &str| {
        load(own, &format!("[Unit]\nDefaultDependencies=no\n[Timer]\nUnit=a.service\n{lines}\n"))
    };
    let often = plain("a.timer", "OnCalendar=*:0/10");
    let seldom = plain("b.timer", "OnCalendar=*:5/30\nAccuracySec=20min");
    let mut world = World::of([often, seldom]).started();
    world.request("b.timer", JobKind::Start);
    // Until just before the next.
    let world = world.pass(3540);
    // The second is due at 17:35 and 18:05, and goes along with the first.
    assert_eq!((world.runs.len(), world.wake_ups), (5, 5), "{:?}", world.runs);
    let last = world.manager.status(&name("b.timer")).timer.unwrap().last_us;
    let last = format(Duration::from_micros(last), &Zone::utc(), Style::Seconds);
    assert!(last.contains(&world.runs[3]), "{last}");
}

#[test]
fn what_has_elapsed_stays_or_goes() {
    for (lines, sub) in [
        ("OnActiveSec=1", "elapsed"),
        ("OnActiveSec=1\nRemainAfterElapse=no", "dead"),
        ("OnActiveSec=1\nOnUnitActiveSec=1h\nRemainAfterElapse=no", "waiting"),
        ("OnCalendar=2001-01-01\nRemainAfterElapse=no", "dead"),
        ("OnUnitActiveSec=1h\nRemainAfterElapse=no", "elapsed"),
    ] {
        assert_eq!(World::with(lines).pass(60).sub(), sub, "{lines}");
    }
    // Somebody starts the service, and a timer that counts from that goes on.
    let mut world = World::with("OnUnitActiveSec=60");
    world.request("a.service", JobKind::Start);
    assert_eq!(world.pass(70).runs.len(), 2);
}

#[test]
fn a_timer_of_a_unit_that_is_not_there_fails() {
    let mut world = World::of([timer("OnBootSec=1\nUnit=none.service")]);
    world.request("a.timer", JobKind::Start);
    assert_eq!(world.sub(), "failed");
    assert!(world.log.iter().any(|line| line.contains("none.service")), "{:?}", world.log);
}

#[test]
fn new_files_count_at_once() {
    let mut world = World::with("OnCalendar=18:00");
    let mut graph = world.manager.graph().clone();
    graph.insert(timer("OnCalendar=17:40"));
    graph.link();
    world.manager.set_graph(graph);
    world.tick();
    assert_eq!(world.pass(1200).runs, ["11-27 17:40:00"]);
}

proptest! {
    /// Whatever is done to the clock, a timer runs its service no more often than it is due, plus once
    /// for each time that the clock was set; and nothing makes PID 1 wake up without end.
    #[test]
    fn no_clock_makes_a_timer_run_wild(
        steps in prop::collection::vec((0..5_000u64, prop::option::of(-400_000..400_000i64)), 1..12),
        lines in prop_oneof![
            Just("OnCalendar=*:0/10"),
            Just("OnCalendar=*:0/10\nAccuracySec=1min"),
            Just("OnCalendar=hourly\nOnUnitActiveSec=900\nOnActiveSec=1"),
            Just("OnCalendar=*:0/10\nRandomizedDelaySec=200"),
            Just("OnCalendar=daily\nPersistent=yes"),
        ],
    ) {
        let mut world = World::with(lines);
        let mut passed = 0;
        let mut settings = 0;
        for (seconds, by) in steps {
            world = world.pass(seconds);
            passed += seconds;
            if let Some(by) = by {
                let wall = i64::try_from(world.wall.as_secs()).unwrap() + by;
                world = world.clock(secs(wall.unsigned_abs()));
                settings += 1;
            }
            let due = world.manager.next_deadline();
            prop_assert!(due.is_none_or(|due| due > world.now), "{due:?} is not after {:?}", world.now);
        }
        let most = passed / 600 + 2 + settings;
        prop_assert!(world.runs.len() as u64 <= most, "{} runs, at most {most}", world.runs.len());
        prop_assert!(world.wake_ups as u64 <= 2 * most, "{} wake-ups", world.wake_ups);
    }
}
