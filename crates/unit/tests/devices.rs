//! Devices: what depends on them, and what follows when they come and go.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use common::{load, name};
use proptest::prelude::*;
use unit::device::Record;
use unit::graph::Graph;
use unit::load::builtin;
use unit::manager::{Action, Input, JobResult, Manager, Verdict};
use unit::service::exit::Exit;
use unit::service::machine::{self, Event};
use unit::transaction::JobKind;
use unit::{Relation, Unit};

const DISK: &str = "sys-devices-vda";
const NODE: &str = "dev-vda.device";
const LABEL: &str = r"dev-disk-by\x2dlabel-data.device";

/// What devd tells of a disk.
fn disk(path: &str, node: &str, lines: &str) -> Option<Box<Record>> {
    Record::parse(&format!("SYSPATH=/sys/devices/{path}\nDEVNAME=/dev/{node}\n{lines}")).map(Box::new)
}

/// A machine with units of its own and the devices that they name.
struct World {
    manager: Manager,
    now: Duration,
    nodes: BTreeSet<String>,
    results: BTreeMap<String, String>,
    wanted: Vec<String>,
    story: Vec<String>,
}

impl World {
    fn of(units: &[(&str, &str)]) -> World {
        let mut graph = Graph::default();
        for (unit, text) in units {
            graph.insert(load(unit, &format!("[Unit]\nDefaultDependencies=no\n{text}")));
        }
        for name in graph.unknown() {
            graph.insert(builtin(&name).unwrap());
        }
        graph.link();
        let mut manager = Manager::default();
        manager.set_graph(graph);
        World {
            manager,
            now: Duration::from_secs(50),
            nodes: BTreeSet::new(),
            results: BTreeMap::new(),
            wanted: Vec::new(),
            story: Vec::new(),
        }
    }

    fn request(&mut self, unit: &str, kind: JobKind) {
        let (_, actions) = self.manager.request(&name(unit), kind, self.now).unwrap();
        self.perform(actions);
    }

    fn device(&mut self, file: &str, record: Option<Box<Record>>) {
        let actions = self.manager.next(Input::Device(file.to_owned(), record), self.now);
        self.perform(actions);
    }

    fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let actions = self.manager.tick(self.now);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            let input = match action {
                Action::Check(unit) => Input::Checked(unit, Verdict::Met),
                Action::Probe(unit) => {
                    let is_there = self.nodes.contains(&unit::device::place_of(&unit));
                    Input::Probed(unit, is_there)
                }
                Action::Service(unit, machine::Action::Spawn(role, list, _)) => {
                    self.story.push(format!("{unit} {}", list.directive()));
                    Input::Service(unit, Event::Spawned(role, 7))
                }
                Action::Service(unit, machine::Action::Signal(..)) => {
                    self.story.push(format!("{unit} ends"));
                    let exit = Exit::Signal(unit::text::signal::Signal::TERM);
                    Input::Service(unit, Event::Exited { pid: 7, exit, emptied: true })
                }
                Action::Want(unit) => {
                    self.wanted.push(unit.to_string());
                    continue;
                }
                Action::JobDone { unit, result, .. } => {
                    let told = match result {
                        JobResult::Failed(reason) => reason,
                        JobResult::Dependency(on, reason) => format!("{on}: {reason}"),
                        other => format!("{other:?}"),
                    };
                    self.results.insert(unit.to_string(), told);
                    continue;
                }
                _ => continue,
            };
            queue.extend(self.manager.next(input, self.now));
        }
    }

    fn sub(&self, unit: &str) -> String {
        self.manager.status(&name(unit)).sub
    }
}

