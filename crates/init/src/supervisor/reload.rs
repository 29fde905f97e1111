//! Units whose files come and go: reading all anew, and taking away what is done with.

use std::path::Path;

use unit::graph::Graph;
use unit::model::Relation;
use unit::service::state::Active;
use unit::text::file::{Location, Warning};
use unit::{UnitName, load};

use super::Supervisor;
use unit_files::Catalog;

impl Supervisor {
    /// Reads every unit that is known anew. What runs, waits or has failed goes on so, by its new
    /// settings.
    pub(super) fn reload_units(&mut self) {
        self.catalog = Catalog::list(&self.options.unit_path).with_mounts(init_io::tables::mounted);
        // The machine may have got another name.
        if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
            self.facts.host.hostname = name.trim().to_owned();
        }
        let old = self.manager.graph().clone();
        let busy: Vec<String> = self.manager.jobs().into_iter().map(|job| job.unit).collect();
        let mut graph = Graph::default();
        self.stale.clear();
        let known = old.units().map(|unit| unit.name.clone()).collect();
        self.catalog.load_all(&mut graph, known, &self.facts.host);
        for unit in old.units() {
            let is_in_use = self.manager.active(&unit.name) != Active::Inactive
                || busy.iter().any(|name| name == unit.name.as_str());
            if graph.get(&unit.name).is_none() && is_in_use {
                // Its file is gone, or broken now, but it runs: it must still be stopped well. One
                // that is masked is not started again.
                let mut kept = unit.as_ref().clone();
                if let Some(error @ load::LoadError::Masked(_)) = graph.failure(&unit.name) {
                    let path = kept.sources.first().cloned().unwrap_or_default();
                    let at = Location { path, line: 1 };
                    kept.refusals.push(Warning { at, text: error.to_string() });
                }
                self.stale.insert(unit.name.clone());
                graph.insert(kept);
            }
        }
        graph.link();
        self.manager.set_graph(graph);
        drop(old);
        sys::machine::give_back_memory();
    }

    /// Notes a unit that could not be started, so that one that lasts until it ends goes.
    pub(super) fn note_rest(&mut self, unit: &str) {
        if let Ok(unit) = UnitName::parse(unit) {
            let active = self.manager.active(&unit);
            if active.is_down() {
                self.note_end(&unit, active);
            }
        }
    }

    /// Notes that a unit is down: one that lasts until it ends goes then, and so does one whose
    /// file is gone or masked.
    pub(super) fn note_end(&mut self, unit: &UnitName, active: Active) {
        let Some(loaded) = self.manager.graph().get(unit) else {
            return;
        };
        let transient = self.options.transient();
        let is_transient =
            loaded.sources.first().is_some_and(|path| Path::new(&**path).starts_with(&transient));
        let goes = match active {
            Active::Inactive => is_transient || self.stale.contains(unit),
            _ => is_transient && loaded.collect_failed,
        };
        // What a timer is going to start again stays with it, and goes with it.
        let graph = self.manager.graph();
        let is_up = |timer: &UnitName| !self.manager.active(timer).is_down();
        if !goes || graph.related(unit, Relation::TriggeredBy).any(is_up) {
            return;
        }
        let triggered: Vec<UnitName> = graph.related(unit, Relation::Triggers).cloned().collect();
        self.ended.insert(unit.clone());
        for other in triggered {
            let active = self.manager.active(&other);
            if active.is_down() && !self.ended.contains(&other) {
                self.note_end(&other, active);
            }
        }
    }

    /// Takes away the units that are to go, and are down.
    pub(super) fn collect(&mut self) {
        for unit in std::mem::take(&mut self.ended) {
            let file = self.options.transient().join(unit.as_str());
            if self.manager.forget(&unit) {
                self.stale.remove(&unit);
                // It is in memory, and gone at the next boot in any case.
                _ = std::fs::remove_file(file);
            }
        }
    }
}
