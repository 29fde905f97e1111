//! The life of a socket: `next` takes what happened and says what to do. The steps are those of
//! systemd.socket(5): start-pre, start-post, listening, running, stop-pre, signals, stop-post.
//!
//! All times are readings of the monotonic clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::name::UnitName;
use crate::service::config::{ExecList, KillMode};
use crate::service::exit::{Exit, is_clean};
use crate::service::machine::{self, Context, Role, Whom};
use crate::service::state::{Active, Outcome};
use crate::socket::config::Socket;

/// The step that a socket is at. A number is the place in a list of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Closed.
    #[default]
    Dead,
    /// Closed, and the last run ended badly.
    Failed,
    /// An `ExecStartPre=` runs.
    StartPre(usize),
    /// It is being opened.
    Opening,
    /// Open, and an `ExecStartPost=` runs.
    StartPost(usize),
    /// Waiting for somebody.
    Listening,
    /// The service has it.
    Running,
    /// An `ExecStopPre=` runs.
    StopPre(usize),
    /// The step's command was asked to end.
    StopSignal,
    /// The step's command was killed.
    StopKill,
    /// Closed, and an `ExecStopPost=` runs.
    StopPost(usize),
    /// That was asked to end.
    FinalSignal,
    /// That was killed.
    FinalKill,
}

impl Phase {
    /// The name that `systemctl` shows as the sub-state.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Dead => "dead",
            Phase::Failed => "failed",
            Phase::StartPre(_) => "start-pre",
            Phase::Opening => "start-chown",
            Phase::StartPost(_) => "start-post",
            Phase::Listening => "listening",
            Phase::Running => "running",
            Phase::StopPre(_) => "stop-pre",
            Phase::StopSignal => "stop-pre-sigterm",
            Phase::StopKill => "stop-pre-sigkill",
            Phase::StopPost(_) => "stop-post",
            Phase::FinalSignal => "final-sigterm",
            Phase::FinalKill => "final-sigkill",
        }
    }

    /// What it amounts to.
    pub fn active(self) -> Active {
        match self {
            Phase::Dead => Active::Inactive,
            Phase::Failed => Active::Failed,
            Phase::StartPre(_) | Phase::Opening | Phase::StartPost(_) => Active::Activating,
            Phase::Listening | Phase::Running => Active::Active,
            Phase::StopPre(_)
            | Phase::StopSignal
            | Phase::StopKill
            | Phase::StopPost(_)
            | Phase::FinalSignal
            | Phase::FinalKill => Active::Deactivating,
        }
    }
}

/// A socket's state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SocketState {
    /// The step it is at.
    pub phase: Phase,
    /// The process of the step.
    pub control: Option<i32>,
    /// How the run went so far.
    pub outcome: Outcome,
    /// When the step has taken too long.
    pub deadline: Option<Duration>,
    /// When somebody came, within the limit's window.
    pub triggers: VecDeque<Duration>,
    /// The instances that serve connections, and where these come from.
    pub connections: BTreeMap<UnitName, String>,
    /// Connections that were taken since it was first opened.
    pub accepted: u64,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// Who, for counting: an address without its port, or a user.
    pub source: String,
    /// The rest of the instance's name, for people: addresses and ports, or process and user.
    pub label: String,
}

/// What happened to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What happens to every unit that runs processes.
    Common(machine::Event),
    /// It cannot be started, and why.
    Refused(String),
    /// It is open.
    Opened,
    /// It could not be opened, and why.
    OpenFailed(String),
    /// Somebody came.
    Incoming,
    /// A connection was taken.
    Connection(Peer),
    /// An instance that served a connection is gone, or could not be started.
    ConnectionEnded(UnitName),
    /// The service is coming up, by whoever's wish.
    ServiceUp,
    /// The service went down; whether because it started too often.
    ServiceDown {
        /// It did.
        limit_hit: bool,
    },
    /// The service cannot be started, and why.
    TriggerFailed(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// What is done for every unit that runs processes.
    Common(machine::Action),
    /// Open it; answer with [`Event::Opened`] or [`Event::OpenFailed`].
    Open,
    /// Close it, if it is open.
    Close,
    /// Tell with [`Event::Incoming`] when somebody comes.
    Watch {
        /// Throw away first what has come so far.
        flush: bool,
    },
    /// Tell no more: the service does that.
    Unwatch,
    /// Take a connection; answer with [`Event::Connection`].
    Accept,
    /// Start this instance for the connection.
    Serve(UnitName),
    /// Close the connection, and why.
    Refuse(String),
    /// Start the service.
    Trigger,
}

/// Moves a socket on.
pub fn next(
    config: &Socket,
    state: SocketState,
    event: Event,
    context: &Context,
) -> (SocketState, Vec<Action>) {
    let mut step = Step { config, state, context, actions: Vec::new() };
    step.handle(event);
    (step.state, step.actions)
}

