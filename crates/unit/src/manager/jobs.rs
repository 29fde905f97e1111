//! Jobs: which may run, running them, and ending them.

use crate::manager::{Action, Job, JobResult, Manager, State, Verdict};
use crate::model::{Kind, Relation};
use crate::name::{UnitName, UnitType};
use crate::service::config::RestartMode;
use crate::service::machine::Event;
use crate::service::state::{Active, Outcome, Phase, ServiceState};
use crate::transaction::JobKind;

impl Manager {
    /// Gives a unit a job. One of the same kind stays; another is canceled.
    pub(super) fn add_job(&mut self, unit: &UnitName, kind: JobKind) {
        // What is about to come up reads its configuration as it is now.
        let same = |job: &Job| {
            job.kind == kind
                || matches!(
                    (job.kind, kind),
                    (JobKind::Restart, JobKind::Start | JobKind::Reload) | (JobKind::Start, JobKind::Reload)
                )
        };
        if self.jobs.get(unit).is_some_and(same) {
            return;
        }
        if self.jobs.contains_key(unit) {
            self.finish(unit, JobResult::Canceled);
        }
        self.last_job += 1;
        let timeout = self.job_timeout(unit);
        let due = timeout.map(|timeout| self.now.saturating_add(timeout));
        let job = Job { id: self.last_job, kind, running: false, due };
        self.jobs.insert(unit.clone(), job);
        self.queue.insert(unit.clone());
    }

    /// Runs every job that can run, until none can.
    pub(super) fn run(&mut self) {
        while let Some(unit) = self.queue.pop_first() {
            let Some(job) = self.jobs.get(&unit) else {
                continue;
            };
            if !job.running && self.may_run(&unit, job.kind) {
                self.run_job(&unit, job.kind);
            }
        }
    }

    /// Whether the order lets a job run. Stops come before starts; starts follow the order,
    /// stops go against it.
    fn may_run(&self, unit: &UnitName, kind: JobKind) -> bool {
        let goes_down = |kind: JobKind| matches!(kind, JobKind::Stop | JobKind::Restart);
        let down_first = |other: &UnitName| {
            let job = self.jobs.get(other);
            job.is_some_and(|job| goes_down(job.kind))
        };
        let waits =
            |later: &UnitName, earlier: &UnitName| !self.given_up.contains(&(later.clone(), earlier.clone()));
        let blocked_by_earlier = self
            .graph
            .related(unit, Relation::After)
            .filter(|earlier| waits(unit, earlier))
            .any(|earlier| !goes_down(kind) && self.jobs.contains_key(earlier));
        let blocked_by_later =
            self.graph.related(unit, Relation::Before).filter(|later| waits(later, unit)).any(down_first);
        !blocked_by_earlier && !blocked_by_later
    }

    fn run_job(&mut self, unit: &UnitName, kind: JobKind) {
        let active = self.active(unit);
        let resting = self.entries.get(unit).and_then(super::Entry::phase) == Some(Phase::AutoRestart);
        match kind {
            JobKind::Start => match active {
                Active::Active | Active::Reloading => self.finish(unit, JobResult::Done),
                // It waits for the stop to end.
                Active::Deactivating => {}
                Active::Activating if !resting => self.mark_running(unit),
                _ => self.begin_start(unit),
            },
            JobKind::Stop if active.is_down() => self.finish(unit, JobResult::Done),
            JobKind::Restart if active.is_down() || resting => {
                if let Some(job) = self.jobs.get_mut(unit) {
                    job.kind = JobKind::Start;
                }
                self.queue.insert(unit.clone());
                // What comes before it waited for it to go down.
                self.wake_neighbours(unit);
            }
            JobKind::Stop | JobKind::Restart => {
                self.mark_running(unit);
                self.bring_down(unit);
            }
            JobKind::Reload => {
                self.mark_running(unit);
                self.tell(unit, Event::Reload);
                if self.active(unit) != Active::Reloading && self.jobs.contains_key(unit) {
                    self.finish(unit, JobResult::Done);
                }
            }
        }
    }

    fn mark_running(&mut self, unit: &UnitName) {
        if let Some(job) = self.jobs.get_mut(unit) {
            job.running = true;
        }
    }

