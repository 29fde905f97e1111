//! What follows of itself when a unit comes up, goes down or fails.

use crate::manager::{Action, JobResult, Manager};
use crate::model::{JobMode, Relation, SystemAction};
use crate::name::{UnitName, UnitType};
use crate::service::state::{Active, Outcome};
use crate::transaction::JobKind;

impl Manager {
    /// Sees to what follows from a new state. `asked`: the job that it had.
    pub(super) fn follow(&mut self, unit: &UnitName, before: Active, after: Active, asked: Option<JobKind>) {
        if after == Active::Failed && before != Active::Failed {
            self.failed(unit);
        }
        if after == Active::Inactive && !before.is_down() {
            self.succeeded(unit);
        }
        if self.shutdown.is_some() || !after.is_down() || before.is_down() {
            return;
        }
        // A stop takes along by its own plan what is bound to the unit; a start that fails does not.
        if !matches!(asked, Some(JobKind::Stop | JobKind::Restart)) {
            self.stop_bound(unit);
        }
        self.stop_unneeded(unit);
        if !matches!(asked, Some(JobKind::Start | JobKind::Stop | JobKind::Restart)) {
            self.uphold(unit);
        }
    }

    /// A service was up, or was to be, and rests before it starts again: it has been down in between, though no
    /// state shows that. What ends the system for a failure waits until it starts no more.
    pub(super) fn passed_through_down(&mut self, unit: &UnitName, before: Active) {
        if self.shutdown.is_some() {
            return;
        }
        let failed = self.service_state(unit).is_some_and(|state| state.outcome.is_failure());
        let Some(loaded) = self.graph.get(unit) else {
            return;
        };
        let (relation, mode) = match failed {
            true => (Relation::OnFailure, loaded.on_failure_mode),
            false => (Relation::OnSuccess, loaded.on_success_mode),
        };
        self.start_all(unit, relation, mode);
        let had_job = self.jobs.get(unit).is_some_and(|job| job.running);
        if !had_job && !before.is_down() {
            self.stop_bound(unit);
        }
    }

    fn failed(&mut self, unit: &UnitName) {
        let reason = self.failure_reason(unit);
        self.actions.push(Action::Failed(unit.clone(), reason));
        let Some((actions, mode)) =
            self.graph.get(unit).map(|unit| (unit.system_actions, unit.on_failure_mode))
        else {
            return;
        };
        self.start_all(unit, Relation::OnFailure, mode);
        let limit = self.service_state(unit).is_some_and(|state| state.outcome == Outcome::StartLimit);
        if limit {
            self.end_system(unit, actions.start_limit, "it started too often (StartLimitAction=)");
        }
        self.end_system(unit, actions.failure, "it failed (FailureAction=)");
    }

    fn succeeded(&mut self, unit: &UnitName) {
        let Some((actions, mode)) =
            self.graph.get(unit).map(|unit| (unit.system_actions, unit.on_success_mode))
        else {
            return;
        };
        self.start_all(unit, Relation::OnSuccess, mode);
        self.end_system(unit, actions.success, "it has done its work (SuccessAction=)");
    }

    fn end_system(&mut self, unit: &UnitName, action: SystemAction, why: &'static str) {
        if action != SystemAction::None && self.shutdown.is_none() {
            self.actions.push(Action::System(unit.clone(), action, why));
        }
    }

    /// Starts the units that stand in a relation to one, in the mode that it asks for.
    fn start_all(&mut self, unit: &UnitName, relation: Relation, mode: JobMode) {
        if self.shutdown.is_some() {
            return;
        }
        let others: Vec<UnitName> = self.graph.related(unit, relation).cloned().collect();
        for other in &others {
            let planned = match mode {
                JobMode::Replace => self.enqueue(other, JobKind::Start),
                JobMode::Isolate => self.enqueue_isolation(other),
            };
            if let Err(error) = planned {
                let text = format!("{}= cannot be followed: {error}", relation.name());
                self.actions.push(Action::Log(unit.clone(), text));
            }
        }
    }

    /// Units that are bound to one that went down by itself go down too.
    fn stop_bound(&mut self, unit: &UnitName) {
        let bound = self.up_and_related(unit, Relation::BoundBy);
        for other in &bound {
            // A stop cannot fail to be planned: it needs nothing loaded that is not.
            _ = self.enqueue(other, JobKind::Stop);
        }
    }

    /// Units that are only there for others, the last of which went down, go down too.
    fn stop_unneeded(&mut self, unit: &UnitName) {
        let needs = [Relation::Requires, Relation::BindsTo, Relation::Wants, Relation::Requisite];
        let needed: Vec<UnitName> =
            needs.into_iter().flat_map(|relation| self.up_and_related(unit, relation)).collect();
        for other in needed {
            let asks = self.graph.get(&other).is_some_and(|other| other.stop_when_unneeded);
            let needed_by =
                [Relation::RequiredBy, Relation::BoundBy, Relation::WantedBy, Relation::RequisiteOf];
            let is_needed =
                needed_by.into_iter().any(|relation| !self.up_and_related(&other, relation).is_empty());
            if asks && !is_needed {
                _ = self.enqueue(&other, JobKind::Stop);
            }
        }
    }

    /// A unit that others uphold comes up again, unless it was asked to go down or has just failed to come up.
    fn uphold(&mut self, unit: &UnitName) {
        if self.up_and_related(unit, Relation::UpheldBy).is_empty() {
            return;
        }
        if let Err(error) = self.enqueue(unit, JobKind::Start) {
            self.actions.push(Action::Log(unit.clone(), format!("cannot be upheld: {error}")));
        }
    }

    fn up_and_related(&self, unit: &UnitName, relation: Relation) -> Vec<UnitName> {
        self.graph.related(unit, relation).filter(|other| !self.active(other).is_down()).cloned().collect()
    }

    /// Ends the jobs that have taken too long.
    pub(super) fn end_late_jobs(&mut self) {
        let now = self.now;
        let late = self.jobs.iter().filter(|(_, job)| job.due.is_some_and(|due| due <= now));
        let late: Vec<UnitName> = late.map(|(unit, _)| unit.clone()).collect();
        for unit in late {
            let action = self.graph.get(&unit).map_or(SystemAction::None, |u| u.system_actions.job_timeout);
            let reason = match unit.kind() {
                UnitType::Device => "the device did not come (x-systemd.device-timeout=, JobTimeoutSec=)",
                _ => "its job took too long (JobTimeoutSec=)",
            };
            self.finish(&unit, JobResult::Failed(reason.to_owned()));
            self.end_system(&unit, action, "a job took too long (JobTimeoutAction=)");
        }
    }
}
