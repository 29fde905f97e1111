//! Many units together: what starts, in which order, and what follows from a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{load, name};
use unit::graph::Graph;
use unit::load::builtin;
use unit::manager::{Action, Input, JobResult, Manager, Verdict};
use unit::service::exit::Exit;
use unit::service::machine::{self, Event};
use unit::service::state::Active;
use unit::transaction::{JobKind, PlanError, plan};

/// A machine whose processes start when they are asked to, and end when they are told to.
struct World {
    manager: Manager,
    now: Duration,
    pids: BTreeMap<String, i32>,
    next_pid: i32,
    /// What happened, in order: `+a.service` a process started, `-a.service` one was told to end.
    story: Vec<String>,
    results: BTreeMap<String, JobResult>,
    unmet: Vec<&'static str>,
    /// Whose programs cannot be run.
    refuses: Vec<&'static str>,
}

impl World {
    /// Units by name and text; those without `[Service]` are targets.
    fn of(units: &[(&str, &str)]) -> World {
        let mut graph = Graph::default();
        for (unit, text) in units {
            graph.insert(load(unit, &awaiting(text)));
        }
        loop {
            let unknown = graph.unknown();
            if unknown.is_empty() {
                break;
            }
            for name in unknown {
                match builtin(&name) {
                    Ok(unit) => graph.insert(unit),
                    Err(error) => graph.insert_failed(name, error),
                }
            }
        }
        graph.link();
        let mut manager = Manager::default();
        manager.set_graph(graph);
        let now = Duration::from_secs(50);
        World {
            manager,
            now,
            pids: BTreeMap::new(),
            next_pid: 100,
            story: Vec::new(),
            results: BTreeMap::new(),
            unmet: Vec::new(),
            refuses: Vec::new(),
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Check(unit) => {
                    let verdict = match self.unmet.contains(&unit.as_str()) {
                        true => Verdict::Unmet("ConditionPathExists=/x".into()),
                        false => Verdict::Met,
                    };
                    self.input(Input::Checked(unit, verdict));
                }
                Action::Service(unit, machine::Action::Spawn(role, _, _))
                    if self.refuses.contains(&unit.as_str()) =>
                {
                    let event = Event::SpawnFailed(role, "it is not there".to_owned());
                    self.input(Input::Service(unit, event));
                }
                Action::Service(unit, machine::Action::Spawn(role, _, _)) => {
                    self.next_pid += 1;
                    self.pids.insert(unit.to_string(), self.next_pid);
                    self.story.push(format!("+{unit}"));
                    let event = Event::Spawned(role, self.next_pid);
                    self.input(Input::Service(unit, event));
                }
                Action::Service(unit, machine::Action::Signal(..)) => {
                    self.story.push(format!("-{unit}"));
                    self.exits(unit.as_str(), 0);
                }
                Action::JobDone { unit, result, .. } => drop(self.results.insert(unit.to_string(), result)),
                Action::System(unit, action, _) => self.story.push(format!("{unit}: system {action:?}")),
                Action::Log(unit, text) => self.story.push(format!("{unit}: {text}")),
                _ => {}
            }
        }
    }

    fn input(&mut self, input: Input) {
        let actions = self.manager.next(input, self.now);
        self.perform(actions);
    }

    fn request(&mut self, unit: &str, kind: JobKind) {
        let (_, actions) = self.manager.request(&name(unit), kind, self.now).unwrap();
        self.perform(actions);
    }

    fn tick_in(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let actions = self.manager.tick(self.now);
        self.perform(actions);
    }

    fn exits(&mut self, unit: &str, code: i32) {
        let pid = self.pids[unit];
        let exited = Event::Exited { pid, exit: Exit::Code(code), emptied: true };
        self.input(Input::Service(name(unit), exited));
    }

    fn active(&self, unit: &str) -> Active {
        self.manager.active(&name(unit))
    }

    fn story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }
}

/// A target that waits for what it pulls in: by default it does not for units that want no
/// default dependencies.
fn awaiting(text: &str) -> String {
    let pulled =
        |line: &str| line.split_once('=').filter(|(key, _)| matches!(*key, "Wants" | "Requires")).is_some();
    let is_target = !text.contains("[Service]");
    let orders = text.lines().filter(|line| is_target && pulled(line));
    let orders: String = orders.map(|line| format!("After={}\n", line.split_once('=').unwrap().1)).collect();
    format!("{text}{orders}")
}

/// `a.service` with lines for `[Unit]`; it does its work at once and stays up.
fn unit(relations: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\n{relations}\n[Service]\nExecStart=/bin/x\n")
}

