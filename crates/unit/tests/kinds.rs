//! Sockets, paths, mounts, swap and slices: what their files come to, and their lives among other
//! units.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::{load, name, try_load};
use proptest::prelude::*;
use unit::graph::Graph;
use unit::load::builtin;
use unit::manager::{Action, Input, JobResult, Manager, Verdict};
use unit::service::config::ExecList;
use unit::service::exit::Exit;
use unit::service::machine::{self, Event};
use unit::service::state::Active;
use unit::socket::machine::Peer;
use unit::transaction::JobKind;
use unit::{Kind, Relation, Unit, path, socket};

fn has(unit: &Unit, relation: Relation, other: &str) -> bool {
    unit.relations.contains_key(&(relation, name(other)))
}

/// The command lines that a unit's helper starts and stops by.
fn calls(unit: &Unit) -> (String, String) {
    let line = |list| unit.processes().unwrap().commands.list(list)[0].argv.join(" ");
    (line(ExecList::Start), line(ExecList::Stop))
}

#[test]
fn files_that_make_no_unit() {
    let cases = [
        ("a.socket", "[Socket]\nBacklog=5", "nothing to listen on"),
        ("a.socket", "[Socket]\nListenDatagram=/a\nAccept=yes", "Accept=yes needs connections"),
        (
            "a.socket",
            "[Socket]\nListenStream=/a\nAccept=yes\nService=b.service",
            "no place beside Accept=yes",
        ),
        ("a.socket", "[Socket]\nListenStream=/a\nListenStream=/b\nSymlinks=/c", "exactly one path"),
        ("a.path", "[Path]\nMakeDirectory=yes", "nothing to wait for"),
        ("a.mount", "[Mount]\nWhere=/a", "it has no What="),
        (
            "a.mount",
            "[Mount]\nWhat=x\nWhere=/var/my data",
            "must be in a unit of the name var-my\\x20data.mount",
        ),
        ("a.swap", "[Swap]\nWhat=/dev/sda-2", "must be in a unit of the name dev-sda\\x2d2.swap"),
        ("a--b.slice", "[Slice]\nTasksMax=5", "its name has an empty part"),
    ];
    for (unit, text, expected) in cases {
        let error = try_load(unit, &[text]).unwrap_err().to_string();
        assert!(error.starts_with(unit) && error.contains(expected), "{error}");
    }
}

#[test]
fn bad_values_are_left_out_with_file_and_line() {
    let cases = [
        ("a.socket", "[Socket]\nListenStream=/ok\nListenStream=localhost:80", "is not an address"),
        ("a.socket", "[Socket]\nListenStream=/ok\nListenSequentialPacket=80", "a path or a name with an @"),
        ("a.socket", "[Socket]\nListenStream=/ok\nListenFIFO=@a", "expected an absolute path"),
        ("a.socket", "[Socket]\nListenStream=/ok\nFileDescriptorName=a:b", "no colon"),
        ("a.path", "[Path]\nPathExists=/ok\nPathChanged=a", "must be an absolute path"),
        ("a.path", "[Path]\nPathExists=/ok\nUnit=b.path", "cannot start another"),
        ("a.mount", "[Mount]\nWhat=x\nWhere=a", "must be an absolute path"),
        ("a.swap", "[Swap]\nWhat=/a\nPriority=-2", "from -1 to 32767"),
        ("a.slice", "[Slice]\nTasksMax=5\nCPUWeight=0", "from 1 to 10000"),
    ];
    for (unit, text, expected) in cases {
        let unit = load(unit, text);
        let warning = unit.warnings.first().map(ToString::to_string).unwrap_or_default();
        assert!(warning.contains(":3: ") && warning.contains(expected), "{text}: {warning}");
    }
}

