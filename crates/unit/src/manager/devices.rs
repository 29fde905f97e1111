//! Devices: which there are, and what follows from their coming and going.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, JobResult, Manager, State};
use crate::control::UnitStatus;
use crate::device::{Record, path_of};
use crate::model::{Kind, Relation};
use crate::mount::stated_patience;
use crate::name::{UnitName, UnitType};
use crate::service::state::Active;
use crate::transaction::JobKind;

/// The devices that devd told of.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// By the name of their file.
    plugged: BTreeMap<String, Plugged>,
    /// Whether it ever told of one. Without devd, what has a node is there.
    reported: bool,
}

/// A device, as far as its units are concerned.
#[derive(Debug)]
struct Plugged {
    /// The first is the one that the others follow.
    names: Vec<UnitName>,
    wants: Vec<UnitName>,
    syspath: String,
    description: String,
}

impl Devices {
    /// The device of a name.
    fn of(&self, name: &UnitName) -> Option<&Plugged> {
        self.plugged.values().find(|device| device.names.contains(name))
    }
}

impl Manager {
    /// devd told of a device, or that it is gone.
    pub(super) fn device_changed(&mut self, file: String, record: Option<Record>) {
        self.devices.reported = true;
        let old = self.devices.plugged.remove(&file);
        let wanted = old.as_ref().map_or(&[][..], |old| &old.wants).to_vec();
        let mut names: Vec<UnitName> = old.map_or_else(Vec::new, |old| old.names);
        if let Some(record) = record {
            let new = Plugged {
                names: record.names(),
                wants: record.wants,
                syspath: record.syspath,
                description: record.description,
            };
            names.extend(new.names.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
            let comes = new.wants.iter().filter(|unit| !wanted.contains(unit)).cloned();
            self.actions.extend(comes.map(Action::Want));
            self.devices.plugged.insert(file, new);
        }
        // A link may have gone over to another device.
        for name in names {
            let is_there = self.devices.of(&name).is_some();
            self.set_device(&name, is_there);
        }
    }

    /// Somebody looked whether a device that a job waits for is there.
    pub(super) fn probed(&mut self, unit: &UnitName, is_there: bool) {
        if is_there || self.devices.of(unit).is_some() {
            self.set_device(unit, true);
            return;
        }
        // Without devd nobody will tell of it. What is mounted looks for its device itself.
        let waits = |other: &&UnitName| self.jobs.get(*other).is_some_and(|job| job.kind == JobKind::Start);
        let by = [Relation::BoundBy, Relation::RequiredBy, Relation::WantedBy];
        let waiting: Vec<&UnitName> =
            by.iter().flat_map(|by| self.graph.related(unit, *by)).filter(waits).collect();
        let looks = |other: &&UnitName| matches!(other.kind(), UnitType::Mount | UnitType::Swap);
        if !self.devices.reported && !waiting.is_empty() && waiting.iter().all(looks) {
            self.finish(unit, JobResult::Done);
        }
    }

    /// A device has come or gone; what of it was known before is nothing new.
    fn set_device(&mut self, unit: &UnitName, is_up: bool) {
        if !self.graph.get(unit).is_some_and(|unit| matches!(unit.kind, Kind::Device(_))) {
            return;
        }
        let before = self.active(unit);
        let had_job = self.jobs.contains_key(unit);
        match self.entry(unit).map(|entry| &mut entry.state) {
            Some(State::Device { up }) if *up != is_up => *up = is_up,
            _ => return,
        }
        self.settle(unit, before);
        if is_up && !had_job && self.shutdown.is_none() {
            self.start_pulled_in(unit);
        }
    }

    /// What a unit pulls in comes with it also when it came by itself.
    fn start_pulled_in(&mut self, unit: &UnitName) {
        let pulls = [Relation::Requires, Relation::BindsTo, Relation::Wants, Relation::Upholds];
        let others = pulls.iter().flat_map(|relation| self.graph.related(unit, *relation));
        let others: Vec<UnitName> = others.filter(|other| self.active(other).is_down()).cloned().collect();
        for other in others {
            if let Err(error) = self.enqueue(&other, JobKind::Start) {
                self.actions.push(Action::Log(unit.clone(), format!("{other} cannot be started: {error}")));
            }
        }
    }

    /// Units that were loaded since their device came.
    pub(super) fn observe_devices(&mut self) {
        let is_device = |name: &&UnitName| name.kind() == UnitType::Device;
        let units: Vec<UnitName> =
            self.graph.units().map(|unit| &unit.name).filter(is_device).cloned().collect();
        for unit in &units {
            if !self.entries.contains_key(unit) && self.devices.of(unit).is_some() {
                self.set_device(unit, true);
            }
        }
    }

    /// How long a job for a unit may take. For a device, the mounts that are on it may say so.
    pub(super) fn job_timeout(&self, unit: &UnitName) -> Option<Duration> {
        let loaded = self.graph.get(unit)?;
        let stated = |other: &UnitName| match &self.graph.get(other)?.kind {
            Kind::Mount(mount) => stated_patience(&mount.options),
            Kind::Swap(swap) => stated_patience(&swap.options),
            _ => None,
        };
        let by = [Relation::BoundBy, Relation::RequiredBy];
        let of_mounts = match loaded.kind {
            Kind::Device(_) => {
                by.iter().flat_map(|by| self.graph.related(unit, *by)).filter_map(stated).max()
            }
            _ => None,
        };
        of_mounts.or(loaded.job_timeout)
    }

    /// Whether a device is known by this name.
    pub(super) fn is_plugged(&self, unit: &UnitName) -> bool {
        self.devices.of(unit).is_some()
    }

    /// The devices that no loaded unit is about: of each the unit that its others would follow.
    pub(super) fn other_devices(&self) -> impl Iterator<Item = UnitName> {
        let mains = self.devices.plugged.values().filter_map(|device| device.names.first());
        mains.filter(|name| self.graph.get(name).is_none()).cloned()
    }

    /// Adds to a status what is known of the device.
    pub(super) fn describe_device(&self, status: &mut UnitStatus, unit: &UnitName) {
        let Some(device) = self.devices.of(unit) else {
            if status.active == Active::Active.name() {
                status.sub = "tentative".to_owned();
            }
            return;
        };
        status.sub = "plugged".to_owned();
        status.syspath = Some(device.syspath.clone());
        status.following = device.names.first().filter(|main| *main != unit).map(ToString::to_string);
        if status.description == path_of(unit) || status.description.is_empty() {
            status.description.clone_from(&device.description);
        }
    }
}
