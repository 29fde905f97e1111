//! The life of a service: `next` takes what happened and says what to do. The steps are those of
//! systemd.service(5): condition, start-pre, start, start-post, running, stop, signals, stop-post,
//! signals to what is left.
//!
//! All times are readings of the monotonic clock.

mod exits;
mod start;
mod stop;

use std::time::Duration;

use crate::service::config::{ExecList, NotifyAccess, OomPolicy, Service, ServiceType};
use crate::service::exit::Exit;
use crate::service::notify::Notification;
use crate::service::state::{Active, Outcome, Phase, ServiceState};
use crate::text::signal::Signal;
use crate::text::value::Bound;

/// Whether a process is the service itself or one that helps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The service itself.
    Main,
    /// A command before, after or beside it.
    Control,
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// The main process.
    Main,
    /// The process of the step.
    Control,
    /// All in the control group.
    Group,
}

/// What happened to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is to start.
    Start,
    /// It is to stop.
    Stop,
    /// It is to reload.
    Reload,
    /// It has started too often, and must not start.
    LimitHit,
    /// The next start, which was asked for, cannot be, and why.
    RestartRefused(String),
    /// A process that was asked for is there.
    Spawned(Role, i32),
    /// A process that was asked for cannot be had, and why.
    SpawnFailed(Role, String),
    /// The main process runs its program.
    Executed,
    /// The answer to [`Action::FindMain`]: the main process that a forking service left; none where its `PIDFile=` does not
    /// name one yet; or why there is none.
    Main(Result<Option<i32>, String>),
    /// The kernel ended a process of it for want of memory.
    OutOfMemory,
    /// A process ended.
    Exited {
        /// Which.
        pid: i32,
        /// How.
        exit: Exit,
        /// Whether it was the last in the control group.
        emptied: bool,
    },
    /// The control group has no process any more.
    Emptied,
    /// The main process is gone, and nobody tells how it ended: it was a child of another process.
    MainLost,
    /// A process of the service sent a notification.
    Notified(i32, Notification),
    /// Time has passed.
    Tick,
    /// Forget the failure.
    Reset,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Run a command of a list; answer with [`Event::Spawned`] or [`Event::SpawnFailed`].
    Spawn(Role, ExecList, usize),
    /// Send a signal.
    Signal(Whom, Signal),
    /// The next start is due: ask for it.
    Restart,
    /// Find out which process of a forking service is its main one: by its `PIDFile=`, else by being
    /// the only one; answer with [`Event::Main`].
    FindMain,
    /// Nothing of it runs: release what it held.
    Release,
    /// Say this in the log.
    Log(String),
}

/// What the machine looks at besides the service itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Now.
    pub now: Duration,
    /// The system goes down: services that set no time of their own must be gone by then, and
    /// what they leave behind goes with them.
    pub shutdown: Option<Duration>,
    /// The unit has a job to restart: a stop is the first half of it.
    pub restarting: bool,
}

/// How often a forking service's `PIDFile=` is looked for.
const SEEK: Duration = Duration::from_millis(50);
impl Context {
    /// When a step of a unit's start has taken too long.
    pub fn start_deadline(&self, config: &Service) -> Option<Duration> {
        let timeout = config.timeout_start.finite()?;
        Some(self.now.saturating_add(timeout))
    }

    /// When a step of a unit's stop has taken too long.
    pub fn stop_deadline(&self, config: &Service) -> Option<Duration> {
        self.deadline_after(config.timeout_stop, config)
    }

    /// When a step of a stop with this timeout has taken too long.
    pub fn deadline_after(&self, timeout: Bound<Duration>, config: &Service) -> Option<Duration> {
        let own = timeout.finite().map(|timeout| self.now.saturating_add(timeout));
        match self.shutdown {
            Some(by) if !config.timeout_stop_stated => {
                let by = by.max(self.now.saturating_add(LEAST_STOP));
                Some(own.map_or(by, |own| own.min(by)))
            }
            _ => own,
        }
    }
}

/// The least time that a service has to stop when the system goes down.
const LEAST_STOP: Duration = Duration::from_millis(200);