    fn begin_start(&mut self, unit: &UnitName) {
        self.mark_running(unit);
        let Some(loaded) = self.graph.get(unit).cloned() else {
            self.finish(unit, JobResult::Failed("it is not loaded".to_owned()));
            return;
        };
        if let Some(refusal) = loaded.refusals.first() {
            self.refuse(unit, refusal.to_string());
            return;
        }
        let down =
            self.graph.related(unit, Relation::Requisite).find(|other| !self.active(other).is_up()).cloned();
        if let Some(other) = down {
            let reason = "it is not up (Requisite=)".to_owned();
            self.finish(unit, JobResult::Dependency(other, reason));
            return;
        }
        if loaded.conditions.is_empty() && loaded.asserts.is_empty() {
            self.checked(unit, Verdict::Met);
        } else {
            self.actions.push(Action::Check(unit.clone()));
        }
    }

    /// A start that is not even tried.
    fn refuse(&mut self, unit: &UnitName, reason: String) {
        self.actions.push(Action::Failed(unit.clone(), reason.clone()));
        self.finish(unit, JobResult::Failed(reason.clone()));
        // One that waits for its next start would wait for ever.
        self.drive(unit, Event::RestartRefused(reason));
    }

    /// The conditions of a unit that is to start have been tested.
    pub(super) fn checked(&mut self, unit: &UnitName, verdict: Verdict) {
        let awaits = |job: &Job| job.running && job.kind == JobKind::Start;
        if !self.jobs.get(unit).is_some_and(awaits) {
            return;
        }
        match verdict {
            Verdict::Unmet(condition) => self.finish(unit, JobResult::Skipped(condition)),
            Verdict::Refused(condition) => {
                self.refuse(unit, format!("assertion {condition} does not hold"));
            }
            Verdict::Met if unit.kind() == UnitType::Device => self.actions.push(Action::Probe(unit.clone())),
            Verdict::Met if self.is_switch(unit) => self.switch(unit, true),
            Verdict::Met if self.limit_hit(unit) => self.tell(unit, Event::LimitHit),
            Verdict::Met => self.tell(unit, Event::Start),
        }
    }

    /// Counts a start, and says whether it is one too many.
    fn limit_hit(&mut self, unit: &UnitName) -> bool {
        let now = self.now;
        let Some(limit) = self.graph.get(unit).map(|unit| unit.start_limit) else {
            return false;
        };
        self.entry(unit).is_some_and(|entry| limit.is_hit(&mut entry.starts, now))
    }

    /// Whether a unit is up or down and nothing between: a target, a slice.
    fn is_switch(&self, unit: &UnitName) -> bool {
        let loaded = self.graph.get(unit);
        loaded.is_some_and(|unit| matches!(unit.kind, Kind::Target | Kind::Slice(_)))
    }

    fn switch(&mut self, unit: &UnitName, up: bool) {
        let before = self.active(unit);
        match self.entry(unit).map(|entry| &mut entry.state) {
            Some(State::Target { up: state }) => *state = up,
            Some(State::Slice { up: state }) => {
                *state = up;
                self.actions.push(Action::Slice(unit.clone(), up));
            }
            _ => {}
        }
        self.settle(unit, before);
    }

    fn bring_down(&mut self, unit: &UnitName) {
        if self.graph.get(unit).is_some_and(|unit| unit.is_permanent()) {
            self.finish(unit, JobResult::Failed("it is always up".to_owned()));
        } else if unit.kind() == UnitType::Device {
            self.finish(unit, JobResult::Failed("a device goes when it is unplugged".to_owned()));
        } else if self.is_switch(unit) {
            self.switch(unit, false);
        } else {
            self.tell(unit, Event::Stop);
        }
    }

