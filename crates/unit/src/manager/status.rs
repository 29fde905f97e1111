//! What can be told of units.

use std::time::Duration;

use crate::control::{JobStatus, TimerStatus, UnitRelations, UnitStatus};
use crate::graph::Graph;
use crate::manager::{Manager, State, Times};
use crate::model::{Kind, Relation};
use crate::name::{UnitName, UnitType};
use crate::service::exit::Exit;
use crate::service::state::Active;

impl Manager {
    /// What is known of a unit, loaded or not.
    pub fn status(&self, unit: &UnitName) -> UnitStatus {
        self.status_in(&self.graph, unit)
    }

    /// The same, by other files than those that are loaded.
    pub fn status_in(&self, graph: &Graph, unit: &UnitName) -> UnitStatus {
        let name = graph.resolve(unit);
        let entry = self.entries.get(name);
        let loaded = graph.get(name);
        let active = self.active_in(graph, name);
        let times = entry.map_or_else(Times::default, |entry| entry.times);
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut status = UnitStatus {
            name: name.to_string(),
            description: String::new(),
            load: match (loaded, graph.failure(name)) {
                (Some(_), _) => "loaded",
                (None, Some(crate::load::LoadError::Masked(_))) => "masked",
                (None, Some(crate::load::LoadError::NotFound(_)) | None) => "not-found",
                (None, Some(_)) => "error",
            }
            .to_owned(),
            load_error: graph.failure(name).map(ToString::to_string),
            active: active.name().to_owned(),
            sub: active.name().to_owned(),
            job: self.jobs.get(name).map(|job| job.kind.to_string()),
            job_id: self.jobs.get(name).map(|job| job.id),
            since_us: micros(times.since),
            inactive_exit_us: micros(times.inactive_exit),
            active_enter_us: micros(times.active_enter),
            active_exit_us: micros(times.active_exit),
            inactive_enter_us: micros(times.inactive_enter),
            ..UnitStatus::default()
        };
        if let Some(unit) = loaded {
            status.description.clone_from(&unit.description);
            status.documentation.clone_from(&unit.documentation);
            status.fragment = unit.sources.first().map(ToString::to_string);
            status.drop_ins = unit.sources.iter().skip(1).map(ToString::to_string).collect();
            let notes = unit.warnings.iter().chain(&unit.refusals);
            status.warnings = notes.map(ToString::to_string).collect();
            let related = |relation| graph.related(name, relation).map(ToString::to_string).collect();
            status.triggers = related(Relation::Triggers);
            status.triggered_by = related(Relation::TriggeredBy);
            if let Kind::Socket(socket) = &unit.kind {
                status.listens = socket.listen.iter().map(|listen| listen.address.to_string()).collect();
            }
        }
        match entry.map(|entry| &entry.state) {
            Some(State::Service(state)) => {
                status.sub = state.phase.name().to_owned();
                status.main_pid = state.main;
                status.main_exit = state.main_exit.map(|exit| exit.to_string());
                let (code, number) = state.main_exit.map(words).unzip();
                status.main_code = code.map(str::to_owned);
                status.main_status = number;
                status.status_text.clone_from(&state.status);
                status.restarts = state.restarts;
            }
            Some(State::Socket(state)) => status.sub = state.phase.name().to_owned(),
            Some(State::Path(state)) => status.sub = state.phase.name().to_owned(),
            Some(State::Timer(state)) => {
                status.sub = state.phase.name().to_owned();
                let micros = |time: Option<Duration>| time.map_or(0, micros);
                status.timer = Some(TimerStatus {
                    next_us: micros(state.next),
                    next_monotonic_us: micros(state.next_monotonic),
                    last_us: micros(state.last),
                    last_monotonic_us: micros(state.last_monotonic),
                });
            }
            Some(State::Mount(state)) => status.sub = state.phase.mount_name().to_owned(),
            Some(State::Swap(state)) => status.sub = state.phase.swap_name().to_owned(),
            None if active.is_up() && loaded.is_some_and(|unit| matches!(unit.kind, Kind::Mount(_))) => {
                status.sub = "mounted".to_owned();
            }
            _ => {
                let can_fail = |kind: &Kind| !matches!(kind, Kind::Target | Kind::Device(_) | Kind::Slice(_));
                if loaded.is_some_and(|unit| can_fail(&unit.kind)) && active == Active::Inactive {
                    status.result_word = "success".to_owned();
                }
                if !active.is_up() {
                    status.sub = "dead".to_owned();
                }
            }
        }
        if let Some(entry) = entry {
            status.control_pid = entry.control();
            if let Some(outcome) = entry.outcome() {
                status.result = outcome.to_string();
                status.result_word = outcome.word().to_owned();
            }
        }
        if name.kind() == UnitType::Device {
            self.describe_device(&mut status, name);
        }
        status
    }

    /// A unit's state by files that need not be loaded: a mount is up where the kernel says so.
    fn active_in(&self, graph: &Graph, name: &UnitName) -> Active {
        match graph.get(name).map(|unit| &unit.kind) {
            Some(Kind::Mount(mount)) if !self.entries.contains_key(name) => {
                match self.mounted.contains(&mount.place) {
                    true => Active::Active,
                    false => Active::Inactive,
                }
            }
            Some(Kind::Device(_)) if self.is_plugged(name) => Active::Active,
            _ => self.active(name),
        }
    }

    /// What is known of every unit that is loaded or could not be.
    pub fn statuses(&self) -> Vec<UnitStatus> {
        let loaded = self.graph.units().map(|unit| &unit.name);
        let failed = self.graph.failures().map(|(name, _)| name);
        let names: Vec<&UnitName> = loaded.chain(failed).collect();
        let devices = self.other_devices().map(|name| UnitStatus {
            load: "loaded".to_owned(),
            active: Active::Active.name().to_owned(),
            ..self.status(&name)
        });
        let mut statuses: Vec<UnitStatus> =
            names.into_iter().map(|name| self.status(name)).chain(devices).collect();
        statuses.sort_by(|one, other| one.name.cmp(&other.name));
        statuses
    }

    /// All jobs, by number.
    pub fn jobs(&self) -> Vec<JobStatus> {
        let mut jobs: Vec<JobStatus> = self
            .jobs
            .iter()
            .map(|(unit, job)| JobStatus {
                id: job.id,
                unit: unit.to_string(),
                kind: job.kind.to_string(),
                running: job.running,
            })
            .collect();
        jobs.sort_by_key(|job| job.id);
        jobs
    }

    /// How many units have failed.
    pub fn failed_count(&self) -> usize {
        self.entries.values().filter(|entry| entry.active() == Active::Failed).count()
    }
}

/// The units that a unit relates to, by relation; none where it is not loaded.
pub fn relations(graph: &Graph, unit: &UnitName) -> Option<UnitRelations> {
    let unit = &graph.get(unit)?.name;
    let of = |relation: Relation| {
        let others: Vec<String> = graph.related(unit, relation).map(ToString::to_string).collect();
        (!others.is_empty()).then(|| (relation.name().to_owned(), others))
    };
    let relations = Relation::ALL.into_iter().filter_map(of).collect();
    Some(UnitRelations { unit: unit.to_string(), relations })
}

/// The end of a process as `CLD_` word and number (waitid(2)).
fn words(exit: Exit) -> (&'static str, i32) {
    match exit {
        Exit::Code(code) => ("exited", code),
        Exit::Signal(signal) => ("killed", signal.0),
        Exit::Dump(signal) => ("dumped", signal.0),
    }
}