fn oneshot(relations: &str) -> String {
    format!(
        "[Unit]\nDefaultDependencies=no\n{relations}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/x\n"
    )
}

#[test]
fn what_is_ordered_waits_and_the_rest_starts_at_once() {
    let mut world = World::of(&[
        ("all.target", "[Unit]\nWants=a.service b.service c.service\n"),
        ("a.service", &oneshot("")),
        ("b.service", &oneshot("After=a.service")),
        ("c.service", &oneshot("")),
    ]);
    world.request("all.target", JobKind::Start);
    assert_eq!(world.story(), ["+a.service", "+c.service"]);
    world.exits("c.service", 0);
    assert_eq!(world.story(), Vec::<String>::new());
    world.exits("a.service", 0);
    assert_eq!(world.story(), ["+b.service"]);
    assert_eq!(world.active("all.target"), Active::Inactive);
    world.exits("b.service", 0);
    assert_eq!(world.active("all.target"), Active::Active);
    assert_eq!(world.results["all.target"], JobResult::Done);
}

#[test]
fn a_wanted_unit_that_fails_is_no_obstacle_a_required_one_is() {
    for (relation, reached) in [("Wants", true), ("Requires", false)] {
        let mut world = World::of(&[
            ("all.target", &format!("[Unit]\n{relation}=a.service\n")),
            ("a.service", &oneshot("")),
        ]);
        world.request("all.target", JobKind::Start);
        world.exits("a.service", 1);
        assert_eq!(world.active("all.target") == Active::Active, reached, "{relation}");
        let dependency = JobResult::Dependency(name("a.service"), "exit-code 1".into());
        let expected = if reached { JobResult::Done } else { dependency };
        assert_eq!(world.results["all.target"], expected);
    }
}

#[test]
fn a_missing_unit_is_an_error_where_it_is_required_and_a_note_where_it_is_wanted() {
    let required = World::of(&[
        ("all.target", "[Unit]\nRequires=b.target\n"),
        ("b.target", "[Unit]\nRequires=no.service\n"),
    ])
    .manager
    .request(&name("all.target"), JobKind::Start, Duration::ZERO)
    .unwrap_err();
    assert_eq!(required.to_string(), "unit no.service not found (required by b.target)");
    let mut wanted = World::of(&[
        ("all.target", "[Unit]\nWants=no.service b.target\n"),
        ("b.target", "[Unit]\nRequires=no.service\n"),
    ]);
    wanted.request("all.target", JobKind::Start);
    assert_eq!(wanted.active("all.target"), Active::Active);
    assert_eq!(wanted.active("b.target"), Active::Inactive);
    assert!(wanted.story()[0].contains("no.service not found"));
}

#[test]
fn a_unit_that_asks_for_confinement_that_is_not_built_does_not_start() {
    let text = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/x\nRestrictFileSystems=ext4\n";
    let mut world = World::of(&[("a.service", text)]);
    world.request("a.service", JobKind::Start);
    assert_eq!(world.story(), Vec::<String>::new());
    let JobResult::Failed(reason) = &world.results["a.service"] else { panic!("it did not fail") };
    assert!(reason.contains("a.service:5: RestrictFileSystems="), "{reason}");
}

#[test]
fn stops_go_against_the_order_and_take_those_along_that_need_the_unit() {
    let mut world = World::of(&[
        ("a.service", &unit("")),
        ("b.service", &unit("Requires=a.service\nAfter=a.service")),
        ("c.service", &unit("PartOf=a.service")),
        ("d.service", &unit("Wants=a.service")),
    ]);
    for unit in ["b.service", "c.service", "d.service"] {
        world.request(unit, JobKind::Start);
    }
    world.story();
    world.request("a.service", JobKind::Stop);
    let mut story = world.story();
    let place = |unit: &str| story.iter().position(|event| event == unit);
    assert!(place("-b.service") < place("-a.service"));
    story.sort();
    assert_eq!(story, ["-a.service", "-b.service", "-c.service"]);
    assert_eq!(world.active("d.service"), Active::Active);
}

#[test]
fn a_restart_takes_those_along_that_need_the_unit() {
    let mut world =
        World::of(&[("a.service", &unit("")), ("b.service", &unit("Requires=a.service\nAfter=a.service"))]);
    world.request("b.service", JobKind::Start);
    world.story();
    world.request("a.service", JobKind::Restart);
    assert_eq!(world.story(), ["-b.service", "-a.service", "+a.service", "+b.service"]);
}