    /// Ends a unit's running job, where its new state does.
    pub(super) fn settle_job(&mut self, unit: &UnitName, before: Active, active: Active) {
        let Some(job) = self.jobs.get(unit).filter(|job| job.running) else {
            return;
        };
        let resting = self.entries.get(unit).and_then(super::Entry::phase) == Some(Phase::AutoRestart);
        let failed = self.outcome(unit).is_some_and(Outcome::is_failure);
        let reason = || self.failure_reason(unit);
        match job.kind {
            JobKind::Start if active.is_up() => self.finish(unit, JobResult::Done),
            JobKind::Start if active.is_down() || resting => {
                let result = match failed {
                    true => JobResult::Failed(reason()),
                    false => JobResult::Done,
                };
                self.finish(unit, result);
            }
            JobKind::Stop if active.is_down() => self.finish(unit, JobResult::Done),
            // It could not be brought down: a mount is in use.
            JobKind::Stop | JobKind::Restart if active.is_up() && before == Active::Deactivating => {
                self.finish(unit, JobResult::Failed(reason()));
            }
            JobKind::Restart if active.is_down() => {
                if let Some(job) = self.jobs.get_mut(unit) {
                    job.kind = JobKind::Start;
                    job.running = false;
                }
                self.queue.insert(unit.clone());
                self.wake_neighbours(unit);
            }
            JobKind::Reload if active == Active::Active => {
                let failure = self.service_state(unit).and_then(|state| state.reload_failure.clone());
                self.finish(unit, failure.map_or(JobResult::Done, JobResult::Failed));
            }
            JobKind::Reload if active.is_down() || active == Active::Deactivating || resting => {
                let result = JobResult::Failed(format!("it ended during its reload: {}", reason()));
                self.finish(unit, result);
            }
            _ => {}
        }
    }

    /// Takes a job away, and with a failed start those that need it.
    pub(super) fn finish(&mut self, unit: &UnitName, result: JobResult) {
        let mut ended = vec![(unit.clone(), result)];
        let mut stranded = Vec::new();
        while let Some((unit, result)) = ended.pop() {
            let Some(job) = self.jobs.remove(&unit) else {
                continue;
            };
            let cause = match &result {
                JobResult::Failed(reason) => Some((unit.clone(), reason.clone())),
                JobResult::Dependency(on, reason) => Some((on.clone(), reason.clone())),
                _ => None,
            };
            if let Some((on, reason)) = cause.filter(|_| job.kind == JobKind::Start) {
                for relation in [Relation::RequiredBy, Relation::BoundBy, Relation::RequisiteOf] {
                    for other in self.graph.related(&unit, relation) {
                        let starts = |job: &Job| job.kind == JobKind::Start;
                        if self.jobs.get(other).is_some_and(starts) {
                            let result = JobResult::Dependency(on.clone(), reason.clone());
                            ended.push((other.clone(), result));
                        }
                    }
                }
            }
            self.wake_neighbours(&unit);
            if job.kind == JobKind::Start
                && self.service_state(&unit).is_some_and(ServiceState::awaits_restart)
            {
                stranded.extend(stranded_by(&result).map(|event| (unit.clone(), event)));
            }
            let is_undone = job.kind == JobKind::Start && result != JobResult::Done;
            self.actions.push(Action::JobDone { id: job.id, unit: unit.clone(), result });
            // A start that came to nothing changes no state: who waits for its end must be told.
            if is_undone && self.active(&unit).is_down() {
                self.tell_triggers(&unit);
                self.tell_socket_of(&unit);
            }
        }
        for (unit, event) in stranded {
            self.drive(&unit, event);
        }
    }

    /// Jobs that may have waited for this unit's are looked at again.
    fn wake_neighbours(&mut self, unit: &UnitName) {
        for relation in [Relation::After, Relation::Before] {
            for other in self.graph.related(unit, relation) {
                if self.jobs.contains_key(other) {
                    self.queue.insert(other.clone());
                }
            }
        }
    }
}

/// What becomes of a service that was to start again by itself, and whose job ended so. Nothing else would
/// ever come of it: its pause is over.
fn stranded_by(result: &JobResult) -> Option<Event> {
    match result {
        JobResult::Failed(reason) => Some(Event::RestartRefused(reason.clone())),
        JobResult::Dependency(on, reason) => {
            Some(Event::RestartRefused(format!("it needs {on}, which failed: {reason}")))
        }
        JobResult::Skipped(_) => Some(Event::Stop),
        // Whatever took its place sees to it.
        JobResult::Done | JobResult::Canceled => None,
    }
}

impl RestartMode {
    /// The job of an automatic restart. A restart takes along what requires the service or is part of it.
    pub(super) fn job(self) -> JobKind {
        match self {
            RestartMode::Normal => JobKind::Restart,
            RestartMode::Direct => JobKind::Start,
        }
    }
}
