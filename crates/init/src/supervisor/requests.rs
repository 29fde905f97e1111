//! What clients of the control socket ask.

use std::time::Duration;

use event::ShutdownKind;
use sys::machine::monotonic;
use unit::control::{
    ErrorKind, JobAction, KillWhom, ManagerStatus, Reply, Request, UNITS_MAX, UnitError, UnitStatus,
};
use unit::graph::Graph;
use unit::manager::{Action, JobResult, SystemFacts, SystemState, relations};
use unit::service::machine::Event;
use unit::transaction::{JobKind, PlanError};
use unit::{UnitName, load, show};

use super::{Stage, Supervisor};
use unit_files::Catalog;

/// The targets in which a person mends the system.
const MAINTENANCE: [&str; 2] = ["rescue.target", "emergency.target"];

/// A job's number, and what follows from asking for it.
type Asked = (u64, Vec<Action>);

impl Supervisor {
    pub(super) fn request(&mut self, client: u32, request: Request) {
        let reply = match request {
            Request::Job { action, units, wait } => {
                match shutdown_target(action, &units) {
                    Some(kind) => self.begin_shutdown(client, kind, false),
                    None => self.jobs(client, action, &units, wait),
                }
                // It is answered, or will be when the jobs end.
                return;
            }
            Request::Shutdown { kind, force } => {
                self.begin_shutdown(client, kind, force);
                return;
            }
            Request::Await { unit } => match self.await_end(client, &unit) {
                Ok(None) => return,
                Ok(Some(reply)) | Err(reply) => reply,
            },
            Request::Status { unit } => self
                .look(&unit)
                .map(|(unit, graph)| Reply::Status { unit: Box::new(self.status(graph.as_ref(), &unit)) })
                .unwrap_or_else(|reply| reply),
            Request::Show { unit } => self.show(&unit).unwrap_or_else(|reply| reply),
            Request::List => Reply::List { units: self.manager.statuses() },
            Request::Jobs => Reply::Jobs { jobs: self.manager.jobs() },
            Request::Relations { units } => self.relations(&units).unwrap_or_else(|reply| reply),
            Request::Manager => Reply::Manager { manager: Box::new(self.manager_status()) },
            Request::Kill { unit, whom, signal } => {
                self.kill(&unit, whom, signal).unwrap_or_else(|reply| reply)
            }
            Request::ResetFailed { unit } => self.reset_failed(unit.as_deref()),
            Request::Reload => {
                self.reload_units();
                Reply::Done
            }
            Request::Tell { event } => {
                self.reporter.event(event);
                Reply::Done
            }
        };
        self.answer(client, &reply);
    }

    pub(super) fn answer(&mut self, client: u32, reply: &Reply) {
        self.control.answer(client, reply, &self.poller, monotonic());
    }

    fn begin_shutdown(&mut self, client: u32, kind: ShutdownKind, force: bool) {
        self.answer(client, &Reply::Done);
        if force {
            self.end_at_once(kind);
        } else {
            self.shut_down(kind, "it was asked for");
        }
    }

    /// Reads a unit's name and loads the unit, if that was not done yet.
    fn find(&mut self, name: &str) -> Result<UnitName, Reply> {
        let unit = parse(name)?;
        if self.manager.graph().get(&unit).is_none() {
            let graph = self.graph_with(&unit);
            self.manager.set_graph(graph);
        }
        Ok(self.manager.graph().resolve(&unit).clone())
    }

    /// Reads a unit's name for somebody who only looks. A unit that is not loaded is, into a copy
    /// of what is loaded: looking changes nothing, and takes no room for longer.
    fn look(&mut self, name: &str) -> Result<(UnitName, Option<Graph>), Reply> {
        let unit = parse(name)?;
        let other = match self.manager.graph().get(&unit) {
            Some(_) => None,
            None => Some(self.graph_with(&unit)),
        };
        let graph = other.as_ref().unwrap_or(self.manager.graph());
        Ok((graph.resolve(&unit).clone(), other))
    }

