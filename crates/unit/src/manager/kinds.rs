//! Units that are no services: moving them on, and what they have to do with each other. A socket
//! or path starts the unit that it triggers, and hears of that one's end.

use std::sync::Arc;

use super::{Action, Manager, State};
use crate::model::{Kind, Relation, Unit};
use crate::mount::{device_patience, is_kept};
use crate::name::{UnitName, UnitType};
use crate::service::machine::{self, Context, Event};
use crate::service::state::{Outcome, Phase};
use crate::transaction::JobKind;
use crate::{attachment, path, socket, timer};

impl Manager {
    /// The process of the step that a unit is at.
    pub fn control_pid(&self, unit: &UnitName) -> Option<i32> {
        self.entries.get(self.graph.resolve(unit))?.control()
    }

    /// Notes that an instance serves a connection of a socket, which is told when it has ended.
    pub fn serve(&mut self, instance: &UnitName, socket: &UnitName) {
        self.instances.insert(instance.clone(), socket.clone());
    }

    /// Forgets the instances whose connections have ended: each has a name that does not come
    /// again. Call it when nothing else is being done.
    pub fn forget_instances(&mut self) {
        let is_over =
            |instance: &&UnitName| self.active(instance).is_down() && !self.jobs.contains_key(*instance);
        let over: Vec<UnitName> = self.instances.keys().filter(is_over).cloned().collect();
        if over.is_empty() {
            return;
        }
        for instance in over {
            self.instances.remove(&instance);
            self.entries.remove(&instance);
            self.graph.remove(&instance);
        }
        self.graph.link();
    }

    /// Tells a unit of any type what happens to services too.
    pub(super) fn tell(&mut self, unit: &UnitName, event: Event) {
        let Some(loaded) = self.graph.get(unit).cloned() else {
            return;
        };
        if event == Event::Reset
            && let Some(entry) = self.entries.get_mut(unit)
        {
            // What is forgotten does not count against the next start either.
            entry.starts.clear();
        }
        match &loaded.kind {
            Kind::Service(_) => self.drive(unit, event),
            Kind::Mount(_) | Kind::Swap(_) => {
                self.drive_attachment(&loaded, attachment::Event::Common(event))
            }
            Kind::Socket(socket) => {
                let starts = event == Event::Start && !socket.accept;
                // A service that runs has not got this socket, and would never look at it.
                let event = match starts && !self.active(&socket.service).is_down() {
                    true => socket::machine::Event::Refused(format!("{} runs already", socket.service)),
                    false => socket::machine::Event::Common(event),
                };
                self.drive_socket(unit, event);
            }
            Kind::Path(_) => {
                let event = match event {
                    Event::Start => path::machine::Event::Start,
                    Event::Stop => path::machine::Event::Stop,
                    Event::LimitHit => path::machine::Event::LimitHit,
                    Event::Reset => path::machine::Event::Reset,
                    _ => return,
                };
                self.drive_path(unit, event);
            }
            Kind::Timer(timer) => self.tell_timer(unit, timer, &event),
            Kind::Target | Kind::Device(_) | Kind::Slice(_) => {}
        }
    }

    pub(super) fn context(&self, unit: &UnitName) -> Context {
        let restarting = self.jobs.get(unit).is_some_and(|job| job.kind == JobKind::Restart);
        Context { now: self.now, shutdown: self.shutdown, restarting }
    }

    /// Has a mount or swap wait for its device.
    pub(super) fn absent(&mut self, unit: &UnitName) {
        let Some(loaded) = self.graph.get(unit).cloned() else {
            return;
        };
        let options = match &loaded.kind {
            Kind::Mount(mount) => &mount.options,
            Kind::Swap(swap) => &swap.options,
            _ => return,
        };
        let patience = device_patience(options);
        self.drive_attachment(&loaded, attachment::Event::Absent(patience));
    }

    fn drive_attachment(&mut self, unit: &Arc<Unit>, event: attachment::Event) {
        let (name, context) = (&unit.name, self.context(&unit.name));
        if unit.is_permanent() {
            return;
        }
        let Some(helper) = unit.processes() else {
            return;
        };
        let before = self.active(name);
        let Some(State::Mount(state) | State::Swap(state)) = self.entry(name).map(|entry| &mut entry.state)
        else {
            return;
        };
        let (phase, is_refused) = (state.phase, event == attachment::Event::Common(Event::LimitHit));
        let (next, actions) = attachment::next(helper, std::mem::take(&mut **state), event, &context);
        let moved = is_refused || next.phase != phase;
        **state = next;
        for action in actions {
            self.act(name, action);
        }
        if moved {
            self.settle(name, before);
        }
    }

    pub(super) fn drive_socket(&mut self, unit: &UnitName, event: socket::machine::Event) {
        let Some(loaded) = self.graph.get(unit).cloned() else {
            return;
        };
        let (Kind::Socket(config), context) = (&loaded.kind, self.context(unit)) else {
            return;
        };
        let before = self.active(unit);
        let Some(State::Socket(state)) = self.entry(unit).map(|entry| &mut entry.state) else {
            return;
        };
        use socket::machine::Event::{Common, Refused};
        let is_refused = matches!(event, Common(Event::LimitHit) | Refused(_));
        let phase = state.phase;
        let (next, actions) = socket::machine::next(config, std::mem::take(&mut **state), event, &context);
        let moved = is_refused || next.phase != phase;
        **state = next;
        let mut triggers = false;
        for action in actions {
            match action {
                socket::machine::Action::Common(action) => self.act(unit, action),
                socket::machine::Action::Trigger => triggers = true,
                other => self.actions.push(Action::Socket(unit.clone(), other)),
            }
        }
        if moved {
            self.settle(unit, before);
        }
        if triggers && let Err(reason) = self.trigger(&config.service) {
            self.drive_socket(unit, socket::machine::Event::TriggerFailed(reason));
        }
    }