#[test]
fn how_mount_and_swapon_are_called() {
    let cases = [
        ("a.mount", "[Mount]\nWhat=tmpfs\nType=tmpfs", "mount -t tmpfs tmpfs /a", "umount /a"),
        (
            "a.mount",
            "[Mount]\nWhat=/dev/vdb\nOptions=ro,nofail,x-y=1,_netdev,noatime",
            "mount -o ro,noatime /dev/vdb /a",
            "umount /a",
        ),
        ("a.mount", "[Mount]\nWhat=/b\nType=none\nOptions=bind", "mount -t none -o bind /b /a", "umount /a"),
        (
            "a.mount",
            "[Mount]\nWhat=/b\nType=bind\nLazyUnmount=yes\nForceUnmount=yes",
            "mount -o bind /b /a",
            "umount -l -f /a",
        ),
        (
            "a.mount",
            "[Mount]\nWhat=x\nType=auto\nSloppyOptions=yes\nReadWriteOnly=yes",
            "mount -s -w x /a",
            "umount /a",
        ),
        (
            "a.mount",
            "[Mount]\nWhat=o\nType=overlay\nOptions=lowerdir=/x\\,y,ro",
            "mount -t overlay -o lowerdir=/x\\,y,ro o /a",
            "umount /a",
        ),
        (
            "dev-vdb.swap",
            "[Swap]\nPriority=7\nOptions=nofail,discard=once",
            "swapon -p 7 -donce /dev/vdb",
            "swapoff /dev/vdb",
        ),
        ("dev-vdb.swap", "[Swap]\nWhat=/dev/vdb\nOptions=pri=3", "swapon -p 3 /dev/vdb", "swapoff /dev/vdb"),
    ];
    for (unit, text, start, stop) in cases {
        let unit = load(unit, text);
        assert_eq!(calls(&unit), (start.to_owned(), stop.to_owned()), "{text}");
        assert!(unit.warnings.is_empty());
    }
}

#[test]
fn a_user_that_is_there_for_the_unit_is_that_of_its_helpers() {
    for (unit, text) in [
        ("a.service", "[Service]\nExecStart=/bin/true"),
        ("a.socket", "[Socket]\nListenStream=/a\nExecStartPre=/bin/true"),
        ("a.mount", "[Mount]\nWhat=x"),
        ("a.swap", "[Swap]\nPriority=1"),
    ] {
        let unit = load(unit, &format!("{text}\nDynamicUser=yes"));
        let exec = &unit.processes().unwrap().exec;
        assert!(exec.user.is_some() && exec.no_new_privileges && exec.sandbox.remove_ipc, "{}", unit.name);
    }
}

#[test]
fn dependencies_by_type() {
    use Relation::*;
    let mount = |options: &str| load("var-lib.mount", &format!("[Mount]\nWhat=/dev/vdb\n{options}"));
    let cases = [
        (load("a.socket", "[Socket]\nListenStream=80"), Before, "sockets.target", true),
        (load("a.socket", "[Socket]\nListenStream=80"), Triggers, "a.service", true),
        (load("a.socket", "[Socket]\nListenStream=80"), Before, "a.service", true),
        (load("a.socket", "[Socket]\nListenStream=80\nService=b.service"), Triggers, "b.service", true),
        (load("a.socket", "[Socket]\nListenStream=80\nAccept=yes"), Triggers, "a@.service", false),
        (load("a.path", "[Path]\nPathExists=/a"), Before, "paths.target", true),
        (load("a.path", "[Path]\nPathExists=/a\nUnit=b.target"), Triggers, "b.target", true),
        (mount(""), Before, "local-fs.target", true),
        (mount(""), Conflicts, "umount.target", true),
        (mount("Options=nofail"), Before, "local-fs.target", false),
        (mount("Options=_netdev"), Before, "local-fs.target", false),
        (mount("Options=_netdev"), Before, "remote-fs.target", true),
        (mount("Type=nfs4"), After, "network-online.target", true),
        (load("a.swap", "[Swap]\nWhat=/a"), Before, "swap.target", true),
        (load("a-b.slice", "[Slice]\nTasksMax=5"), Requires, "a.slice", true),
        (load("a.service", "[Service]\nExecStart=/x\nSlice=a-b.slice"), After, "a-b.slice", true),
        (load("a.service", "[Service]\nExecStart=/x\nSockets=b.socket"), Wants, "b.socket", true),
        (load("a.service", "[Service]\nExecStart=/x\nSockets=b.socket"), TriggeredBy, "b.socket", true),
    ];
    for (unit, relation, other, expected) in cases {
        assert_eq!(has(&unit, relation, other), expected, "{} {relation:?} {other}", unit.name);
    }
}