#[test]
fn what_is_mounted_goes_with_its_device() {
    use Relation::{After, BindsTo, Requires};
    let has = |unit: &Unit, relation, other: &str| unit.relations.contains_key(&(relation, name(other)));
    for (unit, text, relation, device, expected) in [
        ("a.mount", "[Mount]\nWhat=/dev/vda", BindsTo, NODE, true),
        ("a.mount", "[Mount]\nWhat=/dev/vda", After, NODE, true),
        ("a.mount", "[Mount]\nWhat=/dev/disk/by-label/data", BindsTo, LABEL, true),
        ("a.mount", "[Mount]\nWhat=LABEL=data", BindsTo, LABEL, true),
        ("a.mount", "[Mount]\nWhat=LABEL=data", After, LABEL, true),
        (r"dev-disk-by\x2dlabel-data.swap", "[Swap]\nWhat=LABEL=data", BindsTo, LABEL, true),
        ("a.mount", "[Mount]\nWhat=/dev/vda\nOptions=x-systemd.device-bound=no", Requires, NODE, true),
        ("a.mount", "[Mount]\nWhat=/dev/vda\nOptions=x-systemd.device-bound=no", BindsTo, NODE, false),
        ("a.mount", "[Mount]\nWhat=/dev/vda\nOptions=bind", BindsTo, NODE, false),
        ("a.mount", "[Mount]\nWhat=tmpfs\nType=tmpfs", BindsTo, NODE, false),
        ("dev-vda.swap", "[Swap]\nPriority=1", BindsTo, NODE, true),
    ] {
        assert_eq!(has(&load(unit, text), relation, device), expected, "{unit} {text}");
    }
}

#[test]
fn a_service_is_bound_to_a_device() {
    let mut world =
        World::of(&[("a.service", &format!("BindsTo={LABEL}\nAfter={LABEL}\n[Service]\nExecStart=/x"))]);
    world.request("a.service", JobKind::Start);
    assert_eq!((world.sub("a.service").as_str(), world.sub(LABEL).as_str()), ("dead", "dead"));
    // Another one does not help.
    world.device("sys-devices-vdb", disk("vdb", "vdb", ""));
    assert!(world.story.is_empty());
    world.device(DISK, disk("vda", "vda", "DEVLINKS=/dev/disk/by-label/data\n"));
    assert_eq!((world.sub("a.service").as_str(), world.sub(LABEL).as_str()), ("running", "plugged"));
    // The label goes over to the other disk: it is there all the time.
    world.device("sys-devices-vdb", disk("vdb", "vdb", "DEVLINKS=/dev/disk/by-label/data\n"));
    world.device(DISK, disk("vda", "vda", ""));
    assert_eq!(world.sub("a.service"), "running");
    let status = world.manager.status(&name(LABEL));
    assert_eq!(status.following.as_deref(), Some("sys-devices-vdb.device"));
    assert_eq!(status.syspath.as_deref(), Some("/sys/devices/vdb"));
    world.device("sys-devices-vdb", None);
    assert_eq!((world.sub("a.service").as_str(), world.sub(LABEL).as_str()), ("dead", "dead"));
    assert_eq!(world.story, ["a.service ExecStart", "a.service ends"]);
}

#[test]
fn what_was_there_before_its_unit_was_loaded_is_there() {
    let mut world = World::of(&[]);
    world.device(DISK, disk("vda", "vda", "ID_MODEL=QEMU disk\n"));
    let mut graph = world.manager.graph().clone();
    graph.insert(load(
        "a.service",
        &format!("[Unit]\nRequires={NODE}\nAfter={NODE}\n[Service]\nExecStart=/x"),
    ));
    graph.insert(builtin(&name(NODE)).unwrap());
    graph.link();
    world.manager.set_graph(graph);
    let status = world.manager.status(&name(NODE));
    assert_eq!((status.active.as_str(), status.description.as_str()), ("active", "QEMU disk"));
    // It is listed once by the name that the others follow, whether units name it or not.
    let listed: Vec<String> = world
        .manager
        .statuses()
        .into_iter()
        .filter(|unit| unit.name.ends_with(".device") && unit.following.is_none())
        .map(|unit| format!("{} {}", unit.name, unit.sub))
        .collect();
    assert_eq!(listed, ["sys-devices-vda.device plugged"]);
}

#[test]
fn a_device_is_waited_for_so_long() {
    let late = "the device did not come";
    for (text, seconds) in
        [("[Mount]\nWhat=/dev/vda", 90), ("[Mount]\nWhat=/dev/vda\nOptions=x-systemd.device-timeout=5", 5)]
    {
        let mut world = World::of(&[("a.mount", text)]);
        // There is a devd, and it has not told of this one.
        world.device("sys-devices-vdb", disk("vdb", "vdb", ""));
        world.request("a.mount", JobKind::Start);
        world.after(seconds - 1);
        assert_eq!(world.results, BTreeMap::new());
        world.after(2);
        assert!(world.results[NODE].starts_with(late), "{:?}", world.results);
        assert!(world.results["a.mount"].starts_with(&format!("{NODE}: {late}")), "{:?}", world.results);
    }
}

