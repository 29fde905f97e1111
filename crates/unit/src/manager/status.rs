//! What can be told of units.

use crate::control::UnitStatus;
use crate::manager::{Manager, State};
use crate::model::Kind;
use crate::name::UnitName;
use crate::service::state::Active;

impl Manager {
    /// What is known of a unit, loaded or not.
    pub fn status(&self, unit: &UnitName) -> UnitStatus {
        let name = self.graph.resolve(unit);
        let entry = self.entries.get(name);
        let loaded = self.graph.get(name);
        let active = self.active(name);
        let mut status = UnitStatus {
            name: name.to_string(),
            description: String::new(),
            load: match (loaded, self.graph.failure(name)) {
                (Some(_), _) => "loaded",
                (None, Some(crate::load::LoadError::Masked(_))) => "masked",
                (None, Some(crate::load::LoadError::NotFound(_)) | None) => "not-found",
                (None, Some(_)) => "error",
            }
            .to_owned(),
            load_error: self.graph.failure(name).map(ToString::to_string),
            active: active.name().to_owned(),
            sub: active.name().to_owned(),
            job: self.jobs.get(name).map(|job| job.kind.to_string()),
            since_us: entry.map_or(0, |entry| entry.since.as_micros() as u64),
            ..UnitStatus::default()
        };
        if let Some(unit) = loaded {
            status.description.clone_from(&unit.description);
            status.documentation.clone_from(&unit.documentation);
            status.fragment = unit.sources.first().map(ToString::to_string);
            status.drop_ins = unit.sources.iter().skip(1).map(ToString::to_string).collect();
            let notes = unit.warnings.iter().chain(&unit.refusals);
            status.warnings = notes.map(ToString::to_string).collect();
        }
        match entry.map(|entry| &entry.state) {
            Some(State::Service(state)) => {
                status.sub = state.phase.name().to_owned();
                status.main_pid = state.main;
                status.main_exit = state.main_exit.map(|exit| exit.to_string());
                status.status_text.clone_from(&state.status);
                status.restarts = state.restarts;
            }
            Some(State::Socket(state)) => status.sub = state.phase.name().to_owned(),
            Some(State::Path(state)) => status.sub = state.phase.name().to_owned(),
            Some(State::Mount(state)) => status.sub = state.phase.mount_name().to_owned(),
            Some(State::Swap(state)) => status.sub = state.phase.swap_name().to_owned(),
            _ => {
                let can_fail = |kind: &Kind| !matches!(kind, Kind::Target | Kind::Slice(_));
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
        status
    }

    /// What is known of every unit that is loaded or could not be.
    pub fn statuses(&self) -> Vec<UnitStatus> {
        let loaded = self.graph.units().map(|unit| &unit.name);
        let failed = self.graph.failures().map(|(name, _)| name);
        let mut names: Vec<&UnitName> = loaded.chain(failed).collect();
        names.sort();
        names.into_iter().map(|name| self.status(name)).collect()
    }
}