#[test]
fn names_keep_their_escapes() {
    let text =
        "[Unit]\nRequires=my\\x2ddata.mount\n[Service]\nExecStart=/x\n[Install]\nWantedBy=a\\x2db.target";
    let unit = load("a.service", text);
    assert!(has(&unit, Relation::Requires, "my\\x2ddata.mount"));
    assert_eq!(unit.install.wanted_by, [name("a\\x2db.target")]);
}

#[test]
fn the_mounts_that_paths_are_on_come_first() {
    let mut graph = Graph::default();
    let service =
        "[Unit]\nDefaultDependencies=no\nWantsMountsFor=/home\n[Service]\nExecStart=/x\nStateDirectory=db\n";
    for (unit, text) in [
        ("db.service", service),
        ("var.mount", "[Mount]\nWhat=/dev/a"),
        ("var-lib.mount", "[Mount]\nWhat=/dev/b"),
        ("home.mount", "[Mount]\nWhat=/dev/c"),
    ] {
        graph.insert(load(unit, text));
    }
    complete(&mut graph);
    let related =
        |unit, relation| graph.related(&name(unit), relation).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(related("db.service", Relation::Requires), ["var-lib.mount", "var.mount"]);
    assert_eq!(related("db.service", Relation::Wants), ["home.mount"]);
    assert_eq!(related("db.service", Relation::After), ["home.mount", "var-lib.mount", "var.mount"]);
    assert!(related("var-lib.mount", Relation::Requires).contains(&"var.mount".to_owned()));
    // What only a path could have meant is not told of as missing.
    let failures: Vec<_> = graph.failures().map(|(name, _)| name.to_string()).collect();
    assert!(!failures.iter().any(|name| name.contains("db")), "{failures:?}");
}

/// Loads the built-in units that others name.
fn complete(graph: &mut Graph) {
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
}

/// A machine without processes: what would be done is told, and the test says what comes of it.
struct World {
    manager: Manager,
    now: Duration,
    next_pid: i32,
    pids: BTreeMap<String, i32>,
    story: Vec<String>,
    results: BTreeMap<String, JobResult>,
}