#[test]
fn without_devd_what_has_a_node_is_there() {
    let text = format!("BindsTo={NODE}\nAfter={NODE}\n[Service]\nExecStart=/x");
    let mut world = World::of(&[("a.service", &text)]);
    world.nodes.insert("/dev/vda".to_owned());
    world.request("a.service", JobKind::Start);
    assert_eq!((world.sub("a.service").as_str(), world.sub(NODE).as_str()), ("running", "tentative"));
    // devd comes, and tells of another first.
    world.device("sys-devices-vdb", disk("vdb", "vdb", ""));
    assert_eq!(world.sub("a.service"), "running");
    world.device(DISK, disk("vda", "vda", ""));
    world.device(DISK, None);
    assert_eq!(world.sub("a.service"), "dead");
    // What is mounted looks for its device itself, as long as nobody else does.
    let mut world = World::of(&[("a.mount", "[Mount]\nWhat=/dev/vda")]);
    world.request("a.mount", JobKind::Start);
    assert_eq!(world.sub("a.mount"), "mounting");
}

#[test]
fn a_device_brings_what_it_wants() {
    let mut world = World::of(&[("b.service", "[Service]\nExecStart=/x")]);
    let mut graph = world.manager.graph().clone();
    // As a link in dev-vda.device.wants has it.
    let mut device = builtin(&name(NODE)).unwrap();
    device.relate(Relation::Wants, name("b.service"), unit::Origin::Stated);
    graph.insert(device);
    graph.link();
    world.manager.set_graph(graph);
    let wants = "SYSTEMD_WANTS=scan@.service\n";
    world.device(DISK, disk("vda", "vda", wants));
    assert_eq!(world.story, ["b.service ExecStart"]);
    assert_eq!(world.wanted, ["scan@sys-devices-vda.service"]);
    // Told again, it brings only what is new.
    world.device(DISK, disk("vda", "vda", "SYSTEMD_WANTS=scan@.service more.service\n"));
    assert_eq!(world.wanted, ["scan@sys-devices-vda.service", "more.service"]);
}

#[test]
fn nobody_stops_a_device() {
    let mut world = World::of(&[("a.service", &format!("Requires={NODE}\n[Service]\nExecStart=/x"))]);
    world.device(DISK, disk("vda", "vda", ""));
    world.request("a.service", JobKind::Start);
    world.request(NODE, JobKind::Stop);
    assert_eq!(world.results[NODE], "a device goes when it is unplugged");
    let actions = world.manager.shut_down(world.now + Duration::from_secs(5), &[], world.now);
    world.perform(actions);
    assert!(world.manager.is_idle());
    assert_eq!((world.sub("a.service").as_str(), world.sub(NODE).as_str()), ("dead", "plugged"));
}

proptest! {
    /// However devices come and go: a unit is up where the last word of devd has its name, what is bound
    /// to it is up only then, and no job is left that nobody will end.
    #[test]
    fn units_are_as_devd_says(
        steps in prop::collection::vec((0..3usize, prop::option::of(0..4usize), any::<bool>()), 0..40)
    ) {
        let links = ["", "DEVLINKS=/dev/disk/by-label/data\n", "DEVLINKS=/dev/disk/by-id/x\n",
            "DEVLINKS=/dev/disk/by-id/x /dev/disk/by-label/data\n"];
        let text = format!("StartLimitBurst=0\nBindsTo={LABEL}\nAfter={LABEL}\n[Service]\nExecStart=/x");
        let mut world = World::of(&[("a.service", &text)]);
        let mut last: [Option<usize>; 3] = [None; 3];
        for (which, what, starts) in steps {
            let file = format!("sys-devices-vd{which}");
            let record = what.map(|what| disk(&format!("vd{which}"), &format!("vd{which}"), links[what]).unwrap());
            world.device(&file, record);
            last[which] = what;
            if starts {
                world.request("a.service", JobKind::Start);
            }
            let has_label = last.iter().flatten().any(|what| links[*what].contains("label"));
            prop_assert_eq!(world.sub(LABEL) == "plugged", has_label);
            prop_assert!(world.sub("a.service") == "dead" || has_label);
        }
        world.after(100);
        prop_assert!(world.manager.is_idle());
    }
}
