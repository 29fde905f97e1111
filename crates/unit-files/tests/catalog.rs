//! Which files make a unit, and which are refused.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, mkfifoat};
use unit::UnitName;
use unit::graph::Graph;
use unit::text::specifier::Host;
use unit_files::Catalog;

/// A folder of unit files, and what is loaded from it.
struct Units(tempfile::TempDir);

impl Units {
    fn new() -> Units {
        Units(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, graph: &mut Graph, name: &str) {
        let catalog = Catalog::list(&[self.0.path().to_owned()]);
        catalog.load_with_related(graph, &self::name(name), &Host::default());
    }

    /// Why there is no such unit.
    fn failure(&self, name: &str) -> String {
        let mut graph = Graph::default();
        self.load(&mut graph, name);
        graph.failure(&self::name(name)).unwrap().to_string()
    }
}

fn name(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

#[test]
fn a_unit_comes_from_a_regular_file_of_bounded_size_and_nothing_else_is_waited_for() {
    let units = Units::new();
    mkfifoat(CWD, units.path("fifo.service"), Mode::RUSR).unwrap();
    symlink("/dev/zero", units.path("zero.service")).unwrap();
    fs::create_dir(units.path("folder.service")).unwrap();
    File::create(units.path("large.service")).unwrap().set_len(16 << 30).unwrap();
    fs::write(units.path("fine.service"), "[Service]\nExecStart=/x\n").unwrap();
    fs::create_dir(units.path("fine.service.d")).unwrap();
    mkfifoat(CWD, units.path("fine.service.d/fifo.conf"), Mode::RUSR).unwrap();
    for (unit, file, reason) in [
        ("fifo.service", "fifo.service", "it is no regular file"),
        ("zero.service", "zero.service", "it is no regular file"),
        ("folder.service", "folder.service", "it is no regular file"),
        ("large.service", "large.service", "it is larger than 1048576 bytes"),
        ("fine.service", "fine.service.d/fifo.conf", "it is no regular file"),
    ] {
        let expected = format!("{unit}: cannot read {}: {reason}", units.path(file).display());
        assert_eq!(units.failure(unit), expected);
    }
}

#[test]
fn a_unit_that_leads_to_the_null_device_or_is_empty_is_masked() {
    let units = Units::new();
    symlink("/dev/null", units.path("link.service")).unwrap();
    symlink("/dev/null", units.path("way")).unwrap();
    symlink("way", units.path("two-links.service")).unwrap();
    fs::write(units.path("empty.service"), "").unwrap();
    for unit in ["link.service", "two-links.service", "empty.service"] {
        assert_eq!(units.failure(unit), format!("unit {unit} is masked"));
    }
}

#[test]
fn units_that_name_ever_more_units_are_loaded_as_far_as_there_is_room() {
    let units = Units::new();
    let service = "[Service]\nExecStart=/x\n";
    let wants = "Wants=t@%i0.service t@%i1.service other.service";
    fs::write(units.path("t@.service"), format!("[Unit]\n{wants}\n{service}")).unwrap();
    fs::write(units.path("other.service"), service).unwrap();
    let mut graph = Graph::default();
    units.load(&mut graph, "t@x.service");
    let count = graph.units().count();
    assert!((1000..10_000).contains(&count), "{count}");
    assert!(graph.get(&name("other.service")).is_some());
    let last = graph.failures().map(|(_, error)| error.to_string()).find(|error| error.starts_with("t@"));
    assert!(last.unwrap().contains("it is not loaded, since the units that are name 65536 already"));
    // What is asked for itself still comes, also when what failed is looked for again.
    fs::write(units.path("late.service"), format!("[Unit]\nWants=later.service\n{service}")).unwrap();
    fs::write(units.path("later.service"), service).unwrap();
    graph.forget_failures();
    units.load(&mut graph, "late.service");
    assert!(graph.get(&name("late.service")).is_some());
    assert!(graph.failure(&name("later.service")).is_some());
    assert_eq!(graph.units().count(), count + 1);
}