impl World {
    fn of(units: &[(&str, &str)]) -> World {
        let mut graph = Graph::default();
        for (unit, text) in units {
            graph.insert(load(unit, &format!("[Unit]\nDefaultDependencies=no\n{text}")));
        }
        complete(&mut graph);
        let mut manager = Manager::default();
        manager.set_graph(graph);
        World {
            manager,
            now: Duration::from_secs(50),
            next_pid: 100,
            pids: BTreeMap::new(),
            story: Vec::new(),
            results: BTreeMap::new(),
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Service(unit, machine::Action::Spawn(role, list, index)) => {
                    self.next_pid += 1;
                    self.pids.insert(unit.to_string(), self.next_pid);
                    self.story.push(format!("{unit} runs {}[{index}]", list.directive()));
                    self.input(Input::Service(unit, Event::Spawned(role, self.next_pid)));
                }
                Action::Service(unit, machine::Action::Signal(_, signal)) => {
                    self.story.push(format!("{unit} gets {}", signal.name()));
                    if unit.kind() == unit::UnitType::Service {
                        self.exits(unit.as_str(), 0);
                    }
                }
                Action::Socket(unit, socket::machine::Action::Open) => {
                    self.story.push(format!("{unit} opens"));
                    self.input(Input::Socket(unit, socket::machine::Event::Opened));
                }
                Action::Socket(unit, action) => self.story.push(match action {
                    socket::machine::Action::Close => format!("{unit} closes"),
                    socket::machine::Action::Serve(instance) => format!("{unit} serves {instance}"),
                    socket::machine::Action::Refuse(reason) => format!("{unit} refuses: {reason}"),
                    other => format!("{unit} {other:?}"),
                }),
                // There is no devd, and no node either.
                Action::Probe(unit) => self.input(Input::Probed(unit, false)),
                Action::Path(unit, action) => self.story.push(format!("{unit} {action:?}")),
                Action::Slice(unit, up) => {
                    self.story.push(format!("{unit} {}", if up { "up" } else { "down" }))
                }
                Action::JobDone { unit, result, .. } => drop(self.results.insert(unit.to_string(), result)),
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

    fn exits(&mut self, unit: &str, code: i32) {
        let exited = Event::Exited { pid: self.pids[unit], exit: Exit::Code(code), emptied: true };
        self.input(Input::Service(name(unit), exited));
    }

    fn mounted(&mut self, places: &[&str]) {
        let places: BTreeSet<String> = places.iter().map(|place| (*place).to_owned()).collect();
        self.input(Input::Mounted(places));
    }

    fn socket(&mut self, unit: &str, event: socket::machine::Event) {
        self.input(Input::Socket(name(unit), event));
    }

    fn looked(&mut self, unit: &str, found: Option<&str>) {
        let event = path::machine::Event::Looked(Ok(found.map(str::to_owned)));
        self.input(Input::Path(name(unit), event));
    }

    fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let actions = self.manager.tick(self.now);
        self.perform(actions);
    }

    fn sub(&self, unit: &str) -> String {
        self.manager.status(&name(unit)).sub
    }

    fn result(&self, unit: &str) -> String {
        self.manager.status(&name(unit)).result_word
    }

    fn story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }
}

const TMPFS: &str = "[Mount]\nWhat=tmpfs\nType=tmpfs\nTimeoutSec=5";

#[test]
fn a_mount_is_there_when_the_kernel_says_so() {
    let mut world = World::of(&[("a.mount", TMPFS)]);
    world.request("a.mount", JobKind::Start);
    assert_eq!(
        (world.story(), world.sub("a.mount").as_str()),
        (vec!["a.mount runs ExecStart[0]".into()], "mounting")
    );
    world.mounted(&["/", "/a"]);
    assert_eq!(world.sub("a.mount"), "mounting");
    world.exits("a.mount", 0);
    assert_eq!((world.sub("a.mount").as_str(), &world.results["a.mount"]), ("mounted", &JobResult::Done));
    world.request("a.mount", JobKind::Stop);
    assert_eq!(world.sub("a.mount"), "unmounting");
    world.mounted(&["/"]);
    world.exits("a.mount", 0);
    assert_eq!((world.sub("a.mount").as_str(), &world.results["a.mount"]), ("dead", &JobResult::Done));
}

#[test]
fn a_mount_that_is_not_there_after_all_has_failed() {
    let mut world = World::of(&[("a.mount", TMPFS)]);
    for (code, result) in [(0, "resources"), (32, "exit-code")] {
        world.request("a.mount", JobKind::Start);
        world.exits("a.mount", code);
        assert_eq!((world.sub("a.mount").as_str(), world.result("a.mount").as_str()), ("failed", result));
    }
    let JobResult::Failed(reason) = &world.results["a.mount"] else { panic!("it was mounted") };
    assert_eq!(reason, "mounting tmpfs on /a: exit-code 32");
}

#[test]
fn a_mount_that_hangs_is_given_up_and_nobody_waits_for_ever() {
    let mut world = World::of(&[("a.mount", TMPFS)]);
    world.request("a.mount", JobKind::Start);
    for sub in ["mounting", "mounting-sigterm", "mounting-sigkill", "failed"] {
        assert_eq!(world.sub("a.mount"), sub);
        world.after(5);
    }
    assert_eq!(world.story()[1..], ["a.mount gets TERM", "a.mount gets KILL"]);
    assert_eq!(world.result("a.mount"), "timeout");
}