#[test]
fn what_is_isolated_comes_up_and_what_it_does_not_need_goes_down() {
    let mut world = World::of(&[
        ("all.target", "[Unit]\nWants=a.service b.service kept.service\n"),
        (
            "rescue.target",
            "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\nRequires=b.service\nWants=r.service\n",
        ),
        ("a.service", &unit("Requires=b.service\nAfter=b.service")),
        ("b.service", &unit("")),
        ("r.service", &unit("After=a.service")),
        ("kept.service", &unit("IgnoreOnIsolate=yes")),
        ("kept-by-none.service", &unit("IgnoreOnIsolate=yes\nBindsTo=a.service\nAfter=a.service")),
        ("down.service", &unit("")),
    ]);
    world.request("all.target", JobKind::Start);
    world.request("kept-by-none.service", JobKind::Start);
    world.story();
    let (id, actions) = world.manager.isolate(&name("rescue.target"), world.now).unwrap();
    world.perform(actions);
    assert_eq!(world.story(), ["-kept-by-none.service", "-a.service", "+r.service"]);
    for (unit, active) in [
        ("rescue.target", Active::Active),
        ("all.target", Active::Inactive),
        ("b.service", Active::Active),
        ("kept.service", Active::Active),
    ] {
        assert_eq!(world.active(unit), active, "{unit}");
    }
    assert!(id > 0);
    assert_eq!(world.results["rescue.target"], JobResult::Done);
    let refused = world.manager.isolate(&name("all.target"), world.now).unwrap_err();
    assert_eq!(refused, PlanError::Isolate(name("all.target")));
}

#[test]
fn a_unit_remembers_when_it_came_and_went() {
    let mut world = World::of(&[("a.service", &oneshot(""))]);
    let times = |world: &World| {
        let status = world.manager.status(&name("a.service"));
        let at = [
            status.inactive_exit_us,
            status.active_enter_us,
            status.active_exit_us,
            status.inactive_enter_us,
        ];
        at.map(|micros| micros / 1_000_000)
    };
    assert_eq!(times(&world), [0; 4]);
    world.request("a.service", JobKind::Start);
    assert_eq!(times(&world), [50, 0, 0, 0]);
    world.now = Duration::from_secs(60);
    world.exits("a.service", 0);
    assert_eq!(times(&world), [50, 60, 0, 0]);
    world.now = Duration::from_secs(70);
    world.request("a.service", JobKind::Stop);
    assert_eq!(times(&world), [50, 60, 70, 70]);
}

#[test]
fn new_unit_files_lose_nothing_of_what_was() {
    let units = [
        ("runs.service", unit("")),
        ("failed.service", oneshot("")),
        ("first.service", oneshot("")),
        ("later.service", oneshot("After=first.service")),
    ];
    let units: Vec<(&str, &str)> = units.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut world = World::of(&units);
    for (unit, _) in &units {
        world.request(unit, JobKind::Start);
    }
    world.exits("failed.service", 3);
    let before: Vec<_> = units.iter().map(|(unit, _)| world.manager.status(&name(unit))).collect();
    let jobs = world.manager.jobs();
    assert_eq!(
        jobs.iter().map(|job| (job.unit.as_str(), job.running)).collect::<Vec<_>>(),
        [("first.service", true), ("later.service", false)]
    );
    world.manager.set_graph(World::of(&units).manager.graph().clone());
    let after: Vec<_> = units.iter().map(|(unit, _)| world.manager.status(&name(unit))).collect();
    assert_eq!(after, before);
    assert_eq!(world.manager.jobs(), jobs);
    assert_eq!(world.manager.failed_count(), 1);
    world.exits("first.service", 0);
    world.exits("later.service", 0);
    assert_eq!(world.results["later.service"], JobResult::Done);
}

