//! Sockets, paths, mounts, swap and slices: what the kernel tells of them, and what is to be done
//! for them.

use std::path::Path;

use anyhow::{Context, Result};
use sys::machine::monotonic;
use unit::manager::Input;
use unit::transaction::JobKind;
use unit::{Kind, Unit, UnitName, UnitType, path, socket};

use super::Supervisor;
use init_io::tables;

impl Supervisor {
    /// Something was mounted or unmounted, by whomever.
    pub(super) fn look_at_mounts(&mut self) {
        self.input(Input::Mounted(tables::places()));
    }

    /// Swap was put to use or out of it, by whomever.
    pub(super) fn look_at_swaps(&mut self) {
        let swaps = tables::swaps(self.manager.graph());
        self.input(Input::Swapped(swaps));
    }

    /// A process of a unit has ended: whether it has done its work, the kernel's table says.
    pub(super) fn look_for(&mut self, unit: &UnitName) {
        match unit.kind() {
            UnitType::Mount => self.look_at_mounts(),
            UnitType::Swap => self.look_at_swaps(),
            _ => {}
        }
    }

    /// Whether a mount or swap is of a device that is not there (yet).
    pub(super) fn lacks_device(&self, unit: &UnitName) -> bool {
        let what = match self.manager.graph().get(unit).map(|unit| &unit.kind) {
            Some(Kind::Mount(mount)) => &mount.what,
            Some(Kind::Swap(swap)) => &swap.what,
            _ => return false,
        };
        what.starts_with("/dev/") && !Path::new(what).exists()
    }

    pub(super) fn input(&mut self, input: Input) {
        let actions = self.manager.next(input, monotonic());
        self.perform(actions);
    }

    /// The slices that are always there have limits of their own, where a file gives them some.
    pub(super) fn limit_permanent_slices(&mut self) {
        let units: Vec<UnitName> = self.manager.graph().units().map(|unit| unit.name.clone()).collect();
        for name in units.iter().filter(|name| unit::slice::is_permanent(name)) {
            self.act_for_slice(name, true);
        }
    }

    pub(super) fn act_for_slice(&mut self, slice: &UnitName, up: bool) {
        if !up {
            self.cgroups.remove_slice(slice);
            return;
        }
        let complaints = match self.cgroups.make_slice(slice, self.manager.graph()) {
            Ok(complaints) => complaints,
            Err(error) => vec![format!("{error:#}")],
        };
        for complaint in complaints {
            self.reporter.info(&format!("{slice}: {complaint}"));
        }
    }

    /// Somebody comes to a socket.
    pub(super) fn socket_ready(&mut self, number: u32) {
        if let Some(unit) = self.sockets.owner(number).cloned() {
            self.input(Input::Socket(unit, socket::machine::Event::Incoming));
        }
    }

    pub(super) fn act_for_socket(
        &mut self,
        name: UnitName,
        action: socket::machine::Action,
    ) -> Option<Input> {
        use socket::machine::{Action, Event};
        let unit = self.manager.graph().get(&name).cloned()?;
        let Kind::Socket(config) = &unit.kind else {
            return None;
        };
        let event = match action {
            Action::Open => match self.sockets.open(&name, config) {
                Ok(()) => Event::Opened,
                Err(error) => Event::OpenFailed(format!("{error:#}")),
            },
            Action::Close => {
                self.sockets.close(&name, config, &self.poller);
                return None;
            }
            Action::Watch { flush } => {
                let watched = self.sockets.watch(&name, config, flush, &self.poller);
                Event::TriggerFailed(format!("{:#}", watched.err()?))
            }
            Action::Unwatch => {
                self.sockets.unwatch(&name, &self.poller);
                return None;
            }
            Action::Accept => Event::Connection(self.sockets.accept(&name)?),
            Action::Serve(instance) => {
                let reason = format!("{:#}", self.serve(&name, &instance).err()?);
                self.reporter.warn(&format!("{name}: a connection was closed: {reason}"));
                self.sockets.hand_over(&instance);
                Event::ConnectionEnded(instance)
            }
            Action::Refuse(reason) => {
                self.sockets.refuse(&name);
                self.reporter.warn(&format!("{name}: a connection was closed: {reason}"));
                return None;
            }
            // The manager keeps these to itself.
            Action::Common(_) | Action::Trigger => return None,
        };
        Some(Input::Socket(name, event))
    }

    /// Starts an instance for the connection that was taken last.
    fn serve(&mut self, socket: &UnitName, instance: &UnitName) -> Result<()> {
        self.sockets.assign(socket, instance);
        let mut graph = self.manager.graph().clone();
        self.catalog.load_with_related(&mut graph, instance, &self.facts.host);
        self.manager.extend_graph(graph);
        self.manager.serve(instance, socket);
        let (_, actions) = self.manager.request(instance, JobKind::Start, monotonic())?;
        self.perform(actions);
        Ok(())
    }

    /// A path that is watched may have changed.
    pub(super) fn path_ready(&mut self, number: u32) {
        let Some(name) = self.paths.owner(number).cloned() else {
            return;
        };
        let looked = self.path_config(&name).and_then(|unit| match &unit.kind {
            Kind::Path(config) => self.paths.ready(&name, config, &self.poller),
            _ => Ok(None),
        });
        let looked = looked.map_err(|error| format!("{error:#}"));
        if looked != Ok(None) {
            self.input(Input::Path(name, path::machine::Event::Looked(looked)));
        }
    }

    pub(super) fn act_for_path(&mut self, name: UnitName, action: path::machine::Action) -> Option<Input> {
        let first = match action {
            path::machine::Action::Watch { first } => first,
            path::machine::Action::Unwatch => {
                self.paths.unwatch(&name);
                return None;
            }
            // The manager keeps it to itself.
            path::machine::Action::Trigger(_) => return None,
        };
        let looked = self.path_config(&name).and_then(|unit| match &unit.kind {
            Kind::Path(config) => self.paths.watch(&name, config, first, &self.poller),
            _ => Ok(None),
        });
        let looked = looked.map_err(|error| format!("{error:#}"));
        Some(Input::Path(name, path::machine::Event::Looked(looked)))
    }

    fn path_config(&self, name: &UnitName) -> Result<std::sync::Arc<Unit>> {
        self.manager.graph().get(name).cloned().context("the unit is not loaded any more")
    }
}