#[test]
fn a_mount_waits_for_its_device() {
    let mut world = World::of(&[("a.mount", "[Mount]\nWhat=/dev/vdb\nOptions=x-systemd.device-timeout=2")]);
    let absent = || Input::Absent(name("a.mount"));
    world.request("a.mount", JobKind::Start);
    world.input(absent());
    assert_eq!(world.sub("a.mount"), "waiting");
    world.after(1);
    assert_eq!((world.story().len(), world.sub("a.mount").as_str()), (2, "mounting"));
    // It came: the program goes its way.
    world.mounted(&["/a"]);
    world.exits("a.mount", 0);
    assert_eq!(world.sub("a.mount"), "mounted");
    world.mounted(&[]);
    world.request("a.mount", JobKind::Start);
    world.input(absent());
    world.after(3);
    world.input(absent());
    assert_eq!(
        world.manager.status(&name("a.mount")).result,
        "resources (its device did not come within 2 s)"
    );
}

#[test]
fn a_mount_in_use_stays_mounted_and_its_stop_fails() {
    let mut world = World::of(&[("a.mount", TMPFS)]);
    world.mounted(&["/a"]);
    assert_eq!(world.sub("a.mount"), "mounted");
    world.request("a.mount", JobKind::Stop);
    world.exits("a.mount", 32);
    assert_eq!(world.sub("a.mount"), "mounted");
    assert!(matches!(world.results["a.mount"], JobResult::Failed(_)));
}

#[test]
fn what_is_mounted_twice_is_unmounted_twice() {
    let mut world = World::of(&[("a.mount", TMPFS)]);
    world.mounted(&["/a"]);
    world.request("a.mount", JobKind::Stop);
    world.exits("a.mount", 0);
    world.mounted(&[]);
    world.exits("a.mount", 0);
    assert_eq!(world.story(), ["a.mount runs ExecStop[0]", "a.mount runs ExecStop[0]"]);
    assert_eq!(world.sub("a.mount"), "dead");
}

#[test]
fn what_other_hands_mount_and_unmount_sets_the_state() {
    let mut world = World::of(&[
        ("a.mount", TMPFS),
        ("b.service", "BindsTo=a.mount\nAfter=a.mount\n[Service]\nExecStart=/x"),
        ("dev-vdb.swap", "[Swap]\nPriority=1"),
    ]);
    world.mounted(&["/a"]);
    world.request("b.service", JobKind::Start);
    assert_eq!(world.story(), ["b.service runs ExecStart[0]"]);
    world.mounted(&[]);
    assert_eq!((world.sub("a.mount").as_str(), world.sub("b.service").as_str()), ("dead", "dead"));
    world.input(Input::Swapped(BTreeSet::from(["/dev/vdb".to_owned()])));
    assert_eq!(world.sub("dev-vdb.swap"), "active");
    world.input(Input::Swapped(BTreeSet::new()));
    assert_eq!(world.sub("dev-vdb.swap"), "dead");
}

#[test]
fn the_root_file_system_and_the_first_slices_are_always_up() {
    let mut world = World::of(&[("a.target", "Requires=-.mount system.slice -.slice\n")]);
    for unit in ["-.mount", "system.slice", "-.slice"] {
        assert_eq!(world.manager.active(&name(unit)), Active::Active, "{unit}");
        world.request(unit, JobKind::Stop);
        assert_eq!(world.manager.active(&name(unit)), Active::Active, "{unit}");
        assert!(matches!(world.results[unit], JobResult::Failed(_)));
    }
}

#[test]
fn a_slice_comes_before_what_is_in_it_and_takes_it_along() {
    let mut world = World::of(&[("a.service", "[Service]\nExecStart=/x\nSlice=b-c.slice")]);
    world.request("a.service", JobKind::Start);
    assert_eq!(world.story(), ["b.slice up", "b-c.slice up", "a.service runs ExecStart[0]"]);
    world.request("b.slice", JobKind::Stop);
    assert_eq!(world.story(), ["a.service gets TERM", "b-c.slice down", "b.slice down"]);
}