struct Step<'a> {
    config: &'a Socket,
    state: SocketState,
    context: &'a Context,
    actions: Vec<Action>,
}

impl Step<'_> {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Common(event) => self.common(event),
            Event::Refused(reason) if self.is_down() => {
                self.state.outcome = Outcome::Resources(reason);
                self.enter(Phase::Failed, None);
            }
            Event::Opened if self.state.phase == Phase::Opening => self.start_post(0),
            Event::OpenFailed(reason) if self.state.phase == Phase::Opening => {
                self.state.outcome.fail(Outcome::Resources(reason));
                self.stop_post(0);
            }
            Event::Incoming if self.state.phase == Phase::Listening => self.incoming(),
            Event::Connection(peer) => self.connection(&peer),
            Event::ConnectionEnded(instance) => {
                self.state.connections.remove(&instance);
            }
            Event::ServiceUp if self.state.phase == Phase::Listening && !self.config.accept => {
                self.actions.push(Action::Unwatch);
                self.enter(Phase::Running, None);
            }
            Event::ServiceDown { limit_hit: true } if self.is_open() => {
                self.state.outcome.fail(Outcome::TriggeredLimit);
                self.stop_pre(0);
            }
            Event::ServiceDown { limit_hit: false } if self.state.phase == Phase::Running => {
                self.listening(self.config.flush_pending);
            }
            Event::TriggerFailed(reason) if self.is_open() => {
                self.state.outcome.fail(Outcome::Resources(reason));
                self.stop_pre(0);
            }
            _ => {}
        }
    }

    fn common(&mut self, event: machine::Event) {
        match event {
            machine::Event::Start if self.is_down() => {
                self.state.outcome = Outcome::Success;
                self.start_pre(0);
            }
            machine::Event::Stop => self.stop(),
            machine::Event::LimitHit if self.is_down() => {
                self.state.outcome = Outcome::StartLimit;
                self.enter(Phase::Failed, None);
            }
            machine::Event::Reset if self.state.phase == Phase::Failed => {
                self.state.outcome = Outcome::Success;
                self.enter(Phase::Dead, None);
            }
            machine::Event::Spawned(_, pid) => self.state.control = Some(pid),
            machine::Event::SpawnFailed(_, reason) => {
                self.state.outcome.fail(Outcome::Resources(reason));
                self.give_up();
            }
            machine::Event::Exited { pid, exit, .. } if self.state.control == Some(pid) => {
                self.state.control = None;
                self.exited(exit);
            }
            machine::Event::Tick if self.state.deadline.is_some_and(|at| at <= self.context.now) => {
                self.timed_out();
            }
            _ => {}
        }
    }

    fn is_down(&self) -> bool {
        matches!(self.state.phase, Phase::Dead | Phase::Failed)
    }

    fn is_open(&self) -> bool {
        matches!(self.state.phase, Phase::Listening | Phase::Running)
    }

    fn enter(&mut self, phase: Phase, deadline: Option<Duration>) {
        self.state.phase = phase;
        self.state.deadline = deadline;
    }

    /// Runs the command at `index` of a list; false where there is none.
    fn control(&mut self, list: ExecList, index: usize) -> bool {
        let is_there = index < self.config.helper.commands.list(list).len();
        if is_there {
            self.actions.push(Action::Common(machine::Action::Spawn(Role::Control, list, index)));
        }
        is_there
    }

    fn start_pre(&mut self, index: usize) {
        self.enter(Phase::StartPre(index), self.context.start_deadline(&self.config.helper));
        if !self.control(ExecList::StartPre, index) {
            self.enter(Phase::Opening, None);
            self.actions.push(Action::Open);
        }
    }

    fn start_post(&mut self, index: usize) {
        self.enter(Phase::StartPost(index), self.context.start_deadline(&self.config.helper));
        if !self.control(ExecList::StartPost, index) {
            self.listening(false);
        }
    }

    fn listening(&mut self, flush: bool) {
        self.enter(Phase::Listening, None);
        self.actions.push(Action::Watch { flush });
    }

    fn incoming(&mut self) {
        if self.context.shutdown.is_some() {
            // Nothing is started any more.
            self.actions.push(Action::Unwatch);
            return;
        }
        if self.config.trigger_limit.is_hit(&mut self.state.triggers, self.context.now) {
            self.state.outcome.fail(Outcome::TriggerLimit);
            self.stop_pre(0);
        } else if self.config.accept {
            self.actions.push(Action::Accept);
        } else {
            self.actions.push(Action::Unwatch);
            self.enter(Phase::Running, None);
            self.actions.push(Action::Trigger);
        }
    }

    fn connection(&mut self, peer: &Peer) {
        let of_source = self.state.connections.values().filter(|source| **source == peer.source).count();
        let (all, most) = (self.state.connections.len(), self.config.max_connections);
        if self.state.phase != Phase::Listening {
            self.actions.push(Action::Refuse("the socket is not open".to_owned()));
        } else if all >= most {
            self.actions.push(Action::Refuse(format!("there are {all} (MaxConnections=)")));
        } else if self.config.max_per_source.is_some_and(|most| of_source >= most) {
            let text = format!("there are {of_source} of {} (MaxConnectionsPerSource=)", peer.source);
            self.actions.push(Action::Refuse(text));
        } else {
            let number = self.state.accepted;
            self.state.accepted += 1;
            match self.config.service.with_instance(&format!("{number}-{}", peer.label)) {
                Ok(instance) => {
                    self.state.connections.insert(instance.clone(), peer.source.clone());
                    self.actions.push(Action::Serve(instance));
                }
                Err(error) => self.actions.push(Action::Refuse(error.to_string())),
            }
        }
    }

    fn stop(&mut self) {
        match self.state.phase {
            Phase::Listening | Phase::Running => self.stop_pre(0),
            Phase::StartPre(_) | Phase::Opening | Phase::StartPost(_) => self.signal(Phase::StopSignal),
            _ => {}
        }
    }

    fn stop_pre(&mut self, index: usize) {
        self.actions.push(Action::Unwatch);
        self.enter(Phase::StopPre(index), self.context.stop_deadline(&self.config.helper));
        if !self.control(ExecList::Stop, index) {
            self.stop_post(0);
        }
    }

    fn stop_post(&mut self, index: usize) {
        self.actions.push(Action::Close);
        self.enter(Phase::StopPost(index), self.context.stop_deadline(&self.config.helper));
        if !self.control(ExecList::StopPost, index) {
            self.dead();
        }
    }

    fn dead(&mut self) {
        self.state.control = None;
        self.actions.push(Action::Close);
        self.actions.push(Action::Common(machine::Action::Release));
        let phase = if self.state.outcome.is_failure() { Phase::Failed } else { Phase::Dead };
        self.enter(phase, None);
    }

    /// The command of the step ended badly, or could not be run.
    fn give_up(&mut self) {
        match self.state.phase {
            Phase::StopPost(_) | Phase::FinalSignal | Phase::FinalKill => self.dead(),
            _ => self.stop_post(0),
        }
    }

    fn exited(&mut self, exit: Exit) {
        let ended = match self.state.phase {
            Phase::StartPre(index) => Some((ExecList::StartPre, index)),
            Phase::StartPost(index) => Some((ExecList::StartPost, index)),
            Phase::StopPre(index) => Some((ExecList::Stop, index)),
            Phase::StopPost(index) => Some((ExecList::StopPost, index)),
            _ => None,
        };
        let commands = &self.config.helper.commands;
        let command = ended.and_then(|(list, index)| commands.list(list).get(index));
        let ignored = command.is_some_and(|command| command.ignore_failure);
        let clean = ignored || is_clean(exit, false, &self.config.helper.success_status);
        if !clean && ended.is_some() {
            self.state.outcome.fail(Outcome::Exit(exit));
        }
        match (self.state.phase, clean) {
            (Phase::StartPre(index), true) => self.start_pre(index + 1),
            (Phase::StartPost(index), true) => self.start_post(index + 1),
            (Phase::StopPre(index), true) => self.stop_pre(index + 1),
            (Phase::StopPost(index), true) => self.stop_post(index + 1),
            _ => self.give_up(),
        }
    }

    fn timed_out(&mut self) {
        let text = format!("{} took too long", self.state.phase.name());
        self.actions.push(Action::Common(machine::Action::Log(text)));
        self.state.outcome.fail(Outcome::Timeout);
        match self.state.phase {
            Phase::StartPre(_) | Phase::Opening | Phase::StartPost(_) | Phase::StopPre(_) => {
                self.signal(Phase::StopSignal);
            }
            Phase::StopSignal => self.signal(Phase::StopKill),
            Phase::StopPost(_) => self.signal(Phase::FinalSignal),
            Phase::FinalSignal => self.signal(Phase::FinalKill),
            // A process that SIGKILL does not end hangs in the kernel: it is left behind.
            _ => self.give_up(),
        }
    }

    /// Asks the command of the step to end, or makes it.
    fn signal(&mut self, phase: Phase) {
        let kill = &self.config.helper.kill;
        let is_last = matches!(phase, Phase::StopKill | Phase::FinalKill);
        let signal = if is_last { kill.final_signal } else { kill.signal };
        if self.state.control.is_none() {
            self.give_up();
            return;
        }
        let whom = match kill.mode {
            KillMode::ControlGroup => Whom::Group,
            KillMode::Mixed if is_last => Whom::Group,
            _ => Whom::Control,
        };
        self.actions.push(Action::Common(machine::Action::Signal(whom, signal)));
        self.enter(phase, self.context.stop_deadline(&self.config.helper));
    }
}
