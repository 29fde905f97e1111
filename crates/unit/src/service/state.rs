//! Where a service stands.

use std::fmt;
use std::time::Duration;

use crate::service::complaints::Complaints;
use crate::service::config::ExecList;
use crate::service::exit::Exit;
use crate::service::machine::Role;

/// The step that a service is at. A number is the place in a list of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Not running.
    #[default]
    Dead,
    /// Not running, and the last run ended badly.
    Failed,
    /// An `ExecCondition=` runs.
    Condition(usize),
    /// An `ExecStartPre=` runs.
    StartPre(usize),
    /// The main process is there and not ready; of a oneshot, a command runs.
    Start(usize),
    /// An `ExecStartPost=` runs.
    StartPost(usize),
    /// Up.
    Running,
    /// Up without a process (`RemainAfterExit=`).
    Exited,
    /// An `ExecReload=` runs.
    Reload(usize),
    /// An `ExecStop=` runs.
    Stop(usize),
    /// The watchdog's signal was sent.
    StopWatchdog,
    /// The stop signal was sent.
    StopSignal,
    /// The last signal was sent.
    StopKill,
    /// An `ExecStopPost=` runs.
    StopPost(usize),
    /// What is left was sent the stop signal.
    FinalSignal,
    /// What is left was sent the last signal.
    FinalKill,
    /// Waiting for its next start.
    AutoRestart,
}

impl Phase {
    /// The name that `systemctl` shows as the sub-state.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Dead => "dead",
            Phase::Failed => "failed",
            Phase::Condition(_) => "condition",
            Phase::StartPre(_) => "start-pre",
            Phase::Start(_) => "start",
            Phase::StartPost(_) => "start-post",
            Phase::Running => "running",
            Phase::Exited => "exited",
            Phase::Reload(_) => "reload",
            Phase::Stop(_) => "stop",
            Phase::StopWatchdog => "stop-watchdog",
            Phase::StopSignal => "stop-sigterm",
            Phase::StopKill => "stop-sigkill",
            Phase::StopPost(_) => "stop-post",
            Phase::FinalSignal => "final-sigterm",
            Phase::FinalKill => "final-sigkill",
            Phase::AutoRestart => "auto-restart",
        }
    }

    /// What it amounts to.
    pub fn active(self) -> Active {
        match self {
            Phase::Dead => Active::Inactive,
            Phase::Failed => Active::Failed,
            Phase::Condition(_)
            | Phase::StartPre(_)
            | Phase::Start(_)
            | Phase::StartPost(_)
            | Phase::AutoRestart => Active::Activating,
            Phase::Running | Phase::Exited => Active::Active,
            Phase::Reload(_) => Active::Reloading,
            Phase::Stop(_)
            | Phase::StopWatchdog
            | Phase::StopSignal
            | Phase::StopKill
            | Phase::StopPost(_)
            | Phase::FinalSignal
            | Phase::FinalKill => Active::Deactivating,
        }
    }
}

/// What a unit's state amounts to, the same for every type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the active states of systemctl(1)")]
pub enum Active {
    Inactive,
    Failed,
    Activating,
    Active,
    Reloading,
    Deactivating,
}

impl Active {
    /// The name that `systemctl` shows.
    pub fn name(self) -> &'static str {
        match self {
            Active::Inactive => "inactive",
            Active::Failed => "failed",
            Active::Activating => "activating",
            Active::Active => "active",
            Active::Reloading => "reloading",
            Active::Deactivating => "deactivating",
        }
    }

    /// Whether the unit is up.
    pub fn is_up(self) -> bool {
        matches!(self, Active::Active | Active::Reloading)
    }

    /// Whether nothing of the unit runs.
    pub fn is_down(self) -> bool {
        matches!(self, Active::Inactive | Active::Failed)
    }
}

/// How the last run went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Well.
    #[default]
    Success,
    /// A process ended badly.
    Exit(Exit),
    /// A step took too long.
    Timeout,
    /// The service did not feed its watchdog.
    Watchdog,
    /// It started too often.
    StartLimit,
    /// The kernel ended a process of it for want of memory.
    OutOfMemory,
    /// What it waits for came too often (`TriggerLimitBurst=`).
    TriggerLimit,
    /// The unit that it starts started too often.
    TriggeredLimit,
    /// Its main process ended before it said that it was ready.
    Protocol,
    /// `ExecCondition=` said not to run it.
    Condition,
    /// It could not be run at all.
    Resources(String),
}