    /// The loaded units, and another with what that names.
    fn graph_with(&mut self, unit: &UnitName) -> Graph {
        // A file may have come since the folders were listed.
        self.catalog = Catalog::list(&self.options.unit_path).with_mounts(init_io::tables::mounted);
        let mut graph = self.manager.graph().clone();
        graph.forget_failures();
        self.catalog.load_with_related(&mut graph, unit, &self.facts.host);
        graph
    }

    /// Asks for jobs, and answers when they have ended, or at once where the client does not wait.
    fn jobs(&mut self, client: u32, action: JobAction, units: &[String], wait: bool) {
        if units.is_empty() || units.len() > UNITS_MAX {
            let message = format!("name 1 to {UNITS_MAX} units");
            self.answer(client, &Reply::Error { kind: ErrorKind::Invalid, message });
            return;
        }
        self.waiting.begin(client, units.len());
        for unit in units {
            match self.job(action, unit) {
                Ok(None) => {}
                Ok(Some((id, actions))) => {
                    if wait {
                        self.waiting.expect(client, id);
                    }
                    self.perform(actions);
                }
                Err((kind, message)) => {
                    self.note_rest(unit);
                    self.waiting.refused(client, UnitError { unit: unit.clone(), kind, message });
                }
            }
        }
        if let Some(reply) = self.waiting.seal(client) {
            self.answer(client, &reply);
        }
    }

    /// Asks the manager for a job; none where nothing is to be done.
    fn job(&mut self, action: JobAction, unit: &str) -> Result<Option<Asked>, (ErrorKind, String)> {
        let failed = |message: String| Err((ErrorKind::Failed, message));
        let unit = self.find(unit).map_err(kind_and_message)?;
        if self.shutdown.is_some() {
            return failed("the system is going down".to_owned());
        }
        let up = !self.manager.active(&unit).is_down();
        let loaded = self.manager.graph().get(&unit).cloned();
        let can_reload = loaded.as_ref().and_then(|unit| unit.service()).is_some_and(show::can_reload);
        let kind = match action {
            JobAction::Start | JobAction::Isolate => JobKind::Start,
            JobAction::Stop => JobKind::Stop,
            JobAction::Restart => JobKind::Restart,
            JobAction::TryRestart | JobAction::TryReloadOrRestart if !up => return Ok(None),
            JobAction::ReloadOrRestart | JobAction::TryReloadOrRestart if up && can_reload => JobKind::Reload,
            JobAction::TryRestart | JobAction::ReloadOrRestart | JobAction::TryReloadOrRestart => {
                JobKind::Restart
            }
            JobAction::Reload if loaded.is_some() && !can_reload => {
                return failed(PlanError::NoReload(unit).to_string());
            }
            JobAction::Reload if loaded.is_some() && !up => {
                return failed(format!("{unit} is not active, so it cannot be reloaded"));
            }
            JobAction::Reload => JobKind::Reload,
        };
        if let Some(loaded) = &loaded {
            let starts = matches!(kind, JobKind::Start | JobKind::Restart) && loaded.refuse_manual_start;
            let stops = kind == JobKind::Stop && loaded.refuse_manual_stop;
            if starts || stops {
                let word = if stops { "stopped" } else { "started" };
                return failed(PlanError::Manual(unit, word).to_string());
            }
        } else if kind == JobKind::Stop {
            let reason = self.manager.graph().failure(&unit).map_or_else(String::new, ToString::to_string);
            return Err((ErrorKind::NotFound, reason));
        }
        let asked = match action {
            JobAction::Isolate => self.manager.isolate(&unit, monotonic()),
            _ => self.manager.request(&unit, kind, monotonic()),
        };
        asked.map(Some).map_err(|reason| {
            let missing = matches!(&reason, PlanError::Load { error: load::LoadError::NotFound(_), .. });
            (if missing { ErrorKind::NotFound } else { ErrorKind::Failed }, reason.to_string())
        })
    }