const SOCKET: &str = "[Socket]\nListenStream=/a\nTriggerLimitBurst=3";
const SERVICE: &str = "StartLimitIntervalSec=0\n[Service]\nExecStart=/x";

fn incoming() -> socket::machine::Event {
    socket::machine::Event::Incoming
}

#[test]
fn a_socket_opens_runs_its_service_and_waits_again() {
    let commands = "ExecStartPre=/b\nExecStartPost=/c\nExecStopPre=/d\nExecStopPost=/e\nFlushPending=yes";
    let mut world = World::of(&[("a.socket", &format!("{SOCKET}\n{commands}")), ("a.service", SERVICE)]);
    world.request("a.socket", JobKind::Start);
    for sub in ["start-pre", "start-post"] {
        assert_eq!(world.sub("a.socket"), sub);
        world.exits("a.socket", 0);
    }
    assert_eq!(
        world.story(),
        [
            "a.socket runs ExecStartPre[0]",
            "a.socket opens",
            "a.socket runs ExecStartPost[0]",
            "a.socket Watch { flush: false }"
        ]
    );
    world.socket("a.socket", incoming());
    assert_eq!((world.sub("a.socket").as_str(), world.sub("a.service").as_str()), ("running", "running"));
    assert_eq!(world.story(), ["a.socket Unwatch", "a.service runs ExecStart[0]"]);
    world.exits("a.service", 0);
    assert_eq!(
        (world.story(), world.sub("a.socket").as_str()),
        (vec!["a.socket Watch { flush: true }".into()], "listening")
    );
    world.request("a.socket", JobKind::Stop);
    for sub in ["stop-pre", "stop-post"] {
        assert_eq!(world.sub("a.socket"), sub);
        world.exits("a.socket", 0);
    }
    assert_eq!(world.sub("a.socket"), "dead");
}

#[test]
fn a_service_that_others_start_has_the_socket_too() {
    let mut world = World::of(&[("a.socket", SOCKET), ("a.service", SERVICE)]);
    world.request("a.socket", JobKind::Start);
    world.request("a.service", JobKind::Start);
    assert_eq!(world.sub("a.socket"), "running");
    // The other way round the service would never look at it.
    world.request("a.socket", JobKind::Stop);
    world.request("a.socket", JobKind::Start);
    let JobResult::Failed(reason) = &world.results["a.socket"] else { panic!("it listens") };
    assert_eq!(reason, "resources (a.service runs already)");
}

#[test]
fn a_service_that_does_not_take_what_comes_ends_its_socket() {
    let mut world = World::of(&[("a.socket", SOCKET), ("a.service", SERVICE)]);
    world.request("a.socket", JobKind::Start);
    for _ in 0..3 {
        world.socket("a.socket", incoming());
        world.exits("a.service", 0);
    }
    world.socket("a.socket", incoming());
    assert_eq!(
        (world.sub("a.socket").as_str(), world.result("a.socket").as_str()),
        ("failed", "trigger-limit-hit")
    );
}

#[test]
fn a_service_that_starts_too_often_ends_its_socket() {
    let limited = "StartLimitBurst=1\n[Service]\nExecStart=/x";
    let mut world = World::of(&[("a.socket", SOCKET), ("a.service", limited)]);
    world.request("a.socket", JobKind::Start);
    world.socket("a.socket", incoming());
    world.exits("a.service", 1);
    assert_eq!(world.sub("a.socket"), "listening");
    world.socket("a.socket", incoming());
    assert_eq!(world.result("a.socket"), "service-start-limit-hit");
}

#[test]
fn a_socket_whose_service_cannot_be_loaded_fails_when_somebody_comes() {
    let mut world = World::of(&[("a.socket", SOCKET)]);
    world.request("a.socket", JobKind::Start);
    world.socket("a.socket", incoming());
    assert!(world.manager.status(&name("a.socket")).result.contains("unit a.service not found"));
}

