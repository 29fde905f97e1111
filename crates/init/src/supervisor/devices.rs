//! Devices that come and go, and what their units want.

use sys::machine::monotonic;
use unit::UnitName;
use unit::manager::Input;
use unit::transaction::JobKind;

use super::Supervisor;

impl Supervisor {
    /// devd told of devices.
    pub(super) fn devices_changed(&mut self) {
        let names = self.devices.changed();
        self.take_devices(names);
    }

    /// Takes in all devices that devd told of before.
    pub(super) fn look_at_devices(&mut self) {
        let names = self.devices.all();
        self.take_devices(names);
    }

    fn take_devices(&mut self, names: Vec<String>) {
        for name in names {
            let record = self.devices.read(&name).unwrap_or_else(|error| {
                self.reporter.warn(&format!("what devd tells of a device is passed over: {error:#}"));
                None
            });
            if let Some(record) = &record {
                self.load_mentioned(record.names());
            }
            self.input(Input::Device(name, record.map(Box::new)));
        }
    }

    /// Loads the units of a device that files speak of: these may have it bring others.
    fn load_mentioned(&mut self, names: Vec<UnitName>) {
        let is_new =
            |name: &UnitName| self.manager.graph().get(name).is_none() && self.catalog.mentions(name);
        let new: Vec<UnitName> = names.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return;
        }
        let mut graph = self.manager.graph().clone();
        for name in &new {
            self.catalog.load_with_related(&mut graph, name, &self.facts.host);
        }
        self.manager.set_graph(graph);
    }

    /// Starts a unit that a device wants.
    pub(super) fn start_wanted(&mut self, unit: &UnitName) {
        if self.shutdown.is_some() || !self.manager.active(unit).is_down() {
            return;
        }
        if self.manager.graph().get(unit).is_none() {
            let mut graph = self.manager.graph().clone();
            graph.forget_failures();
            self.catalog.load_with_related(&mut graph, unit, &self.facts.host);
            self.manager.set_graph(graph);
        }
        match self.manager.request(unit, JobKind::Start, monotonic()) {
            Ok((_, actions)) => self.perform(actions),
            Err(error) => self.reporter.warn(&format!("a device wants {unit}: {error}")),
        }
    }
}