impl Outcome {
    /// Whether it counts as a failure.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Outcome::Success | Outcome::Condition)
    }

    /// Keeps the first failure: what follows it is its consequence.
    pub fn fail(&mut self, outcome: Outcome) {
        if !self.is_failure() {
            *self = outcome;
        }
    }

    /// The word that `systemctl show -p Result` gives.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Exit(Exit::Code(_)) => "exit-code",
            Outcome::Exit(Exit::Signal(_)) => "signal",
            Outcome::Exit(Exit::Dump(_)) => "core-dump",
            Outcome::Timeout => "timeout",
            Outcome::Watchdog => "watchdog",
            Outcome::StartLimit => "start-limit-hit",
            Outcome::OutOfMemory => "oom-kill",
            Outcome::TriggerLimit => "trigger-limit-hit",
            Outcome::TriggeredLimit => "service-start-limit-hit",
            Outcome::Protocol => "protocol",
            Outcome::Condition => "exec-condition",
            Outcome::Resources(_) => "resources",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Exit(exit) => write!(f, "{exit}"),
            Outcome::Protocol => f.write_str("protocol (it ended before it was ready)"),
            Outcome::Resources(reason) => write!(f, "resources ({reason})"),
            other => f.write_str(other.word()),
        }
    }
}

/// A service's state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceState {
    /// The step it is at.
    pub phase: Phase,
    /// The main process.
    pub main: Option<i32>,
    /// The process of the step, where that is not the main one.
    pub control: Option<i32>,
    /// Whether there are processes in its control group.
    pub populated: bool,
    /// How the main process ended last.
    pub main_exit: Option<Exit>,
    /// How the run went so far.
    pub outcome: Outcome,
    /// When the step has taken too long, or the next start is due.
    pub deadline: Option<Duration>,
    /// How often the watchdog must be fed.
    pub watchdog: Option<Duration>,
    /// When the watchdog must have been fed.
    pub watchdog_deadline: Option<Duration>,
    /// What the service last said of itself.
    pub status: Option<String>,
    /// A stop was asked for: no automatic restart.
    pub stop_requested: bool,
    /// Automatic restarts since the last start that was asked for.
    pub restarts: u32,
    /// It said that it reloads, and will say when it has.
    pub reloads_by_itself: bool,
    /// Why its last reload failed.
    pub reload_failure: Option<String>,
    /// Since when it is up, where its time is limited (`RuntimeMaxSec=`).
    pub running_since: Option<Duration>,
    /// The main process of a forking service is still to be found.
    pub seeks_main: bool,
    /// When that is looked for again.
    pub seek_due: Option<Duration>,
    /// What was said of things that its processes can do at will.
    pub complaints: Complaints,
}

impl ServiceState {
    /// When something is due, whatever it is.
    pub fn next_deadline(&self) -> Option<Duration> {
        [self.deadline, self.watchdog_deadline, self.seek_due].into_iter().flatten().min()
    }

    /// The command of its step: list, and place in it.
    pub fn command(&self) -> Option<(ExecList, usize)> {
        match self.phase {
            Phase::Condition(at) => Some((ExecList::Condition, at)),
            Phase::StartPre(at) => Some((ExecList::StartPre, at)),
            Phase::Start(at) => Some((ExecList::Start, at)),
            Phase::StartPost(at) => Some((ExecList::StartPost, at)),
            Phase::Reload(at) => Some((ExecList::Reload, at)),
            Phase::Stop(at) => Some((ExecList::Stop, at)),
            Phase::StopPost(at) => Some((ExecList::StopPost, at)),
            _ => None,
        }
    }

    /// Whether it still is at the step for which it asked for this process.
    pub fn awaits(&self, role: Role, list: ExecList, index: usize) -> bool {
        let has_it = role == Role::Main && self.main.is_some();
        !has_it && self.command() == Some((list, index))
    }

    /// Whether its pause before the next start is over, and only the job for that will bring it on.
    pub fn awaits_restart(&self) -> bool {
        self.phase == Phase::AutoRestart && self.deadline.is_none()
    }
}