    pub(super) fn drive_path(&mut self, unit: &UnitName, event: path::machine::Event) {
        let Some(loaded) = self.graph.get(unit).cloned() else {
            return;
        };
        let Kind::Path(config) = &loaded.kind else {
            return;
        };
        let (before, now) = (self.active(unit), self.now);
        let Some(State::Path(state)) = self.entry(unit).map(|entry| &mut entry.state) else {
            return;
        };
        let (phase, is_refused) = (state.phase, event == path::machine::Event::LimitHit);
        let (next, actions) = path::machine::next(config, std::mem::take(&mut **state), event, now);
        let moved = is_refused || next.phase != phase;
        **state = next;
        let mut triggers = None;
        for action in actions {
            match action {
                path::machine::Action::Trigger(path) => triggers = Some(path),
                other => self.actions.push(Action::Path(unit.clone(), other)),
            }
        }
        if moved {
            self.settle(unit, before);
        }
        if let Some(path) = triggers {
            self.actions
                .push(Action::Log(unit.clone(), format!("{path} is there: starting {}", config.unit)));
            if let Err(reason) = self.trigger(&config.unit) {
                self.drive_path(unit, path::machine::Event::TriggerFailed(reason));
            }
        }
    }

    /// Passes on what a machine wants done.
    pub(super) fn act(&mut self, unit: &UnitName, action: machine::Action) {
        self.actions.push(match action {
            machine::Action::Log(text) => Action::Log(unit.clone(), text),
            other => Action::Service(unit.clone(), other),
        });
    }

    /// Starts the unit that another waits to start.
    pub(super) fn trigger(&mut self, unit: &UnitName) -> Result<(), String> {
        match self.shutdown {
            Some(_) => Ok(()),
            None => self.enqueue(unit, JobKind::Start).map(drop).map_err(|error| error.to_string()),
        }
    }

    /// Tells the sockets, paths and timers that start a unit how that stands.
    pub(super) fn tell_triggers(&mut self, unit: &UnitName) {
        let triggers: Vec<UnitName> = self.graph.related(unit, Relation::TriggeredBy).cloned().collect();
        if triggers.is_empty() {
            return;
        }
        let active = self.active(unit);
        // It comes up again by itself, or because somebody asked for it.
        let resting = self.entries.get(unit).and_then(super::Entry::phase) == Some(Phase::AutoRestart);
        let starts = self.jobs.get(unit).is_some_and(|job| job.kind != JobKind::Stop);
        let limit_hit = self.outcome(unit) == Some(&Outcome::StartLimit);
        for trigger in triggers {
            let (socket, path) = match () {
                () if active.is_down() && !starts => (
                    socket::machine::Event::ServiceDown { limit_hit },
                    path::machine::Event::UnitDown { limit_hit },
                ),
                () if !active.is_down() && !resting => {
                    (socket::machine::Event::ServiceUp, path::machine::Event::UnitUp)
                }
                () => continue,
            };
            match trigger.kind() {
                UnitType::Socket => self.drive_socket(&trigger, socket),
                UnitType::Path => self.drive_path(&trigger, path),
                UnitType::Timer => {
                    let event = timer::machine::Event::UnitChanged { is_down: active.is_down() };
                    self.drive_timer(&trigger, event);
                }
                _ => {}
            }
        }
    }

    /// Tells the socket whose connection an instance served that it has ended.
    pub(super) fn tell_socket_of(&mut self, instance: &UnitName) {
        if self.active(instance).is_down()
            && let Some(socket) = self.instances.get(instance).cloned()
        {
            self.drive_socket(&socket, socket::machine::Event::ConnectionEnded(instance.clone()));
        }
    }

    /// Sees to it that mounts and swap stand as the kernel said last.
    pub(super) fn observe(&mut self) {
        self.observe_devices();
        let units: Vec<Arc<Unit>> = self.graph.units().cloned().collect();
        for unit in units {
            let is_present = match &unit.kind {
                Kind::Mount(mount) => self.mounted.contains(&mount.place),
                Kind::Swap(swap) => self.swapped.contains(&swap.what),
                _ => continue,
            };
            let was_present = match self.entries.get(&unit.name).map(|entry| &entry.state) {
                Some(State::Mount(state) | State::Swap(state)) => state.is_present,
                _ => false,
            };
            match (was_present, is_present) {
                (false, true) => self.drive_attachment(&unit, attachment::Event::Appeared),
                (true, false) => self.drive_attachment(&unit, attachment::Event::Vanished),
                _ => {}
            }
        }
    }

    /// Whether a shutdown leaves a unit to the system's end: a mount that came without a unit file,
    /// that the end itself needs, or that what stops last is on; and a device, which nobody can stop.
    pub(super) fn outlives(&self, unit: &UnitName, last: &[UnitName]) -> bool {
        let bears = |other: &UnitName| self.graph.origin(other, Relation::After, unit).is_some();
        match self.graph.get(unit).map(|loaded| (&loaded.kind, &loaded.sources)) {
            Some((Kind::Mount(mount), sources)) => {
                sources.is_empty() || is_kept(&mount.place) || last.iter().any(bears)
            }
            Some((Kind::Device(_), _)) => true,
            _ => false,
        }
    }
}
