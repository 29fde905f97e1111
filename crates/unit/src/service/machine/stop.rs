//! From running to dead.

use std::time::Duration;

use super::{Action, Step, Whom};
use crate::service::config::{ExecList, FailureMode, KillMode, Restart};
use crate::service::exit::Exit;
use crate::service::state::{Outcome, Phase};
use crate::text::signal::Signal;

impl Step<'_> {
    pub(super) fn stop(&mut self) {
        self.state.stop_requested = true;
        match self.state.phase {
            Phase::Dead | Phase::Failed => {}
            Phase::AutoRestart => self.enter(Phase::Dead, None),
            Phase::Running | Phase::Exited => self.stop_commands(0),
            Phase::Condition(_)
            | Phase::StartPre(_)
            | Phase::Start(_)
            | Phase::StartPost(_)
            | Phase::Reload(_) => self.signal_phase(Phase::StopSignal),
            // It is stopping. When the system goes down it may have less time than it had.
            _ => {
                if let Some(sooner) = self.stop_deadline()
                    && self.context.shutdown.is_some()
                    && self.state.deadline.is_none_or(|at| at > sooner)
                {
                    self.state.deadline = Some(sooner);
                }
            }
        }
    }

    pub(super) fn stop_commands(&mut self, index: usize) {
        self.state.watchdog_deadline = None;
        let deadline = self.stop_deadline();
        self.enter(Phase::Stop(index), deadline);
        if !self.control(ExecList::Stop, index) {
            self.signal_phase(Phase::StopSignal);
        }
    }

    pub(super) fn stop_post(&mut self, index: usize) {
        let deadline = self.stop_deadline();
        self.enter(Phase::StopPost(index), deadline);
        if !self.control(ExecList::StopPost, index) {
            self.signal_phase(Phase::FinalSignal);
        }
    }

    /// Goes to a phase that begins with a signal, or past it where nobody is there to get it.
    pub(super) fn signal_phase(&mut self, phase: Phase) {
        self.state.watchdog_deadline = None;
        self.state.seeks_main = false;
        self.state.seek_due = None;
        let kill = &self.config.kill;
        let signal = match phase {
            Phase::StopWatchdog => kill.watchdog_signal,
            Phase::StopKill | Phase::FinalKill => kill.final_signal,
            _ if self.context.restarting => kill.restart_signal.unwrap_or(kill.signal),
            _ => kill.signal,
        };
        self.state.phase = phase;
        let deadline = self.stop_deadline();
        self.enter(phase, deadline);
        if self.send(signal, phase) {
            return;
        }
        match phase {
            Phase::StopWatchdog | Phase::StopSignal | Phase::StopKill => self.stop_post(0),
            Phase::FinalSignal if kill.send_sigkill => self.signal_phase(Phase::FinalKill),
            _ => self.dead(),
        }
    }

    /// Signals whom the kill mode names; false where there is nobody.
    fn send(&mut self, signal: Signal, phase: Phase) -> bool {
        let kill = &self.config.kill;
        let last = matches!(phase, Phase::StopKill | Phase::FinalKill);
        let whole_group = match kill.mode {
            KillMode::ControlGroup => true,
            KillMode::Mixed => last,
            // A container runtime leaves its containers running, but not beyond the system.
            KillMode::Process => phase == Phase::FinalKill && self.context.shutdown.is_some(),
            KillMode::None => return false,
        };
        let mut whom = Vec::new();
        if whole_group && self.state.populated {
            whom.push(Whom::Group);
        } else {
            whom.extend(self.state.main.map(|_| Whom::Main));
            whom.extend(self.state.control.map(|_| Whom::Control));
        }
        for whom in &whom {
            self.actions.push(Action::Signal(*whom, signal));
            if kill.send_sighup && phase == Phase::StopSignal {
                self.actions.push(Action::Signal(*whom, Signal::HUP));
            }
        }
        !whom.is_empty()
    }

    /// The control group is empty, or a process of a signal phase has ended.
    pub(super) fn emptied(&mut self) {
        if self.state.main.is_some() || self.state.control.is_some() {
            return;
        }
        match self.state.phase {
            // The last process of a service that lives by its group.
            Phase::Running if self.lives_by_its_group() => self.running(),
            Phase::Start(_) if self.state.seeks_main => self.actions.push(Action::FindMain),
            Phase::StopWatchdog | Phase::StopSignal | Phase::StopKill => self.stop_post(0),
            Phase::FinalSignal | Phase::FinalKill if !self.waits_for_group() => self.dead(),
            _ => {}
        }
    }

    /// Whether what is in the control group beside known processes has been signalled, and must
    /// be waited for.
    fn waits_for_group(&self) -> bool {
        let whole_group = match self.config.kill.mode {
            KillMode::ControlGroup | KillMode::Mixed => true,
            KillMode::Process => self.context.shutdown.is_some(),
            KillMode::None => false,
        };
        whole_group && self.state.populated
    }

    pub(super) fn timed_out(&mut self) {
        let sends_kill = self.config.kill.send_sigkill;
        let phase = self.state.phase;
        if phase == Phase::AutoRestart {
            self.state.deadline = None;
            self.actions.push(Action::Restart);
            return;
        }
        self.actions.push(Action::Log(format!("{} took too long", phase.name())));
        match phase {
            Phase::Reload(_) => {
                if self.state.control.is_some() {
                    self.actions.push(Action::Signal(Whom::Control, Signal::KILL));
                }
                self.state.reload_failure = Some("its reload took too long".to_owned());
                self.running();
            }
            Phase::Running => {
                self.state.outcome.fail(Outcome::Timeout);
                self.stop_commands(0);
            }
            Phase::Condition(_) | Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_) => {
                self.state.outcome.fail(Outcome::Timeout);
                self.signal_phase(first_signal(self.config.timeout_start_mode));
            }
            Phase::Stop(_) => {
                self.state.outcome.fail(Outcome::Timeout);
                self.signal_phase(first_signal(self.config.timeout_stop_mode));
            }
            Phase::StopWatchdog | Phase::StopSignal => {
                self.state.outcome.fail(Outcome::Timeout);
                let aborts = self.config.timeout_stop_mode == FailureMode::Abort;
                if aborts && phase == Phase::StopSignal {
                    self.signal_phase(Phase::StopWatchdog);
                } else if sends_kill {
                    self.signal_phase(Phase::StopKill);
                } else {
                    self.stop_post(0);
                }
            }
            // A process that SIGKILL does not end hangs in the kernel: it is left behind.
            Phase::StopKill => {
                self.state.outcome.fail(Outcome::Timeout);
                self.stop_post(0);
            }
            Phase::StopPost(_) => {
                self.state.outcome.fail(Outcome::Timeout);
                self.signal_phase(Phase::FinalSignal);
            }
            Phase::FinalSignal if sends_kill => {
                self.state.outcome.fail(Outcome::Timeout);
                self.signal_phase(Phase::FinalKill);
            }
            Phase::FinalSignal | Phase::FinalKill => {
                self.state.outcome.fail(Outcome::Timeout);
                self.dead();
            }
            Phase::Dead | Phase::Failed | Phase::Exited | Phase::AutoRestart => {
                self.state.deadline = None;
            }
        }
    }

    /// Nothing of it runs any more, or nothing that could be ended.
    pub(super) fn dead(&mut self) {
        self.state.main = None;
        self.state.control = None;
        self.state.watchdog_deadline = None;
        self.actions.push(Action::Release);
        if self.restarts() {
            let due = self.context.now.saturating_add(self.restart_pause());
            self.enter(Phase::AutoRestart, Some(due));
        } else if self.state.outcome.is_failure() {
            self.enter(Phase::Failed, None);
        } else {
            self.enter(Phase::Dead, None);
        }
    }

    /// How long it rests before its next start: with `RestartSteps=` the pause grows by the same factor
    /// each time, from `RestartSec=` to `RestartMaxDelaySec=`.
    fn restart_pause(&self) -> Duration {
        let (first, steps) = (self.config.restart_sec, self.config.restart_steps);
        match self.config.restart_max_delay.finite() {
            Some(last) if steps > 0 && !first.is_zero() && last > first => {
                let step = f64::from(self.state.restarts.min(steps)) / f64::from(steps);
                let factor = (last.as_secs_f64() / first.as_secs_f64()).powf(step);
                first.mul_f64(factor).min(last)
            }
            _ => first,
        }
    }

    /// Whether it starts again by itself.
    fn restarts(&self) -> bool {
        let outcome = &self.state.outcome;
        let never = self.state.stop_requested
            || self.context.shutdown.is_some()
            || matches!(outcome, Outcome::Condition | Outcome::StartLimit);
        if never {
            return false;
        }
        if let Some(exit) = self.state.main_exit {
            if self.config.restart_prevent.contains(exit) {
                return false;
            }
            if self.config.restart_force.contains(exit) {
                return true;
            }
        }
        let by_signal = matches!(outcome, Outcome::Exit(Exit::Signal(_) | Exit::Dump(_)));
        let by_code = matches!(outcome, Outcome::Exit(Exit::Code(_)));
        match self.config.restart {
            Restart::No => false,
            Restart::Always => true,
            Restart::OnSuccess => !outcome.is_failure(),
            Restart::OnFailure => outcome.is_failure(),
            Restart::OnAbnormal => outcome.is_failure() && !by_code,
            Restart::OnAbort => by_signal,
            Restart::OnWatchdog => *outcome == Outcome::Watchdog,
        }
    }
}

/// The phase that a service which took too long goes to.
fn first_signal(mode: FailureMode) -> Phase {
    match mode {
        FailureMode::Terminate => Phase::StopSignal,
        FailureMode::Abort => Phase::StopWatchdog,
        FailureMode::Kill => Phase::StopKill,
    }
}