#[test]
fn connections_have_instances_as_many_as_there_may_be() {
    let text = "[Socket]\nListenStream=/a\nAccept=yes\nMaxConnections=3\nMaxConnectionsPerSource=2";
    let mut world = World::of(&[("a.socket", text), ("a@0-x.service", SERVICE)]);
    world.request("a.socket", JobKind::Start);
    world.socket("a.socket", incoming());
    assert_eq!(world.story().last().unwrap(), "a.socket Accept");
    let connect = |world: &mut World, source: &str| {
        let peer = Peer { source: source.to_owned(), label: "x".to_owned() };
        world.socket("a.socket", socket::machine::Event::Connection(peer));
        world.story().pop().unwrap()
    };
    assert_eq!(connect(&mut world, "one"), "a.socket serves a@0-x.service");
    assert_eq!(connect(&mut world, "one"), "a.socket serves a@1-x.service");
    assert_eq!(connect(&mut world, "one"), "a.socket refuses: there are 2 of one (MaxConnectionsPerSource=)");
    assert_eq!(connect(&mut world, "two"), "a.socket serves a@2-x.service");
    assert_eq!(connect(&mut world, "six"), "a.socket refuses: there are 3 (MaxConnections=)");
    // The end of an instance makes room, and leaves nothing behind.
    world.manager.serve(&name("a@0-x.service"), &name("a.socket"));
    world.request("a@0-x.service", JobKind::Start);
    world.exits("a@0-x.service", 0);
    world.manager.forget_instances();
    assert!(world.manager.graph().get(&name("a@0-x.service")).is_none());
    assert_eq!(connect(&mut world, "one"), "a.socket serves a@3-x.service");
}

#[test]
fn a_path_starts_its_unit_and_watches_again_when_that_ends() {
    let mut world =
        World::of(&[("a.path", "[Path]\nPathExists=/x\nTriggerLimitBurst=2"), ("a.service", SERVICE)]);
    world.request("a.path", JobKind::Start);
    assert_eq!(world.story(), ["a.path Watch { first: true }"]);
    world.looked("a.path", None);
    assert_eq!(world.sub("a.path"), "waiting");
    world.looked("a.path", Some("/x"));
    assert_eq!(world.story(), ["a.path Unwatch", "a.service runs ExecStart[0]"]);
    assert_eq!(world.sub("a.path"), "running");
    world.exits("a.service", 0);
    assert_eq!(
        (world.story(), world.sub("a.path").as_str()),
        (vec!["a.path Watch { first: false }".into()], "waiting")
    );
    world.looked("a.path", Some("/x"));
    world.exits("a.service", 0);
    world.looked("a.path", Some("/x"));
    assert_eq!(world.result("a.path"), "trigger-limit-hit");
}

#[test]
fn a_path_without_a_limit_does_not_go_round_with_a_unit_that_will_not_start() {
    let mut world = World::of(&[
        ("a.path", "[Path]\nPathExists=/x\nTriggerLimitIntervalSec=0"),
        ("a.service", &format!("ConditionPathExists=/y\n{SERVICE}")),
    ]);
    world.request("a.path", JobKind::Start);
    for round in 0..=1000 {
        assert_eq!(world.sub("a.path"), "waiting", "{round}");
        world.looked("a.path", Some("/x"));
        let unmet = Verdict::Unmet("ConditionPathExists=/y".to_owned());
        world.input(Input::Checked(name("a.service"), unmet));
    }
    assert_eq!(
        (world.sub("a.path").as_str(), world.result("a.path").as_str()),
        ("failed", "trigger-limit-hit")
    );
}

