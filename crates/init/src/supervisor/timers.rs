//! Timers: what the machine tells of its clock, and what is to be done for them.

use std::time::Duration;

use sys::machine::{monotonic, wall_clock};
use unit::manager::Input;
use unit::timer::clocks::Clocks;
use unit::timer::machine::{Action, Event};
use unit::{Kind, UnitName};

use super::Supervisor;

impl Supervisor {
    /// Tells the manager what timers go by.
    pub(super) fn set_clocks(&mut self) {
        let random = sys::random::name_16().ok().and_then(|bytes| bytes.first_chunk().copied());
        let mut clocks = Clocks {
            zone: self.wall_clock.zone(),
            startup: self.started,
            // A container has not been there for as long as the machine.
            boot: if self.options.container { self.started } else { Duration::ZERO },
            machine_id: self.facts.host.machine_id.clone(),
            random: random.map_or(0, u64::from_ne_bytes),
            ..Clocks::default()
        };
        clocks.set(wall_clock(), monotonic());
        self.manager.set_clocks(clocks);
    }

    /// Somebody set the clock.
    pub(super) fn look_at_clock(&mut self) {
        if let Some(wall) = self.wall_clock.was_set() {
            self.input(Input::ClockSet(wall));
        }
    }

    /// The machine's time zone may be another.
    pub(super) fn look_at_zone(&mut self) {
        if let Some(zone) = self.wall_clock.zone_was_set() {
            self.input(Input::ZoneSet(zone));
        }
    }

    pub(super) fn act_for_timer(&mut self, name: UnitName, action: Action) -> Option<Input> {
        let unit = self.manager.graph().get(&name).cloned()?;
        let Kind::Timer(timer) = &unit.kind else {
            return None;
        };
        match action {
            Action::Prepare => {
                let stamp = match timer.persistent {
                    true => self.wall_clock.stamp_of(&name),
                    false => Ok(None),
                };
                let stamp = stamp.unwrap_or_else(|error| {
                    self.reporter.warn(&format!("{name}: {error:#}; what it missed is not caught up on"));
                    None
                });
                let zones = self.wall_clock.zones_of(timer);
                return Some(Input::Timer(name, Event::Prepared { stamp, zones }));
            }
            Action::Stamp(at) => {
                if let Err(error) = self.wall_clock.keep(&name, at) {
                    self.reporter.warn(&format!("{name}: {error:#}"));
                }
            }
            // The manager keeps these to itself.
            Action::Trigger | Action::Log(_) => {}
        }
        None
    }
}
