//! Timers: moving them on, and what all of them hear of.

use std::time::Duration;

use calendar::Zone;

use super::{Action, Manager, State};
use crate::graph::Graph;
use crate::model::Kind;
use crate::name::UnitName;
use crate::service::machine;
use crate::timer::Timer;
use crate::timer::machine::{Context, Event, Phase, next};
use crate::transaction::JobKind;

impl Manager {
    /// Tells a timer what happens to services too.
    pub(super) fn tell_timer(&mut self, unit: &UnitName, timer: &Timer, event: &machine::Event) {
        let event = match event {
            machine::Event::Start if self.graph.get(&timer.unit).is_none() => {
                let why = self.graph.failure(&timer.unit).map(ToString::to_string);
                Event::Refused(why.unwrap_or_else(|| format!("{} is not loaded", timer.unit)))
            }
            machine::Event::Start => Event::Start,
            machine::Event::Stop => Event::Stop,
            machine::Event::LimitHit => Event::LimitHit,
            machine::Event::Reset => Event::Reset,
            _ => return,
        };
        self.drive_timer(unit, event);
    }

    /// Moves a timer on, and sees to what follows.
    pub(super) fn drive_timer(&mut self, unit: &UnitName, event: Event) {
        let Some(loaded) = self.graph.get(unit).cloned() else {
            return;
        };
        let Kind::Timer(config) = &loaded.kind else {
            return;
        };
        let before = self.active(unit);
        let times = self.entries.get(self.graph.resolve(&config.unit)).map(|entry| entry.times);
        let random = self.clocks.draw();
        let stops = self.jobs.get(unit).is_some_and(|job| job.kind == JobKind::Stop);
        let is_refused = matches!(event, Event::LimitHit | Event::Refused(_));
        let Some(State::Timer(state)) = self.entry(unit).map(|entry| &mut entry.state) else {
            return;
        };
        let (phase, state) = (state.phase, std::mem::take(&mut **state));
        let context = Context {
            name: unit,
            now: self.now,
            clocks: &self.clocks,
            random,
            unit: times.map_or_else(Default::default, |times| (times.inactive_exit, times.inactive_enter)),
            stops,
        };
        let (state, actions) = next(config, state, event, &context);
        let moved = is_refused || state.phase != phase;
        if let Some(State::Timer(old)) = self.entry(unit).map(|entry| &mut entry.state) {
            **old = state;
        }
        let mut triggers = false;
        for action in actions {
            match action {
                crate::timer::machine::Action::Trigger => triggers = true,
                crate::timer::machine::Action::Log(text) => {
                    self.actions.push(Action::Log(unit.clone(), text))
                }
                other => self.actions.push(Action::Timer(unit.clone(), other)),
            }
        }
        if moved {
            self.settle(unit, before);
        }
        if triggers && let Err(reason) = self.trigger(&config.unit) {
            self.drive_timer(unit, Event::TriggerFailed(reason));
        }
    }

    /// Lets the timers that are due elapse: also those for which nobody would have woken up yet.
    pub(super) fn tick_timers(&mut self) {
        let now = self.now;
        let is_due = |state: &State| match state {
            State::Timer(state) => state.due.is_some_and(|due| due <= now),
            _ => false,
        };
        let due = self.entries.iter().filter(|(_, entry)| is_due(&entry.state));
        let due: Vec<UnitName> = due.map(|(name, _)| name.clone()).collect();
        due.iter().for_each(|unit| self.drive_timer(unit, Event::Tick));
    }

    pub(super) fn clock_set(&mut self, wall: Duration) {
        self.clocks.set(wall, self.now);
        self.tell_timers(&Event::ClockSet);
    }

    pub(super) fn zone_set(&mut self, zone: Zone) {
        if zone != self.clocks.zone {
            self.clocks.zone = zone;
            self.tell_timers(&Event::ZoneSet);
        }
    }

    fn tell_timers(&mut self, event: &Event) {
        let is_timer = |state: &State| matches!(state, State::Timer(_));
        let timers = self.entries.iter().filter(|(_, entry)| is_timer(&entry.state));
        let timers: Vec<UnitName> = timers.map(|(name, _)| name.clone()).collect();
        timers.iter().for_each(|unit| self.drive_timer(unit, event.clone()));
    }

    /// The files were read anew: a timer that they say something else of works out anew when it
    /// elapses.
    pub(super) fn timers_changed(&mut self, old: &Graph) {
        let is_up = |state: &State| match state {
            State::Timer(state) => !matches!(state.phase, Phase::Dead | Phase::Failed),
            _ => false,
        };
        let kind = |graph: &Graph, name: &UnitName| graph.get(name).map(|unit| unit.kind.clone());
        let up = self.entries.iter().filter(|(_, entry)| is_up(&entry.state)).map(|(name, _)| name);
        let changed: Vec<UnitName> =
            up.filter(|name| kind(old, name) != kind(&self.graph, name)).cloned().collect();
        changed.iter().for_each(|unit| self.drive_timer(unit, Event::Changed));
    }
}
