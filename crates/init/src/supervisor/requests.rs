//! What clients of the control socket ask.

use event::ShutdownKind;
use sys::machine::monotonic;
use unit::control::{ErrorKind, JobAction, Reply, Request, UnitStatus};
use unit::graph::Graph;
use unit::manager::JobResult;
use unit::service::config::ExecList;
use unit::service::machine::Event;
use unit::transaction::{JobKind, PlanError};
use unit::{UnitName, load};

use super::Supervisor;
use unit_files::Catalog;

impl Supervisor {
    pub(super) fn request(&mut self, client: u32, request: Request) {
        let reply = match request {
            Request::Job { action: JobAction::Start, unit, .. } if shutdown_target(&unit).is_some() => {
                self.control.answer(client, &Reply::Done, &self.poller);
                if let Some(kind) = shutdown_target(&unit) {
                    self.shutdown_request(kind, false);
                }
                return;
            }
            Request::Job { action, unit, wait } => match self.job(client, action, &unit, wait) {
                // The answer comes when the job ends.
                Ok(None) => return,
                Ok(Some(reply)) | Err(reply) => reply,
            },
            Request::Status { unit } => match self.find(&unit) {
                Ok(unit) => Reply::Status { unit: Box::new(self.status(&unit)) },
                Err(reply) => reply,
            },
            Request::List => Reply::List { units: self.manager.statuses() },
            Request::ResetFailed { unit } => self.reset_failed(unit.as_deref()),
            Request::Reload => {
                self.reload_units();
                Reply::Done
            }
            Request::Shutdown { kind, force } => {
                self.control.answer(client, &Reply::Done, &self.poller);
                self.shutdown_request(kind, force);
                return;
            }
        };
        self.control.answer(client, &reply, &self.poller);
    }

    fn shutdown_request(&mut self, kind: ShutdownKind, force: bool) {
        if force {
            self.end_at_once(kind);
        } else {
            self.shut_down(kind, "it was asked for");
        }
    }

    /// Reads a unit's name and loads the unit, if that was not done yet.
    fn find(&mut self, name: &str) -> Result<UnitName, Reply> {
        let unit = UnitName::parse(name)
            .map_err(|reason| Reply::Error { kind: ErrorKind::Invalid, message: reason.to_string() })?;
        if self.manager.graph().get(&unit).is_none() {
            // A file may have come since the folders were listed.
            self.catalog = Catalog::list(&self.options.unit_path);
            let mut graph = self.manager.graph().clone();
            graph.forget_failures();
            self.catalog.load_with_related(&mut graph, &unit, &self.facts.host);
            self.manager.set_graph(graph);
        }
        Ok(unit)
    }

    fn job(
        &mut self,
        client: u32,
        action: JobAction,
        unit: &str,
        wait: bool,
    ) -> Result<Option<Reply>, Reply> {
        let unit = self.find(unit)?;
        let error = |kind, message: String| Reply::Error { kind, message };
        if self.shutdown.is_some() {
            return Err(error(ErrorKind::Failed, "the system is going down".to_owned()));
        }
        let up = !self.manager.active(&unit).is_down();
        let loaded = self.manager.graph().get(&unit).cloned();
        let can_reload = loaded
            .as_ref()
            .and_then(|unit| unit.service())
            .is_some_and(|service| !service.commands.list(ExecList::Reload).is_empty());
        let kind = match action {
            JobAction::Start => JobKind::Start,
            JobAction::Stop => JobKind::Stop,
            JobAction::Restart => JobKind::Restart,
            JobAction::TryRestart if up => JobKind::Restart,
            JobAction::TryRestart => return Ok(Some(Reply::Done)),
            JobAction::ReloadOrRestart if up && can_reload => JobKind::Reload,
            JobAction::ReloadOrRestart => JobKind::Restart,
            JobAction::Reload if !can_reload => {
                return Err(error(ErrorKind::Failed, PlanError::NoReload(unit).to_string()));
            }
            JobAction::Reload if !up => {
                return Err(error(
                    ErrorKind::Failed,
                    format!("{unit} is not active, so it cannot be reloaded"),
                ));
            }
            JobAction::Reload => JobKind::Reload,
        };
        if let Some(loaded) = &loaded {
            let starts = kind != JobKind::Stop && loaded.refuse_manual_start;
            let stops = kind == JobKind::Stop && loaded.refuse_manual_stop;
            if starts || stops {
                let word = if stops { "stopped" } else { "started" };
                return Err(error(ErrorKind::Failed, PlanError::Manual(unit, word).to_string()));
            }
        } else if kind == JobKind::Stop {
            let reason = self.manager.graph().failure(&unit).map_or_else(String::new, ToString::to_string);
            return Err(error(ErrorKind::NotFound, reason));
        }
        match self.manager.request(&unit, kind, monotonic()) {
            Ok((id, actions)) => {
                if wait {
                    self.waiting.insert(id, client);
                }
                self.perform(actions);
                Ok((!wait).then_some(Reply::Done))
            }
            Err(reason) => {
                let missing = matches!(&reason, PlanError::Load { error: load::LoadError::NotFound(_), .. });
                let kind = if missing { ErrorKind::NotFound } else { ErrorKind::Failed };
                Err(error(kind, reason.to_string()))
            }
        }
    }

    /// Answers the client that waits for a job.
    pub(super) fn answer_waiting(&mut self, id: u64, unit: &UnitName, result: &JobResult) {
        let Some(client) = self.waiting.remove(&id) else {
            return;
        };
        let failed = |message: String| Reply::Error { kind: ErrorKind::Failed, message };
        let reply = match result {
            JobResult::Done | JobResult::Skipped(_) => Reply::Done,
            JobResult::Failed(reason) => {
                failed(format!("{unit} failed: {reason}. See systemctl status {unit}, journalctl -u {unit}."))
            }
            JobResult::Dependency(on, reason) => {
                failed(format!("{unit} was not started: it requires {on}, which failed: {reason}"))
            }
            JobResult::Canceled => failed(format!("the job for {unit} was canceled by another request")),
        };
        self.control.answer(client, &reply, &self.poller);
    }

    fn status(&self, unit: &UnitName) -> UnitStatus {
        let mut status = self.manager.status(unit);
        if let Some(usage) = self.cgroups.usage(unit) {
            status.cgroup = Some(usage.path);
            status.memory_bytes = usage.memory_bytes;
            status.tasks = usage.tasks;
            status.cpu_us = usage.cpu_us;
        }
        status
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

    /// Reads every unit that is known anew. What runs goes on, by its new settings.
    fn reload_units(&mut self) {
        self.catalog = Catalog::list(&self.options.unit_path);
        let old = self.manager.graph().clone();
        let mut graph = Graph::default();
        for unit in old.units() {
            self.catalog.load_with_related(&mut graph, &unit.name, &self.facts.host);
            let vanished = graph.get(&unit.name).is_none();
            if vanished && !self.manager.active(&unit.name).is_down() {
                // Its file is gone, or broken now, but it runs: it must still be stopped well.
                graph.insert(unit.as_ref().clone());
            }
        }
        graph.link();
        self.manager.set_graph(graph);
    }
}

/// The targets that stand for the end of the system (systemd.special(7)).
fn shutdown_target(unit: &str) -> Option<ShutdownKind> {
    match unit {
        "poweroff.target" => Some(ShutdownKind::Poweroff),
        "reboot.target" | "ctrl-alt-del.target" => Some(ShutdownKind::Reboot),
        "halt.target" => Some(ShutdownKind::Halt),
        _ => None,
    }
}