/// Moves a service on.
pub fn next(
    config: &Service,
    state: ServiceState,
    event: Event,
    context: &Context,
) -> (ServiceState, Vec<Action>) {
    let mut step = Step { config, state, context, actions: Vec::new() };
    step.handle(event);
    (step.state, step.actions)
}

/// One call of [`next`].
struct Step<'a> {
    config: &'a Service,
    state: ServiceState,
    context: &'a Context,
    actions: Vec<Action>,
}

impl Step<'_> {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Start => self.start(),
            Event::Stop => self.stop(),
            Event::Reload => self.reload(),
            Event::LimitHit => {
                if matches!(self.state.phase, Phase::Dead | Phase::Failed | Phase::AutoRestart) {
                    self.state.outcome = Outcome::StartLimit;
                    self.enter(Phase::Failed, None);
                }
            }
            Event::RestartRefused(reason) => {
                if self.state.phase == Phase::AutoRestart {
                    self.state.outcome = Outcome::Resources(reason);
                    self.enter(Phase::Failed, None);
                }
            }
            Event::Spawned(role, pid) => {
                self.state.populated = true;
                match role {
                    Role::Main => self.state.main = Some(pid),
                    Role::Control => self.state.control = Some(pid),
                }
                self.spawned(role);
            }
            Event::SpawnFailed(role, reason) => self.spawn_failed(role, reason),
            Event::Executed => {
                if matches!(self.state.phase, Phase::Start(_)) && self.config.kind == ServiceType::Exec {
                    self.start_post(0);
                }
            }
            Event::Exited { pid, exit, emptied } => {
                self.state.populated &= !emptied;
                if self.state.main == Some(pid) {
                    self.main_exited(exit);
                } else if self.state.control == Some(pid) {
                    self.control_exited(exit);
                } else if emptied {
                    self.emptied();
                }
            }
            Event::Emptied => {
                self.state.populated = false;
                self.emptied();
            }
            Event::MainLost => {
                self.actions.push(Action::Log("the main process is gone, how is not known".to_owned()));
                self.main_exited(Exit::Code(0));
            }
            Event::Main(found) => self.main_found(found),
            Event::OutOfMemory => self.out_of_memory(),
            Event::Notified(pid, notification) => self.notified(pid, notification),
            Event::Tick => self.tick(),
            Event::Reset => {
                self.state.restarts = 0;
                if self.state.phase == Phase::Failed {
                    self.state.outcome = Outcome::Success;
                    self.enter(Phase::Dead, None);
                }
            }
        }
    }

    /// Goes to a phase that may last until `deadline`.
    fn enter(&mut self, phase: Phase, deadline: Option<Duration>) {
        self.state.phase = phase;
        self.state.deadline = deadline;
    }

    /// When a step of the start has taken too long.
    fn start_deadline(&self) -> Option<Duration> {
        self.context.start_deadline(self.config)
    }

    /// When a step of the stop has taken too long.
    fn stop_deadline(&self) -> Option<Duration> {
        let aborts = self.state.phase == Phase::StopWatchdog;
        let timeout = self.config.timeout_abort.filter(|_| aborts).unwrap_or(self.config.timeout_stop);
        self.context.deadline_after(timeout, self.config)
    }

    /// Runs the command at `index` of a list as the step's process; false where there is none.
    fn control(&mut self, list: ExecList, index: usize) -> bool {
        let is_there = index < self.config.commands.list(list).len();
        if is_there {
            self.actions.push(Action::Spawn(Role::Control, list, index));
        }
        is_there
    }

    fn notified(&mut self, pid: i32, notification: Notification) {
        let is_main = self.state.main == Some(pid);
        let allowed = match self.config.notify_access {
            NotifyAccess::None => false,
            NotifyAccess::Main => is_main,
            NotifyAccess::Exec => is_main || self.state.control == Some(pid),
            NotifyAccess::All => true,
        };
        if !allowed {
            self.complain(&format!("notification from process {pid} not accepted (NotifyAccess=)"));
            return;
        }
        if let Some(main) = notification.main_pid {
            let is_control = self.state.control == Some(main);
            match notification.main_refused.or(is_control.then_some("it is the control process")) {
                None => self.state.main = Some(main),
                Some(why) => {
                    self.complain(&format!("MAINPID={main} from process {pid} not accepted: {why}"));
                }
            }
        }
        if notification.status.is_some() {
            self.state.status = notification.status;
        }
        if let Some(interval) = notification.watchdog_interval {
            self.state.watchdog = Some(interval).filter(|interval| !interval.is_zero());
            self.feed_watchdog();
        }
        if notification.watchdog {
            self.feed_watchdog();
        }
        if let Some(extension) = notification.extend_timeout {
            let extended = self.context.now.saturating_add(extension);
            // No service keeps the machine up at will.
            let latest = self.context.shutdown.zip(self.config.timeout_stop.finite());
            let extended = latest.map_or(extended, |(by, timeout)| extended.min(by.saturating_add(timeout)));
            if let Some(deadline) = &mut self.state.deadline {
                *deadline = extended.max(*deadline);
            }
        }
        if notification.watchdog_trigger && self.state.watchdog_deadline.is_some() {
            self.watchdog_missed();
        }
        let notifies = matches!(self.config.kind, ServiceType::Notify | ServiceType::NotifyReload);
        if notification.ready && notifies && matches!(self.state.phase, Phase::Start(_)) {
            self.start_post(0);
        }
        // It says by itself that it reads its configuration again, and then that it has.
        let is_main = self.state.main.is_some() && notifies;
        match self.state.phase {
            Phase::Running if notification.reloading && is_main => {
                self.state.reloads_by_itself = true;
                let deadline = self.start_deadline();
                self.enter(Phase::Reload(usize::MAX), deadline);
            }
            Phase::Reload(_) if notification.ready && self.state.reloads_by_itself => {
                self.state.reloads_by_itself = false;
                self.running();
            }
            Phase::Running if notification.stopping && is_main => {
                let deadline = self.stop_deadline();
                self.state.watchdog_deadline = None;
                self.enter(Phase::Stop(usize::MAX), deadline);
            }
            _ => {}
        }
    }

    /// Says in the log what processes of the service can have it say at will.
    fn complain(&mut self, line: &str) {
        self.actions.extend(self.state.complaints.say(line, self.context.now).map(Action::Log));
    }

    fn feed_watchdog(&mut self) {
        let interval = self.state.watchdog;
        if matches!(self.state.phase, Phase::StartPost(_) | Phase::Running | Phase::Reload(_)) {
            self.state.watchdog_deadline = interval.map(|interval| self.context.now.saturating_add(interval));
        }
    }

    fn tick(&mut self) {
        let due = |deadline: Option<Duration>| deadline.is_some_and(|at| at <= self.context.now);
        if due(self.state.seek_due) {
            self.state.seek_due = None;
            if self.state.seeks_main {
                self.actions.push(Action::FindMain);
            }
        }
        if due(self.state.watchdog_deadline) {
            self.watchdog_missed();
        } else if due(self.state.deadline) {
            self.timed_out();
        }
    }

    /// The kernel ended a process of it for want of memory.
    fn out_of_memory(&mut self) {
        if self.state.phase.active().is_down() || self.state.phase == Phase::AutoRestart {
            return;
        }
        let text = "the kernel ended a process of it for want of memory (MemoryMax=, or the machine's)";
        self.actions.push(Action::Log(text.to_owned()));
        if self.config.oom_policy == OomPolicy::Continue {
            return;
        }
        let stops = matches!(self.state.phase.active(), Active::Deactivating);
        self.state.outcome.fail(Outcome::OutOfMemory);
        if !stops {
            self.signal_phase(Phase::StopSignal);
        }
    }

    fn watchdog_missed(&mut self) {
        self.actions.push(Action::Log("the watchdog was not fed in time".to_owned()));
        self.state.outcome.fail(Outcome::Watchdog);
        self.signal_phase(Phase::StopWatchdog);
    }
}
