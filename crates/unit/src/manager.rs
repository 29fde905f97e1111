//! All units together: jobs, their order, and what follows when a unit changes.
//!
//! The manager does nothing itself. It takes requests and events, and returns actions; whoever
//! carries them out tells it how they went.

mod devices;
mod follow;
mod jobs;
mod kinds;
mod status;
mod system;
mod timers;

pub use status::relations;
pub use system::{SystemFacts, SystemState};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::attachment::Attachment;
use crate::device::Record;
use crate::graph::Graph;
use crate::model::{Kind, SystemAction};
use crate::name::UnitName;
use crate::path::machine::PathState;
use crate::service::config::{ExecList, RestartMode};
use crate::service::machine;
use crate::service::state::{Active, Outcome, Phase, ServiceState};
use crate::socket::machine::SocketState;
use crate::timer::clocks::Clocks;
use crate::timer::machine::TimerState;
use crate::transaction::{self, Cycle, JobKind, PlanError, Transaction};
use crate::{path, socket, timer};
use devices::Devices;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Something about a service, or what happens to units of other types as it does to services.
    Service(UnitName, machine::Event),
    /// Something about a socket.
    Socket(UnitName, socket::machine::Event),
    /// Something about a path unit.
    Path(UnitName, path::machine::Event),
    /// Something about a timer.
    Timer(UnitName, timer::machine::Event),
    /// The clock on the wall was set, and shows this now.
    ClockSet(Duration),
    /// The machine's time zone is another.
    ZoneSet(calendar::Zone),
    /// The program that was to be run for a mount or swap was not, because its device is not there.
    Absent(UnitName),
    /// What devd tells of a device, by the name of its file; none where it is gone.
    Device(String, Option<Box<Record>>),
    /// The answer to [`Action::Probe`]: whether it is there.
    Probed(UnitName, bool),
    /// Something is mounted at these paths, and nowhere else.
    Mounted(BTreeSet<String>),
    /// These devices and files are in use as swap, and no others; by each name that units have
    /// for them.
    Swapped(BTreeSet<String>),
    /// The answer to [`Action::Check`]: the condition that did not hold, if any.
    Checked(UnitName, Verdict),
}

/// How a unit's conditions came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may start.
    Met,
    /// A condition does not hold: the start is skipped.
    Unmet(String),
    /// An assertion does not hold: the start fails.
    Refused(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Test a unit's conditions, and answer with [`Input::Checked`].
    Check(UnitName),
    /// Something for a service, or for another unit that runs processes.
    Service(UnitName, machine::Action),
    /// Something for a socket.
    Socket(UnitName, socket::machine::Action),
    /// Something for a path unit.
    Path(UnitName, path::machine::Action),
    /// Something for a timer.
    Timer(UnitName, timer::machine::Action),
    /// A slice comes up, or goes down.
    Slice(UnitName, bool),
    /// Look whether a device's node is there, and answer with [`Input::Probed`].
    Probe(UnitName),
    /// A device has come that wants this unit, which need not be loaded yet.
    Want(UnitName),
    /// A unit's state changed.
    Changed(UnitName, Active),
    /// A unit failed for good, and why.
    Failed(UnitName, String),
    /// A job ended.
    JobDone {
        /// The job's number.
        id: u64,
        /// Its unit.
        unit: UnitName,
        /// How.
        result: JobResult,
    },
    /// The system is to end, because of what became of a unit.
    System(UnitName, SystemAction, &'static str),
    /// Say this in the log.
    Log(UnitName, String),
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobResult {
    /// It is done.
    Done,
    /// A condition did not hold, so nothing was done.
    Skipped(String),
    /// The unit failed, and why.
    Failed(String),
    /// A unit that this one requires failed: which, and why.
    Dependency(UnitName, String),
    /// Another request took its place.
    Canceled,
}

/// A unit's state.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Target { up: bool },
    Service(Box<ServiceState>),
    Socket(Box<SocketState>),
    Path(Box<PathState>),
    Timer(Box<TimerState>),
    Mount(Box<Attachment>),
    Swap(Box<Attachment>),
    Slice { up: bool },
    Device { up: bool },
}

#[derive(Debug, Clone)]
struct Entry {
    state: State,
    /// Starts within the start limit's window.
    starts: VecDeque<Duration>,
    times: Times,
}

/// When a unit's state last changed, and how. Zero is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Times {
    /// In any way.
    since: Duration,
    /// It ceased to be down.
    inactive_exit: Duration,
    /// It came to be up.
    active_enter: Duration,
    /// It ceased to be up.
    active_exit: Duration,
    /// It came to be down.
    inactive_enter: Duration,
}