#[test]
fn new_unit_files_with_a_cycle_do_not_hold_up_what_waits() {
    let units = |relation| {
        [
            ("first.service", oneshot("")),
            ("a.service", oneshot("After=first.service b.service")),
            ("b.service", oneshot(relation)),
        ]
    };
    fn borrowed<'a>(units: &'a [(&'static str, String); 3]) -> Vec<(&'static str, &'a str)> {
        units.iter().map(|(name, text)| (*name, text.as_str())).collect()
    }
    let mut world = World::of(&borrowed(&units("After=first.service")));
    for unit in ["first.service", "a.service", "b.service"] {
        world.request(unit, JobKind::Start);
    }
    world
        .manager
        .set_graph(World::of(&borrowed(&units("After=first.service a.service"))).manager.graph().clone());
    for _ in 0..3 {
        let running: Vec<String> = world.manager.busy().map(|(unit, _)| unit.to_string()).collect();
        running.iter().for_each(|unit| world.exits(unit, 0));
    }
    assert!(world.manager.is_idle());
}

#[test]
fn what_may_not_be_started_any_more_does_not_wait_for_its_next_start() {
    let text = unit("").replace("[Service]", "[Service]\nRestart=always");
    let mut world = World::of(&[("a.service", &text)]);
    world.request("a.service", JobKind::Start);
    world.exits("a.service", 1);
    assert_eq!(world.active("a.service"), Active::Activating);
    let refused = format!("{text}RestrictFileSystems=ext4\n");
    world.manager.set_graph(World::of(&[("a.service", &refused)]).manager.graph().clone());
    world.tick_in(1);
    assert_eq!(world.active("a.service"), Active::Failed);
    assert!(world.manager.is_idle());
}

#[test]
fn only_what_is_down_is_forgotten() {
    let mut world = World::of(&[("a.service", &unit("")), ("b.target", "[Unit]\nWants=a.service\n")]);
    world.request("a.service", JobKind::Start);
    assert!(!world.manager.forget(&name("a.service")));
    world.request("a.service", JobKind::Stop);
    assert!(world.manager.forget(&name("a.service")));
    assert_eq!(world.manager.status(&name("a.service")).load, "not-found");
}

#[test]
fn a_unit_bound_to_one_that_ends_goes_with_it() {
    let mut world = World::of(&[
        ("a.service", &unit("")),
        ("b.service", &unit("BindsTo=a.service\nAfter=a.service")),
        ("c.service", &unit("Requires=a.service\nAfter=a.service")),
    ]);
    world.request("b.service", JobKind::Start);
    world.request("c.service", JobKind::Start);
    world.exits("a.service", 1);
    assert_eq!(world.active("b.service"), Active::Inactive);
    assert_eq!(world.active("c.service"), Active::Active);
}

#[test]
fn conflicting_units_replace_each_other() {
    let mut world = World::of(&[("a.service", &unit("")), ("b.service", &unit("Conflicts=a.service"))]);
    world.request("a.service", JobKind::Start);
    world.request("b.service", JobKind::Start);
    assert_eq!((world.active("a.service"), world.active("b.service")), (Active::Inactive, Active::Active));
    world.request("a.service", JobKind::Start);
    assert_eq!((world.active("a.service"), world.active("b.service")), (Active::Active, Active::Inactive));
}

#[test]
fn two_conflicting_units_cannot_be_asked_for_at_once() {
    let mut world = World::of(&[
        ("all.target", "[Unit]\nRequires=a.service b.service\n"),
        ("a.service", &unit("")),
        ("b.service", &unit("Conflicts=a.service")),
    ]);
    let error = world.manager.request(&name("all.target"), JobKind::Start, world.now).unwrap_err();
    assert!(matches!(error, PlanError::Conflict(..)), "{error}");
}

#[test]
fn of_two_conflicting_units_that_are_only_wanted_one_is_left_out_and_told() {
    let at_boot = "[Unit]\nDefaultDependencies=no\n";
    for (wishes, all, starts) in [
        // The one that says it stays, whatever the order of the names.
        ("Wants=a.service b.service\n", ("", "Conflicts=a.service"), "b.service"),
        ("Wants=a.service b.service\n", ("Conflicts=b.service", ""), "a.service"),
        // What is needed stays.
        ("Requires=a.service\nWants=b.service\n", ("", "Conflicts=a.service"), "a.service"),
        ("Wants=a.service\nBindsTo=b.service\n", ("Conflicts=b.service", ""), "b.service"),
        // What needs the one that goes is left out with it.
        ("Wants=a.service b.service c.service\n", ("", "Conflicts=a.service"), "b.service"),
    ] {
        let mut world = World::of(&[
            ("all.target", &format!("{at_boot}{wishes}")),
            ("a.service", &unit(all.0)),
            ("b.service", &unit(all.1)),
            ("c.service", &unit("Requires=a.service")),
        ]);
        world.request("all.target", JobKind::Start);
        let goes = if starts == "a.service" { "b.service" } else { "a.service" };
        let told = format!("all.target: {goes} is not started: it conflicts with {starts}, which is");
        assert_eq!(world.story(), [told, format!("+{starts}")], "{wishes}{all:?}");
        assert_eq!(world.active("all.target"), Active::Active);
    }
}

#[test]
fn a_condition_that_does_not_hold_skips_the_start_and_holds_up_nobody() {
    let mut world = World::of(&[
        ("a.service", &unit("ConditionPathExists=/x")),
        ("b.service", &unit("Requires=a.service\nAfter=a.service")),
    ]);
    world.unmet = vec!["a.service"];
    world.request("b.service", JobKind::Start);
    assert_eq!(world.story(), ["+b.service"]);
    assert_eq!(world.results["a.service"], JobResult::Skipped("ConditionPathExists=/x".into()));
}

#[test]
fn a_cycle_is_broken_at_its_weakest_place_and_told() {
    let mut world = World::of(&[
        ("all.target", "[Unit]\nDefaultDependencies=no\nWants=a.service b.service c.service\n"),
        ("a.service", &unit("After=b.service\nRequires=b.service")),
        ("b.service", &unit("After=c.service")),
        ("c.service", &unit("After=a.service\nWants=a.service")),
    ]);
    world.request("all.target", JobKind::Start);
    let story = world.story();
    assert_eq!(
        story[0],
        "all.target: ordering cycle: a.service after b.service after c.service after a.service; b.service no longer \
         waits for c.service"
    );
    assert_eq!(story[1..], ["+b.service", "+a.service", "+c.service"]);
    assert_eq!(world.active("all.target"), Active::Active);
}

#[test]
fn a_default_ordering_yields_first() {
    let a = load("a.service", "[Unit]\nAfter=b.service\n[Service]\nExecStart=/x\n");
    let b = load(
        "b.service",
        "[Unit]\nDefaultDependencies=no\nAfter=shutdown.target\nWants=shutdown.target\n[Service]\nExecStart=/x\n",
    );
    let mut graph = Graph::default();
    for unit in [a, b, load("t.target", "[Unit]\nDefaultDependencies=no\nWants=a.service b.service\n")] {
        graph.insert(unit);
    }
    for target in ["sysinit.target", "basic.target", "shutdown.target", "local-fs.target"] {
        graph.insert(builtin(&name(target)).unwrap());
    }
    graph.link();
    // a before shutdown.target by default, b after it, a after b.
    let order = plan(&graph, &name("b.service"), JobKind::Start, &|_| false).unwrap();
    assert_eq!(order.cycles, []);
    let order = plan(&graph, &name("a.service"), JobKind::Start, &|_| false).unwrap();
    assert_eq!(order.cycles, []);
}

#[test]
fn a_unit_that_starts_too_often_is_let_be() {
    let text = "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=10\nStartLimitBurst=3\n[Service]\nExecStart=/x\n\
                Restart=always\nRestartSec=1\n";
    let mut world = World::of(&[("a.service", text)]);
    world.request("a.service", JobKind::Start);
    for _ in 0..3 {
        world.exits("a.service", 1);
        world.tick_in(1);
    }
    assert_eq!(world.active("a.service"), Active::Failed);
    assert_eq!(world.manager.status(&name("a.service")).result_word, "start-limit-hit");
    assert_eq!(world.story().iter().filter(|event| *event == "+a.service").count(), 3);
}

#[test]
fn a_failure_starts_its_handler() {
    let mut world = World::of(&[
        ("a.service", &unit("OnFailure=help@%n.service")),
        ("help@a.service.service", &unit("")),
    ]);
    world.request("a.service", JobKind::Start);
    world.exits("a.service", 1);
    assert_eq!(world.active("help@a.service.service"), Active::Active);
}

#[test]
fn a_shutdown_stops_all_in_reverse_and_takes_no_more_jobs() {
    let mut world = World::of(&[
        ("all.target", "[Unit]\nWants=a.service b.service log.service\n"),
        ("a.service", &unit("")),
        ("b.service", &unit("After=a.service\nOnFailure=a.service")),
        ("log.service", &unit("")),
    ]);
    world.request("all.target", JobKind::Start);
    world.story();
    let by = world.now + Duration::from_secs(3);
    let last = [name("log.service")];
    let actions = world.manager.shut_down(by, &last, world.now);
    world.perform(actions);
    assert_eq!(world.story(), ["-b.service", "-a.service"]);
    assert!(world.manager.is_idle());
    let actions = world.manager.shut_down(by, &[], world.now);
    world.perform(actions);
    assert_eq!(world.story(), ["-log.service"]);
    assert!(world.manager.is_idle());
}

#[test]
fn units_in_a_cycle_do_not_hold_up_a_shutdown() {
    let mut world =
        World::of(&[("a.service", &unit("After=b.service")), ("b.service", &unit("After=a.service"))]);
    world.request("a.service", JobKind::Start);
    world.request("b.service", JobKind::Start);
    world.story();
    let actions = world.manager.shut_down(world.now + Duration::from_secs(3), &[], world.now);
    world.perform(actions);
    assert!(world.manager.is_idle());
    let story = world.story();
    assert!(
        ["-a.service", "-b.service"].iter().all(|stop| story.iter().any(|line| line == stop)),
        "{story:?}"
    );
}

#[test]
fn a_target_waits_by_default_for_units_with_default_dependencies_only() {
    let early = oneshot("");
    let usual = "[Unit]\n[Service]\nType=oneshot\nExecStart=/x\n";
    let mut graph = Graph::default();
    for unit in [
        load("all.target", "[Unit]\nWants=early.service usual.service\n"),
        load("none.target", "[Unit]\nDefaultDependencies=no\nWants=usual.service\n"),
        load("early.service", &early),
        load("usual.service", usual),
    ] {
        graph.insert(unit);
    }
    graph.link();
    let after =
        |unit| graph.related(&name(unit), unit::Relation::After).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(after("all.target"), ["usual.service"]);
    assert_eq!(after("none.target"), Vec::<String>::new());
}

#[test]
fn a_thousand_units_in_a_chain_start_in_order() {
    let mut units = vec![("all.target".to_owned(), "[Unit]\nWants=u0999.service\n".to_owned())];
    for index in 0..1000 {
        let before = match index {
            0 => String::new(),
            _ => format!("Requires=u{0:04}.service\nAfter=u{0:04}.service", index - 1),
        };
        units.push((format!("u{index:04}.service"), unit(&before)));
    }
    let units: Vec<(&str, &str)> = units.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut world = World::of(&units);
    world.request("all.target", JobKind::Start);
    let story = world.story();
    assert_eq!(story.len(), 1000);
    assert!(story.is_sorted());
    assert_eq!(world.active("all.target"), Active::Active);
}

#[test]
fn what_is_to_follow_a_success_or_a_failure_follows() {
    let mut world = World::of(&[
        ("a.service", &unit("OnSuccess=well.service\nOnFailure=badly.service\nFailureAction=reboot")),
        ("well.service", &unit("")),
        ("badly.service", &unit("")),
    ]);
    world.request("a.service", JobKind::Start);
    world.exits("a.service", 0);
    assert_eq!(world.story(), ["+a.service", "+well.service"]);
    world.request("a.service", JobKind::Start);
    world.exits("a.service", 1);
    assert_eq!(world.story(), ["+a.service", "a.service: system Reboot", "+badly.service"]);
}

#[test]
fn what_follows_may_be_isolated() {
    let handler = "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n";
    for (relation, code, is_isolated) in [
        ("OnFailure=last.target\nOnFailureJobMode=isolate", 1, true),
        ("OnSuccess=last.target\nOnSuccessJobMode=isolate", 0, true),
        ("OnFailure=last.target\nOnSuccessJobMode=isolate", 1, false),
    ] {
        let mut world =
            World::of(&[("a.service", &unit(relation)), ("b.service", &unit("")), ("last.target", handler)]);
        world.request("a.service", JobKind::Start);
        world.request("b.service", JobKind::Start);
        world.exits("a.service", code);
        assert_eq!(world.active("last.target"), Active::Active, "{relation}");
        assert_eq!(world.active("b.service").is_down(), is_isolated, "{relation}");
    }

    let mut world = World::of(&[
        ("a.service", &unit("OnFailure=b.service\nOnFailureJobMode=isolate")),
        ("b.service", &unit("")),
    ]);
    world.request("a.service", JobKind::Start);
    world.exits("a.service", 1);
    let [_, told] = &world.story()[..] else { panic!("a line too few or too many") };
    assert!(told.starts_with("a.service: OnFailure= cannot be followed: "), "{told}");
}

#[test]
fn reloads_and_stops_are_passed_on() {
    let reloads = "[Unit]\nDefaultDependencies=no\nPropagatesReloadTo=b.service\n\
                   [Service]\nExecStart=/x\nExecReload=/r\n";
    let mut world = World::of(&[("a.service", reloads), ("b.service", reloads)]);
    world.request("a.service", JobKind::Start);
    world.request("b.service", JobKind::Start);
    world.story();
    world.request("a.service", JobKind::Reload);
    assert_eq!(world.story(), ["+a.service", "+b.service"]);

    let mut world =
        World::of(&[("a.service", &unit("PropagatesStopTo=b.service")), ("b.service", &unit(""))]);
    world.request("a.service", JobKind::Start);
    world.request("b.service", JobKind::Start);
    world.request("a.service", JobKind::Stop);
    assert_eq!((world.active("a.service"), world.active("b.service")), (Active::Inactive, Active::Inactive));
}

#[test]
fn a_reload_that_fails_is_told_and_one_that_ends_the_unit_waits_for_nothing() {
    let text = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/x\nExecReload=/r\n";
    let mut world = World::of(&[("a.service", text)]);
    world.request("a.service", JobKind::Start);
    let main = world.pids["a.service"];
    for (code, expected) in
        [(1, JobResult::Failed("reload failed: exit-code 1".into())), (0, JobResult::Done)]
    {
        world.request("a.service", JobKind::Reload);
        let pid = world.pids["a.service"];
        let exited = Event::Exited { pid, exit: Exit::Code(code), emptied: false };
        world.input(Input::Service(name("a.service"), exited));
        assert_eq!((world.active("a.service"), &world.results["a.service"]), (Active::Active, &expected));
    }

    world.request("a.service", JobKind::Reload);
    let pid = world.pids["a.service"];
    for (pid, code, emptied) in [(main, 1, false), (pid, 0, true)] {
        let exited = Event::Exited { pid, exit: Exit::Code(code), emptied };
        world.input(Input::Service(name("a.service"), exited));
    }
    assert_eq!(world.active("a.service"), Active::Failed);
    assert!(
        matches!(&world.results["a.service"], JobResult::Failed(why) if why.contains("during its reload"))
    );
    assert!(world.manager.is_idle());
}

#[test]
fn a_unit_bound_to_one_that_fails_to_start_goes_down() {
    let mut world = World::of(&[("a.service", &unit("BindsTo=b.service")), ("b.service", &oneshot(""))]);
    world.request("a.service", JobKind::Start);
    world.exits("b.service", 1);
    assert_eq!((world.active("a.service"), world.active("b.service")), (Active::Inactive, Active::Failed));
}

#[test]
fn a_unit_that_nobody_needs_any_more_goes_down() {
    let mut world = World::of(&[
        ("a.service", &unit("Requires=helper.service")),
        ("b.service", &unit("Wants=helper.service")),
        ("helper.service", &unit("StopWhenUnneeded=yes")),
    ]);
    world.request("a.service", JobKind::Start);
    world.request("b.service", JobKind::Start);
    world.request("a.service", JobKind::Stop);
    assert_eq!(world.active("helper.service"), Active::Active, "b still wants it");
    world.request("b.service", JobKind::Stop);
    assert_eq!(world.active("helper.service"), Active::Inactive);
}

#[test]
fn a_unit_that_is_upheld_comes_up_again_unless_it_was_stopped() {
    let mut world = World::of(&[("a.service", &unit("Upholds=b.service")), ("b.service", &unit(""))]);
    world.request("a.service", JobKind::Start);
    assert_eq!(world.active("b.service"), Active::Active);
    world.exits("b.service", 1);
    assert_eq!(world.active("b.service"), Active::Active);
    world.request("b.service", JobKind::Stop);
    assert_eq!(world.active("b.service"), Active::Inactive);
}

#[test]
fn a_job_that_takes_too_long_ends() {
    let text = "[Unit]\nDefaultDependencies=no\nJobTimeoutSec=5\nJobTimeoutAction=poweroff\n\
                [Service]\nType=notify\nExecStart=/x\n";
    let mut world = World::of(&[("a.service", text)]);
    world.request("a.service", JobKind::Start);
    assert_eq!(world.manager.next_deadline(), Some(world.now + Duration::from_secs(5)));
    world.tick_in(5);
    assert!(matches!(world.results["a.service"], JobResult::Failed(_)));
    assert_eq!(world.story(), ["+a.service", "a.service: system Poweroff"]);
}

#[test]
fn a_service_whose_next_start_comes_to_nothing_does_not_rest_for_ever() {
    for (relation, unmet, ends) in [
        // What it needs fails while it is started again itself.
        ("Requires=a.service\nAfter=a.service", None, (Active::Failed, "resources")),
        ("Requisite=a.service\nAfter=a.service", None, (Active::Failed, "resources")),
        // A condition that does not hold is no failure, here as at any start; the result is that of the last run.
        ("ConditionPathExists=/x", Some("b.service"), (Active::Inactive, "exit-code")),
    ] {
        let mut world = World::of(&[
            ("a.service", &unit("")),
            ("b.service", &(unit(relation) + "Restart=always\nRestartSec=1\n")),
        ]);
        world.request("a.service", JobKind::Start);
        world.request("b.service", JobKind::Start);
        world.exits("b.service", 1);
        assert_eq!(world.active("b.service"), Active::Activating);
        world.exits("a.service", 1);
        world.unmet.extend(unmet);
        world.refuses.push("a.service");
        world.tick_in(1);
        let status = world.manager.status(&name("b.service"));
        assert_eq!((world.active("b.service"), status.result_word.as_str()), ends, "{relation}");
        assert!(world.manager.is_idle(), "{relation}");
        // It may be asked for again.
        world.refuses.clear();
        world.unmet.clear();
        world.request("a.service", JobKind::Start);
        world.request("b.service", JobKind::Start);
        assert_eq!(world.active("b.service"), Active::Active, "{relation}");
    }
}

#[test]
fn to_reload_what_is_about_to_start_is_to_start_it() {
    let mut world = World::of(&[
        ("slow.service", &(unit("") + "Type=oneshot\n")),
        ("a.service", &(unit("After=slow.service") + "ExecReload=/bin/true\n")),
    ]);
    world.request("slow.service", JobKind::Start);
    world.request("a.service", JobKind::Start);
    world.request("a.service", JobKind::Reload);
    world.exits("slow.service", 0);
    assert_eq!(world.active("a.service"), Active::Active);
}

#[test]
fn jobs_of_two_requests_do_not_wait_for_each_other() {
    let mut world = World::of(&[
        ("slow.service", &(unit("") + "Type=oneshot\n")),
        ("a.service", &unit("After=b.service slow.service")),
        ("b.service", &unit("After=a.service")),
    ]);
    for asked in ["slow.service", "a.service", "b.service"] {
        world.request(asked, JobKind::Start);
    }
    let told = world.story().into_iter().find(|line| line.contains("ordering cycle"));
    assert!(told.is_some_and(|line| line.starts_with("b.service: ")));
    world.exits("slow.service", 0);
    for (asked, active) in [("a.service", Active::Active), ("b.service", Active::Active)] {
        assert_eq!(world.active(asked), active, "{asked}");
    }
    assert!(world.manager.is_idle());
}

#[test]
fn a_failure_that_is_forgotten_counts_no_more() {
    let mut world = World::of(&[("a.service", &unit("StartLimitBurst=2\nStartLimitIntervalSec=1min"))]);
    for result in [JobResult::Done, JobResult::Done, JobResult::Failed("start-limit-hit".to_owned())] {
        world.request("a.service", JobKind::Start);
        assert_eq!(world.results["a.service"], result);
        if world.active("a.service") == Active::Active {
            world.exits("a.service", 1);
        }
    }
    world.input(Input::Service(name("a.service"), Event::Reset));
    world.request("a.service", JobKind::Start);
    assert_eq!(world.results["a.service"], JobResult::Done);
}

#[test]
fn an_automatic_restart_reaches_others_unless_it_is_direct() {
    for (mode, by_failure, by_restart) in [
        ("normal", vec!["+help.service", "-bound.service"], vec!["-part.service", "-needs.service"]),
        ("direct", vec![], vec![]),
    ] {
        let restarts = format!("Restart=always\nRestartSec=1\nRestartMode={mode}\n");
        let mut world = World::of(&[
            ("a.service", &(unit("OnFailure=help.service") + &restarts)),
            ("help.service", &unit("")),
            ("bound.service", &unit("BindsTo=a.service\nAfter=a.service")),
            ("needs.service", &unit("Requires=a.service\nAfter=a.service")),
            ("part.service", &unit("PartOf=a.service\nAfter=a.service")),
            ("stays.service", &unit("Wants=a.service\nAfter=a.service")),
        ]);
        for asked in ["bound.service", "needs.service", "part.service", "stays.service"] {
            world.request(asked, JobKind::Start);
        }
        world.story();
        world.exits("a.service", 1);
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        assert_eq!(sorted(world.story()), by_failure, "{mode}");
        world.tick_in(1);
        let (down, up): (Vec<String>, Vec<String>) =
            world.story().into_iter().partition(|line| line.starts_with('-'));
        let again = by_restart.iter().map(|line| line.replace('-', "+"));
        assert_eq!(
            sorted(down),
            sorted(by_restart.iter().map(|line| (*line).to_owned()).collect()),
            "{mode}"
        );
        // It comes first, and then what needs it.
        assert_eq!(up[0], "+a.service", "{mode}");
        assert_eq!(sorted(up[1..].to_vec()), sorted(again.collect()), "{mode}");
        assert_eq!(world.active("stays.service"), Active::Active);
        assert_eq!(world.manager.service_state(&name("a.service")).unwrap().restarts, 1);
        assert!(world.manager.is_idle());
    }
}

#[test]
fn to_restart_what_is_down_starts_what_it_needs_first() {
    let mut world =
        World::of(&[("a.service", &unit("")), ("b.service", &unit("Requires=a.service\nAfter=a.service"))]);
    world.request("b.service", JobKind::Restart);
    assert_eq!(world.story(), ["+a.service", "+b.service"]);
    assert!(world.manager.is_idle());
}
