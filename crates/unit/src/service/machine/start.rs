//! From dead to running.

use super::{Action, Role, SEEK, Step, Whom};
use crate::service::config::{ExecList, ServiceType};
use crate::service::state::{Outcome, Phase};

impl Step<'_> {
    pub(super) fn start(&mut self) {
        match self.state.phase {
            Phase::Dead | Phase::Failed => self.state.restarts = 0,
            Phase::AutoRestart => self.state.restarts = self.state.restarts.saturating_add(1),
            // It is up, on its way, or its stop must end first: the job waits for that.
            _ => return,
        }
        self.state.outcome = Outcome::Success;
        self.state.stop_requested = false;
        self.state.main_exit = None;
        self.state.status = None;
        self.state.seeks_main = false;
        self.state.reloads_by_itself = false;
        self.state.running_since = None;
        self.state.watchdog = self.config.watchdog.finite();
        self.condition(0);
    }

    pub(super) fn condition(&mut self, index: usize) {
        let deadline = self.start_deadline();
        self.enter(Phase::Condition(index), deadline);
        if !self.control(ExecList::Condition, index) {
            self.start_pre(0);
        }
    }

    pub(super) fn start_pre(&mut self, index: usize) {
        let deadline = self.start_deadline();
        self.enter(Phase::StartPre(index), deadline);
        if !self.control(ExecList::StartPre, index) {
            self.start_main(0);
        }
    }

    pub(super) fn start_main(&mut self, index: usize) {
        let deadline = self.start_deadline();
        self.enter(Phase::Start(index), deadline);
        if index < self.config.commands.list(ExecList::Start).len() {
            // What a forking service is started by is not the service.
            let forks = self.config.kind == ServiceType::Forking;
            let role = if forks { Role::Control } else { Role::Main };
            self.actions.push(Action::Spawn(role, ExecList::Start, index));
        } else {
            self.start_post(0);
        }
    }

    /// A process that was asked for is there.
    pub(super) fn spawned(&mut self, role: Role) {
        let simple = self.config.kind == ServiceType::Simple;
        if role == Role::Main && simple && matches!(self.state.phase, Phase::Start(_)) {
            self.start_post(0);
        }
    }

    pub(super) fn start_post(&mut self, index: usize) {
        let deadline = self.start_deadline();
        self.enter(Phase::StartPost(index), deadline);
        if index == 0 {
            self.feed_watchdog();
        }
        if !self.control(ExecList::StartPost, index) {
            self.running();
        }
    }

    /// Up, if there is something to be up.
    pub(super) fn running(&mut self) {
        self.state.reloads_by_itself = false;
        let by_group = self.state.populated && self.lives_by_its_group();
        if self.state.outcome.is_failure() {
            self.signal_phase(Phase::StopSignal);
        } else if self.state.main.is_some() || by_group {
            // Its time goes on while it reloads.
            let since = *self.state.running_since.get_or_insert(self.context.now);
            let limit = self.config.runtime_max.finite().map(|limit| since.saturating_add(limit));
            self.enter(Phase::Running, limit);
        } else if self.config.remain_after_exit {
            self.state.watchdog_deadline = None;
            self.enter(Phase::Exited, None);
        } else {
            self.stop_commands(0);
        }
    }

    pub(super) fn reload(&mut self) {
        if matches!(self.state.phase, Phase::Running | Phase::Exited) {
            self.state.reload_failure = None;
            self.reload_commands(0);
        }
    }

    pub(super) fn reload_commands(&mut self, index: usize) {
        let deadline = self.start_deadline();
        self.enter(Phase::Reload(index), deadline);
        if self.control(ExecList::Reload, index) {
            return;
        }
        let notifies = self.config.kind == ServiceType::NotifyReload && self.state.main.is_some();
        if notifies && !self.state.reloads_by_itself {
            self.state.reloads_by_itself = true;
            self.actions.push(Action::Signal(Whom::Main, self.config.reload_signal));
        } else if !notifies {
            self.running();
        }
    }

    /// Whether it is up as long as any process of it is: its main process is not known, or does not
    /// count.
    pub(super) fn lives_by_its_group(&self) -> bool {
        self.config.kind == ServiceType::Forking || self.config.ends_with_group
    }

    /// The process that a forking service was started by has ended well: it is up when its main process
    /// is known.
    pub(super) fn forked(&mut self) {
        self.state.seeks_main = true;
        self.actions.push(Action::FindMain);
    }

    /// Where the search for the main process of a forking service has ended.
    pub(super) fn main_found(&mut self, found: Result<Option<i32>, String>) {
        if !self.state.seeks_main {
            return;
        }
        match found {
            Ok(Some(pid)) => {
                self.state.seeks_main = false;
                self.state.main = Some(pid);
                self.start_post(0);
            }
            // The service has several processes, none of them the main one.
            _ if self.config.pid_file.is_none() => {
                self.state.seeks_main = false;
                self.start_post(0);
            }
            _ if !self.state.populated => {
                self.state.seeks_main = false;
                let reason = found.err().unwrap_or_else(|| "its PIDFile= is not there, or empty".to_owned());
                self.actions.push(Action::Log(reason));
                self.state.outcome.fail(Outcome::Protocol);
                self.signal_phase(Phase::StopSignal);
            }
            // The file comes later, and the right one may.
            _ => {
                if let Err(reason) = found {
                    self.complain(&reason);
                }
                self.state.seek_due = Some(self.context.now.saturating_add(SEEK));
            }
        }
    }
}
