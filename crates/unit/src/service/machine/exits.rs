//! What follows from the end of a process.

use super::{Role, Step};
use crate::service::config::{ExecList, ServiceType};
use crate::service::exit::{Exit, is_clean};
use crate::service::state::{Outcome, Phase};

/// `ExecCondition=` exits with this, or is ended by a signal, where it could not judge.
const CONDITION_FAILED: i32 = 255;

impl Step<'_> {
    /// The main process ended.
    pub(super) fn main_exited(&mut self, exit: Exit) {
        self.state.main = None;
        self.state.main_exit = Some(exit);
        let index = match self.state.phase {
            Phase::Start(index) => index,
            _ => 0,
        };
        let oneshot = self.config.kind == ServiceType::Oneshot;
        let lives_on = self.config.ends_with_group && self.state.populated;
        let ignored = self
            .config
            .commands
            .list(ExecList::Start)
            .get(index)
            .is_some_and(|command| command.ignore_failure);
        let clean = ignored || is_clean(exit, !oneshot, &self.config.success_status);
        let matters = !(lives_on && self.state.phase == Phase::Running);
        if !clean && matters {
            self.state.outcome.fail(Outcome::Exit(exit));
        }
        match self.state.phase {
            Phase::Start(index) => match (clean, self.config.kind) {
                (false, _) => self.signal_phase(Phase::StopSignal),
                (true, ServiceType::Oneshot) => self.start_main(index + 1),
                // It came, ran its program, and went before this was told that it had.
                (true, ServiceType::Exec | ServiceType::Simple) => self.start_post(0),
                (true, ServiceType::Forking) => {}
                (true, ServiceType::Notify | ServiceType::NotifyReload) => {
                    self.state.outcome.fail(Outcome::Protocol);
                    self.signal_phase(Phase::StopSignal);
                }
            },
            Phase::StartPost(_) if !clean => self.signal_phase(Phase::StopSignal),
            Phase::Running if lives_on => {}
            // With its main process gone, what is left of a forking service is no service.
            Phase::Running if !self.config.ends_with_group => self.main_gone(),
            Phase::Running => self.running(),
            // It had said that it would stop.
            Phase::Stop(usize::MAX) => self.signal_phase(Phase::StopSignal),
            Phase::Reload(_) if self.state.reloads_by_itself => self.main_gone(),
            Phase::StopWatchdog
            | Phase::StopSignal
            | Phase::StopKill
            | Phase::FinalSignal
            | Phase::FinalKill => self.emptied(),
            _ => {}
        }
    }

    /// The main process of a service that was up is gone.
    fn main_gone(&mut self) {
        if self.state.outcome.is_failure() {
            self.signal_phase(Phase::StopSignal);
        } else if self.config.remain_after_exit {
            self.state.watchdog_deadline = None;
            self.enter(Phase::Exited, None);
        } else {
            self.stop_commands(0);
        }
    }

    /// The process of the step ended.
    pub(super) fn control_exited(&mut self, exit: Exit) {
        self.state.control = None;
        let ended = self.step_command();
        let ignored = ended.is_some_and(|(list, index)| {
            let command = self.config.commands.list(list).get(index);
            command.is_some_and(|command| command.ignore_failure)
        });
        let clean = ignored || is_clean(exit, false, &self.config.success_status);
        if let Phase::Condition(index) = self.state.phase {
            match exit {
                _ if clean => self.condition(index + 1),
                Exit::Code(code) if code != CONDITION_FAILED => {
                    self.state.outcome = Outcome::Condition;
                    self.signal_phase(Phase::FinalSignal);
                }
                other => {
                    self.state.outcome.fail(Outcome::Exit(other));
                    self.signal_phase(Phase::StopSignal);
                }
            }
            return;
        }
        if let Phase::Reload(index) = self.state.phase {
            // A reload that failed leaves the service as it was.
            if clean {
                self.reload_commands(index.saturating_add(1));
            } else {
                let text = format!("reload failed: {exit}");
                self.actions.push(super::Action::Log(text.clone()));
                self.state.reload_failure = Some(text);
                self.running();
            }
            return;
        }
        if !clean && ended.is_some() {
            self.state.outcome.fail(Outcome::Exit(exit));
        }
        match (self.state.phase, clean) {
            (Phase::Start(_), true) => self.forked(),
            (Phase::Start(_), false) => self.signal_phase(Phase::StopSignal),
            (Phase::StartPre(index), true) => self.start_pre(index + 1),
            (Phase::StartPost(index), true) => self.start_post(index + 1),
            (Phase::Stop(index), true) => self.stop_commands(index + 1),
            (Phase::StopPost(index), true) => self.stop_post(index + 1),
            (Phase::StartPre(_) | Phase::StartPost(_) | Phase::Stop(_), false) => {
                self.signal_phase(Phase::StopSignal);
            }
            (Phase::StopPost(_), false) => self.signal_phase(Phase::FinalSignal),
            _ => self.emptied(),
        }
    }

    /// A process could not be had.
    pub(super) fn spawn_failed(&mut self, role: Role, reason: String) {
        if role == Role::Control && matches!(self.state.phase, Phase::Reload(_)) {
            self.state.reload_failure = Some(format!("reload failed: {reason}"));
            return self.running();
        }
        self.state.outcome.fail(Outcome::Resources(reason));
        match (role, self.state.phase) {
            (_, Phase::StopPost(_)) => self.signal_phase(Phase::FinalSignal),
            _ => self.signal_phase(Phase::StopSignal),
        }
    }

    /// The command that the step's process runs, where that is not the main one.
    fn step_command(&self) -> Option<(ExecList, usize)> {
        let forks = self.config.kind == ServiceType::Forking;
        self.state.command().filter(|(list, _)| *list != ExecList::Start || forks)
    }
}