#[test]
fn a_shutdown_unmounts_what_units_mounted_and_leaves_the_rest() {
    let mut world = World::of(&[
        ("a.mount", TMPFS),
        ("log.mount", TMPFS),
        ("b.service", "RequiresMountsFor=/a\n[Service]\nExecStart=/x"),
        ("log.service", "RequiresMountsFor=/log\n[Service]\nExecStart=/x"),
        ("b.socket", SOCKET),
    ]);
    world.mounted(&["/a", "/log"]);
    for unit in ["b.socket", "b.service", "log.service"] {
        world.request(unit, JobKind::Start);
    }
    world.story();
    let by = world.now + Duration::from_secs(3);
    let actions = world.manager.shut_down(by, &[name("log.service")], world.now);
    world.perform(actions);
    // The log and what it writes to stay until all else has gone.
    let story = world.story();
    assert!(story.contains(&"b.socket closes".to_owned()), "{story:?}");
    assert!(
        story.iter().position(|line| line == "b.service gets TERM")
            < story.iter().position(|line| line == "a.mount runs ExecStop[0]"),
        "{story:?}"
    );
    assert!(!story.iter().any(|line| line.contains("log")), "{story:?}");
    world.mounted(&["/log"]);
    world.exits("a.mount", 0);
    let actions = world.manager.shut_down(by, &[], world.now);
    world.perform(actions);
    assert_eq!(world.story(), ["log.service gets TERM", "log.mount runs ExecStop[0]"]);
}

#[test]
fn a_slices_limits_are_read_as_a_services_are() {
    let unit = load("a.slice", "[Slice]\nTasksMax=5\nMemoryMax=64M\n");
    let Kind::Slice(limits) = &unit.kind else { panic!("no slice") };
    let settings = unit::cgroup::settings(limits, 1 << 30, 100, unit::cgroup::Phase::Running);
    assert_eq!(settings, [("memory.max", (64u64 << 20).to_string()), ("pids.max", "5".to_owned())]);
}

/// One thing that may happen to a machine with a socket, a path, a mount and swap.
fn happens(world: &mut World, what: u8, unit: &str) {
    let job = |kind| (kind, name(unit));
    match what {
        0 => drop(request(world, job(JobKind::Start))),
        1 => drop(request(world, job(JobKind::Stop))),
        2 => drop(request(world, job(JobKind::Restart))),
        3 if world.pids.contains_key(unit) => world.exits(unit, 0),
        4 if world.pids.contains_key(unit) => world.exits(unit, 1),
        5 => world.mounted(&["/a"]),
        6 => world.mounted(&[]),
        7 => world.socket(unit, incoming()),
        8 => world.socket(unit, socket::machine::Event::OpenFailed("no".into())),
        9 => world.looked(unit, Some("/x")),
        10 => world.looked(unit, None),
        11 => world.after(100),
        12 => world.input(Input::Absent(name(unit))),
        13 => world.input(Input::Service(name(unit), Event::Reset)),
        14 => world.input(Input::Swapped(BTreeSet::from(["/b".to_owned()]))),
        15 => world.input(Input::Swapped(BTreeSet::new())),
        _ => {}
    }
}

fn request(world: &mut World, (kind, unit): (JobKind, unit::UnitName)) -> Option<()> {
    let (_, actions) = world.manager.request(&unit, kind, world.now).ok()?;
    world.perform(actions);
    Some(())
}

proptest! {
    #[test]
    fn whatever_happens_a_shutdown_comes_to_its_end(
        story in proptest::collection::vec((0u8..16, 0usize..5), 0..40)
    ) {
        let commands = "ExecStartPre=/b\nExecStartPost=/c\nExecStopPre=/d\nExecStopPost=/e\nTimeoutSec=5";
        let units = ["a.socket", "a.path", "a.mount", "b.swap", "a.service"];
        let mut world = World::of(&[
            (units[0], &format!("{SOCKET}\n{commands}")),
            (units[1], "RequiresMountsFor=/a\n[Path]\nPathExists=/x"),
            (units[2], TMPFS),
            (units[3], "[Swap]\nTimeoutSec=5"),
            (units[4], "RequiresMountsFor=/a\n[Service]\nExecStart=/x\nRestart=on-failure"),
        ]);
        for (what, unit) in story {
            happens(&mut world, what, units[unit]);
        }
        let by = world.now + Duration::from_secs(3);
        let actions = world.manager.shut_down(by, &[], world.now);
        world.perform(actions);
        for _ in 0..100 {
            world.after(100);
        }
        prop_assert!(world.manager.is_idle(), "{:?}", world.manager.busy().collect::<Vec<_>>());
    }
}