    /// Answers the clients that wait for a job.
    pub(super) fn answer_waiting(&mut self, id: u64, unit: &UnitName, result: &JobResult) {
        let message = match result {
            JobResult::Done | JobResult::Skipped(_) => None,
            JobResult::Failed(reason) => {
                Some(format!("{unit} failed: {reason}. See systemctl status {unit}, journalctl -u {unit}."))
            }
            JobResult::Dependency(on, reason) => {
                Some(format!("{unit} was not started: it requires {on}, which failed: {reason}"))
            }
            JobResult::Canceled => Some(format!("the job for {unit} was canceled by another request")),
        };
        let error =
            message.map(|message| UnitError { unit: unit.to_string(), kind: ErrorKind::Job, message });
        for (client, reply) in self.waiting.ended(id, error.as_ref()) {
            self.answer(client, &reply);
        }
    }

    /// Answers with a unit's status once nothing of it runs; now, where nothing does.
    fn await_end(&mut self, client: u32, unit: &str) -> Result<Option<Reply>, Reply> {
        let (unit, graph) = self.look(unit)?;
        if self.manager.active(&unit).is_down() {
            return Ok(Some(Reply::Status { unit: Box::new(self.status(graph.as_ref(), &unit)) }));
        }
        self.awaited.push((unit, client));
        Ok(None)
    }

    /// A unit is down: answers those that wait for that.
    pub(super) fn answer_awaiting(&mut self, unit: &UnitName) {
        if !self.awaited.iter().any(|(awaited, _)| awaited == unit) {
            return;
        }
        let reply = Reply::Status { unit: Box::new(self.status(None, unit)) };
        let (told, rest) = std::mem::take(&mut self.awaited).into_iter().partition(|(of, _)| of == unit);
        self.awaited = rest;
        let told: Vec<(UnitName, u32)> = told;
        for (_, client) in told {
            self.answer(client, &reply);
        }
    }

    /// Forgets clients that have gone.
    pub(super) fn forget_clients(&mut self) {
        for client in self.control.take_gone() {
            self.waiting.gone(client);
            self.awaited.retain(|(_, awaiting)| *awaiting != client);
        }
    }

    /// What is known of a unit, by the loaded units or by those that were looked at.
    fn status(&self, graph: Option<&Graph>, unit: &UnitName) -> UnitStatus {
        let mut status = self.manager.status_in(graph.unwrap_or(self.manager.graph()), unit);
        if let Some(usage) = self.cgroups.usage(unit) {
            status.cgroup = Some(usage.path);
            status.memory_bytes = usage.memory_bytes;
            status.tasks = usage.tasks;
            status.cpu_us = usage.cpu_us;
        }
        status
    }

    fn show(&mut self, unit: &str) -> Result<Reply, Reply> {
        let (unit, other) = self.look(unit)?;
        let graph = other.as_ref().unwrap_or(self.manager.graph());
        let properties = graph.get(&unit).map(|unit| show::properties(unit, graph)).unwrap_or_default();
        Ok(Reply::Show { unit: Box::new(self.status(Some(graph), &unit)), properties })
    }

    /// How units relate. One alone is looked for; of several those that are loaded count.
    fn relations(&mut self, units: &[String]) -> Result<Reply, Reply> {
        if let [unit] = units {
            let (unit, other) = self.look(unit)?;
            let graph = other.as_ref().unwrap_or(self.manager.graph());
            return Ok(Reply::Relations { units: relations(graph, &unit).into_iter().collect() });
        }
        let graph = self.manager.graph();
        let names = units.iter().take(UNITS_MAX).filter_map(|unit| UnitName::parse(unit).ok());
        Ok(Reply::Relations { units: names.filter_map(|unit| relations(graph, &unit)).collect() })
    }