impl Times {
    fn changed(&mut self, before: Active, after: Active, now: Duration) {
        self.since = now;
        for (crossed, time) in [
            (before.is_down() && !after.is_down(), &mut self.inactive_exit),
            (!before.is_up() && after.is_up(), &mut self.active_enter),
            (before.is_up() && !after.is_up(), &mut self.active_exit),
            (!before.is_down() && after.is_down(), &mut self.inactive_enter),
        ] {
            if crossed {
                *time = now;
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Job {
    id: u64,
    kind: JobKind,
    running: bool,
    /// When it has taken too long (`JobTimeoutSec=`).
    due: Option<Duration>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Manager {
    graph: Graph,
    entries: BTreeMap<UnitName, Entry>,
    jobs: BTreeMap<UnitName, Job>,
    last_job: u64,
    /// Orderings given up to break cycles: the first does not wait for the second.
    given_up: BTreeSet<(UnitName, UnitName)>,
    /// Units whose waiting job may be able to run.
    queue: BTreeSet<UnitName>,
    shutdown: Option<Duration>,
    /// Where something is mounted, and what is swap: as the kernel said last.
    mounted: BTreeSet<String>,
    swapped: BTreeSet<String>,
    /// The instances that serve connections, and whose these are.
    instances: BTreeMap<UnitName, UnitName>,
    clocks: Clocks,
    devices: Devices,
    now: Duration,
    actions: Vec<Action>,
}

impl Manager {
    /// The loaded units.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Says what timers go by. Before the first request.
    pub fn set_clocks(&mut self, clocks: Clocks) {
        self.clocks = clocks;
    }

    /// Replaces the loaded units; what runs, and what waits to run, goes on.
    pub fn set_graph(&mut self, graph: Graph) {
        let old = std::mem::replace(&mut self.graph, graph);
        self.timers_changed(&old);
        // The order of what waits may be another now: no cycle may keep it waiting for ever.
        let cycles = transaction::break_cycles(&self.graph, &self.jobs.keys().collect(), &BTreeSet::new());
        self.given_up = cycles.into_iter().map(|cycle| cycle.given_up).collect();
        self.queue.extend(self.jobs.keys().cloned());
        self.observe();
    }

    /// Forgets a unit that is down and has no job; false where it is not so.
    pub fn forget(&mut self, unit: &UnitName) -> bool {
        if !self.active(unit).is_down() || self.jobs.contains_key(unit) {
            return false;
        }
        self.entries.remove(unit);
        self.graph.remove(unit);
        self.graph.link();
        true
    }

    /// Adds units to those that are loaded, in a graph that has those too.
    pub fn extend_graph(&mut self, graph: Graph) {
        self.graph = graph;
        self.observe();
    }

    /// Asks for a job. Returns its number; [`Action::JobDone`] tells of its end.
    ///
    /// # Errors
    /// The request cannot be met; nothing has changed then.
    pub fn request(
        &mut self,
        unit: &UnitName,
        kind: JobKind,
        now: Duration,
    ) -> Result<(u64, Vec<Action>), PlanError> {
        self.now = now;
        let id = self.enqueue(unit, kind)?;
        self.run();
        Ok((id, std::mem::take(&mut self.actions)))
    }

    /// Asks for a unit to be isolated. Returns the number of its job.
    ///
    /// # Errors
    /// The request cannot be met; nothing has changed then.
    pub fn isolate(&mut self, unit: &UnitName, now: Duration) -> Result<(u64, Vec<Action>), PlanError> {
        self.now = now;
        let id = self.enqueue_isolation(unit)?;
        self.run();
        Ok((id, std::mem::take(&mut self.actions)))
    }

    /// Takes in what happened.
    pub fn next(&mut self, input: Input, now: Duration) -> Vec<Action> {
        self.now = now;
        match input {
            Input::Service(unit, event) => self.tell(&unit, event),
            Input::Socket(unit, event) => self.drive_socket(&unit, event),
            Input::Path(unit, event) => self.drive_path(&unit, event),
            Input::Timer(unit, event) => self.drive_timer(&unit, event),
            Input::ClockSet(wall) => self.clock_set(wall),
            Input::ZoneSet(zone) => self.zone_set(zone),
            Input::Device(file, record) => self.device_changed(file, record.map(|record| *record)),
            Input::Probed(unit, is_there) => self.probed(&unit, is_there),
            Input::Absent(unit) => self.absent(&unit),
            Input::Mounted(places) => {
                self.mounted = places;
                self.observe();
            }
            Input::Swapped(names) => {
                self.swapped = names;
                self.observe();
            }
            Input::Checked(unit, verdict) => self.checked(&unit, verdict),
        }
        self.run();
        std::mem::take(&mut self.actions)
    }

    /// Lets time pass: everything that is due happens.
    pub fn tick(&mut self, now: Duration) -> Vec<Action> {
        self.now = now;
        self.tick_timers();
        let due: Vec<UnitName> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.deadline().is_some_and(|at| at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for unit in due {
            self.tell(&unit, machine::Event::Tick);
        }
        self.end_late_jobs();
        self.run();
        std::mem::take(&mut self.actions)
    }

    /// When [`Manager::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Duration> {
        let jobs = self.jobs.values().filter_map(|job| job.due);
        self.entries.values().filter_map(Entry::deadline).chain(jobs).min()
    }

    /// Brings everything down but `last`, in reverse order. Services that set no stop timeout of
    /// their own have until `by`. No other job is taken from now on. Call it again for what was
    /// to be last.
    pub fn shut_down(&mut self, by: Duration, last: &[UnitName], now: Duration) -> Vec<Action> {
        self.now = now;
        self.shutdown = Some(by);
        let canceled: Vec<UnitName> = self.jobs.keys().cloned().collect();
        for unit in canceled {
            self.finish(&unit, JobResult::Canceled);
        }
        let known: Vec<UnitName> = self.entries.keys().cloned().collect();
        for unit in known {
            if !self.active(&unit).is_down() && !last.contains(&unit) && !self.outlives(&unit, last) {
                self.add_job(&unit, JobKind::Stop);
            }
        }
        // Units of several requests may be in a cycle, which would wait for itself and for nobody else.
        for cycle in self.waiting_cycles() {
            let unit = cycle.given_up.0.clone();
            self.give_up(&unit, vec![cycle]);
        }
        self.run();
        std::mem::take(&mut self.actions)
    }

    /// Whether there is no job.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether a unit has a job.
    pub fn has_job(&self, unit: &UnitName) -> bool {
        self.jobs.contains_key(self.graph.resolve(unit))
    }

    /// Whether a service still is where it asked for a process; other units always are.
    pub fn awaits(&self, unit: &UnitName, role: machine::Role, list: ExecList, index: usize) -> bool {
        self.service_state(unit).is_none_or(|state| state.awaits(role, list, index))
    }

    /// The units that have a job: what is waited for.
    pub fn busy(&self) -> impl Iterator<Item = (&UnitName, JobKind)> {
        // Where none runs, those that wait are all that can be told.
        let none_runs = !self.jobs.values().any(|job| job.running);
        let running = self.jobs.iter().filter(move |(_, job)| job.running || none_runs);
        running.map(|(unit, job)| (unit, job.kind))
    }

    /// The units that have a job, what that is, and how long they may still take at most.
    pub fn waits(&self, now: Duration) -> Vec<(UnitName, JobKind, Option<Duration>)> {
        let left = |unit: &UnitName| {
            let deadline = self.entries.get(unit).and_then(Entry::deadline);
            deadline.map(|deadline| deadline.saturating_sub(now))
        };
        self.busy().map(|(unit, kind)| (unit.clone(), kind, left(unit))).collect()
    }

    /// A unit's state.
    pub fn active(&self, unit: &UnitName) -> Active {
        match self.entries.get(self.graph.resolve(unit)) {
            None if self.graph.get(unit).is_some_and(|unit| unit.is_permanent()) => Active::Active,
            None => Active::Inactive,
            Some(entry) => entry.active(),
        }
    }

    /// A service's state, where it ever had one.
    pub fn service_state(&self, unit: &UnitName) -> Option<&ServiceState> {
        match &self.entries.get(self.graph.resolve(unit))?.state {
            State::Service(state) => Some(state),
            _ => None,
        }
    }

    /// Moves a service on, and sees to what follows.
    fn drive(&mut self, unit: &UnitName, event: machine::Event) {
        let Some(loaded) = self.graph.get(unit).cloned() else {
            return;
        };
        let Kind::Service(config) = &loaded.kind else {
            return;
        };
        let before = self.active(unit);
        // A failed unit that may not start changes no phase, and yet its job has ended.
        let is_refused = event == machine::Event::LimitHit;
        let phase_before = self.service_state(unit).map(|state| state.phase);
        let context = self.context(unit);
        let Some(State::Service(state)) = self.entry(unit).map(|entry| &mut entry.state) else {
            return;
        };
        let (next, actions) = machine::next(config, std::mem::take(&mut **state), event, &context);
        **state = next;
        let mut restart = false;
        for action in actions {
            match action {
                machine::Action::Restart => restart = true,
                other => self.act(unit, other),
            }
        }
        let phase = self.service_state(unit).map(|state| state.phase);
        let rests = phase == Some(Phase::AutoRestart) && phase != phase_before;
        if rests && config.restart_mode == RestartMode::Normal {
            self.passed_through_down(unit, before);
        }
        if is_refused || phase_before != phase {
            self.settle(unit, before);
        }
        if restart
            && self.shutdown.is_none()
            && let Err(error) = self.enqueue(unit, config.restart_mode.job())
        {
            self.drive(unit, machine::Event::RestartRefused(error.to_string()));
        }
    }

    /// The unit's entry, made where there is none.
    fn entry(&mut self, unit: &UnitName) -> Option<&mut Entry> {
        let kind = &self.graph.get(unit)?.kind;
        let state = match kind {
            Kind::Target => State::Target { up: false },
            Kind::Service(_) => State::Service(Box::default()),
            Kind::Socket(_) => State::Socket(Box::default()),
            Kind::Path(_) => State::Path(Box::default()),
            Kind::Timer(_) => State::Timer(Box::default()),
            Kind::Mount(_) => State::Mount(Box::default()),
            Kind::Swap(_) => State::Swap(Box::default()),
            Kind::Slice(_) => State::Slice { up: false },
            Kind::Device(_) => State::Device { up: false },
        };
        let entry = self.entries.entry(unit.clone()).or_insert(Entry {
            state,
            starts: VecDeque::new(),
            times: Times::default(),
        });
        Some(entry)
    }

    /// Sees to what follows from a new state.
    fn settle(&mut self, unit: &UnitName, before: Active) {
        let now = self.now;
        let after = self.active(unit);
        if after != before {
            if let Some(entry) = self.entry(unit) {
                entry.times.changed(before, after, now);
            }
            self.actions.push(Action::Changed(unit.clone(), after));
        }
        let asked = self.jobs.get(unit).filter(|job| job.running).map(|job| job.kind);
        self.settle_job(unit, before, after);
        self.follow(unit, before, after, asked);
        // A job that waited for the unit itself may be able to run.
        if self.jobs.get(unit).is_some_and(|job| !job.running) {
            self.queue.insert(unit.clone());
        }
        self.tell_triggers(unit);
        self.tell_socket_of(unit);
    }

    fn failure_reason(&self, unit: &UnitName) -> String {
        let outcome = self.outcome(unit).map_or_else(String::new, ToString::to_string);
        // What was to be mounted tells more than how a program ended, whose words are in the log.
        match self.graph.get(unit).map(|unit| &unit.kind) {
            Some(Kind::Mount(mount)) => format!("mounting {} on {}: {outcome}", mount.what, mount.place),
            Some(Kind::Swap(swap)) => format!("swap on {}: {outcome}", swap.what),
            _ => outcome,
        }
    }

    /// How a unit's last run went, or its run so far; none for units that cannot fail.
    fn outcome(&self, unit: &UnitName) -> Option<&Outcome> {
        self.entries.get(self.graph.resolve(unit))?.outcome()
    }

    /// Plans a request and adds its jobs.
    fn enqueue(&mut self, unit: &UnitName, kind: JobKind) -> Result<u64, PlanError> {
        let is_up = |name: &UnitName| !self.active(name).is_down() || self.jobs.contains_key(name);
        let transaction = transaction::plan(&self.graph, unit, kind, &is_up)?;
        Ok(self.add_transaction(unit, transaction))
    }

    fn enqueue_isolation(&mut self, unit: &UnitName) -> Result<u64, PlanError> {
        let is_up = |name: &UnitName| !self.active(name).is_down() || self.jobs.contains_key(name);
        let transaction = transaction::plan_isolate(&self.graph, unit, &is_up)?;
        Ok(self.add_transaction(unit, transaction))
    }

    /// Adds the jobs of a plan. Returns the number of the job of the unit that was asked for.
    fn add_transaction(&mut self, unit: &UnitName, transaction: Transaction) -> u64 {
        self.give_up(unit, transaction.cycles);
        for skipped in transaction.skipped {
            self.actions.push(Action::Log(unit.clone(), skipped.to_string()));
        }
        let unit = self.graph.resolve(unit).clone();
        let joins_others = self.jobs.values().any(|job| !job.running);
        for (name, kind) in transaction.jobs {
            // What is up already needs no job; but the one asked for reports its end.
            let is_done = kind == JobKind::Start && self.active(&name).is_up();
            if !is_done || name == unit {
                self.add_job(&name, kind);
            }
        }
        // Jobs of two requests may wait for each other; those of one do not any more, and those that run wait for none.
        if joins_others {
            self.give_up(&unit, self.waiting_cycles());
        }
        self.jobs.get(&unit).map_or(self.last_job, |job| job.id)
    }

    /// The cycles of jobs that wait for each other.
    fn waiting_cycles(&self) -> Vec<Cycle> {
        let waiting = self.jobs.iter().filter(|(_, job)| !job.running).map(|(name, _)| name).collect();
        transaction::break_cycles(&self.graph, &waiting, &self.given_up)
    }

    fn give_up(&mut self, unit: &UnitName, cycles: Vec<Cycle>) {
        for cycle in cycles {
            self.actions.push(Action::Log(unit.clone(), cycle.to_string()));
            // They may have been looked at already, and been found to wait.
            let (later, earlier) = &cycle.given_up;
            self.queue.extend([later.clone(), earlier.clone()]);
            self.given_up.insert(cycle.given_up);
        }
    }
}

impl Entry {
    fn active(&self) -> Active {
        match &self.state {
            State::Target { up } | State::Slice { up } | State::Device { up } => match up {
                true => Active::Active,
                false => Active::Inactive,
            },
            State::Service(state) => state.phase.active(),
            State::Socket(state) => state.phase.active(),
            State::Path(state) => state.phase.active(),
            State::Timer(state) => state.phase.active(),
            State::Mount(state) | State::Swap(state) => state.phase.active(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::Service(state) => state.next_deadline(),
            State::Socket(state) => state.deadline,
            State::Mount(state) | State::Swap(state) => state.deadline,
            State::Timer(state) => state.wake,
            State::Path(_) | State::Target { .. } | State::Slice { .. } | State::Device { .. } => None,
        }
    }

    fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Service(state) => Some(&state.outcome),
            State::Socket(state) => Some(&state.outcome),
            State::Path(state) => Some(&state.outcome),
            State::Timer(state) => Some(&state.outcome),
            State::Mount(state) | State::Swap(state) => Some(&state.outcome),
            State::Target { .. } | State::Slice { .. } | State::Device { .. } => None,
        }
    }

    fn control(&self) -> Option<i32> {
        match &self.state {
            State::Service(state) => state.control,
            State::Socket(state) => state.control,
            State::Mount(state) | State::Swap(state) => state.control,
            State::Path(_)
            | State::Timer(_)
            | State::Target { .. }
            | State::Slice { .. }
            | State::Device { .. } => None,
        }
    }

    /// The phase of a service.
    fn phase(&self) -> Option<Phase> {
        match &self.state {
            State::Service(state) => Some(state.phase),
            _ => None,
        }
    }
}