    fn manager_status(&self) -> ManagerStatus {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let is_up = |name: &str| UnitName::parse(name).is_ok_and(|unit| self.manager.active(&unit).is_up());
        let failed = self.manager.failed_count();
        let facts = SystemFacts {
            stopping: self.shutdown.is_some(),
            booted: !matches!(self.stage, Stage::Booting(_)),
            basic: is_up("basic.target"),
            maintenance: matches!(self.stage, Stage::Emergency(_))
                || self.failing.is_some()
                || MAINTENANCE.into_iter().any(is_up),
            failed,
        };
        ManagerStatus {
            version: crate::machine::version(),
            state: SystemState::of(&facts).name().to_owned(),
            container: self.options.container,
            units: self.manager.graph().units().count(),
            failed,
            jobs: self.manager.jobs().len(),
            target: self.manager.graph().resolve(&self.options.target).to_string(),
            unit_path: self.options.unit_path.iter().map(|path| path.display().to_string()).collect(),
            transient: self.options.transient().display().to_string(),
            initramfs_us: micros(self.stage_1_began()),
            userspace_us: micros(self.started),
            finished_us: micros(self.reached_at.unwrap_or_default()),
        }
    }

    fn kill(&mut self, unit: &str, whom: KillWhom, signal: i32) -> Result<Reply, Reply> {
        let error = |kind, message: String| Reply::Error { kind, message };
        if !(1..=64).contains(&signal) {
            return Err(error(ErrorKind::Invalid, format!("there is no signal {signal}")));
        }
        let unit = self.find(unit)?;
        if self.manager.graph().get(&unit).is_none() {
            let reason = self.manager.graph().failure(&unit).map_or_else(String::new, ToString::to_string);
            return Err(error(ErrorKind::NotFound, reason));
        }
        let state = self.manager.service_state(&unit);
        let (pid, word) = match whom {
            KillWhom::All => {
                self.cgroups.signal(&unit, &[signal], monotonic());
                return Ok(Reply::Done);
            }
            KillWhom::Main => (state.and_then(|state| state.main), "main"),
            KillWhom::Control => (state.and_then(|state| state.control), "control"),
        };
        let pid =
            pid.ok_or_else(|| error(ErrorKind::Failed, format!("{unit} has no {word} process to kill")))?;
        sys::signal::send(pid, signal).map(|()| Reply::Done).map_err(|reason| {
            error(ErrorKind::Failed, format!("cannot signal process {pid} of {unit}: {reason}"))
        })
    }

    fn reset_failed(&mut self, unit: Option<&str>) -> Reply {
        let units: Vec<UnitName> = match unit {
            Some(unit) => match self.find(unit) {
                Ok(unit) => vec![unit],
                Err(reply) => return reply,
            },
            None => self.manager.graph().units().map(|unit| unit.name.clone()).collect(),
        };
        for unit in units {
            self.tell(unit, Event::Reset);
        }
        Reply::Done
    }
}

fn parse(name: &str) -> Result<UnitName, Reply> {
    UnitName::parse(name)
        .map_err(|reason| Reply::Error { kind: ErrorKind::Invalid, message: reason.to_string() })
}

fn kind_and_message(reply: Reply) -> (ErrorKind, String) {
    match reply {
        Reply::Error { kind, message } => (kind, message),
        other => (ErrorKind::Failed, format!("{other:?}")),
    }
}

/// The end of the system that starting one of these targets stands for (systemd.special(7)).
fn shutdown_target(action: JobAction, units: &[String]) -> Option<ShutdownKind> {
    let [unit] = units else {
        return None;
    };
    if !matches!(action, JobAction::Start | JobAction::Isolate) {
        return None;
    }
    match unit.as_str() {
        "poweroff.target" => Some(ShutdownKind::Poweroff),
        "reboot.target" | "ctrl-alt-del.target" => Some(ShutdownKind::Reboot),
        "halt.target" => Some(ShutdownKind::Halt),
        _ => None,
    }
}
