//! The life of what the kernel holds because a program asked it to: a mount, or swap. A program
//! attaches it (`mount`, `swapon`) and another detaches it, each as a process that may hang
//! without holding anybody up; whether it is there, the kernel's own tables say.
//!
//! `next` takes what happened and says what to do. All times are readings of the monotonic clock.

use std::time::Duration;

use crate::service::config::{ExecList, KillMode, Service};
use crate::service::exit::{Exit, is_clean};
use crate::service::machine::{self, Action, Context, Role, Whom};
use crate::service::state::{Active, Outcome};
use crate::text::signal::Signal;

/// How often in a row it is detached, where several things are mounted at one place.
const DETACH_TRIES: u32 = 32;

/// How often a device that is waited for is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The step that it is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Not there.
    #[default]
    Dead,
    /// Not there, and the last attempt ended badly.
    Failed,
    /// Its device is not there yet.
    Waiting,
    /// The program that attaches it runs.
    Attaching,
    /// That program took too long, or is not wanted any more: it was asked to end.
    AttachSignal,
    /// It was killed.
    AttachKill,
    /// There.
    Attached,
    /// The program that detaches it runs.
    Detaching,
    /// That program took too long: it was asked to end.
    DetachSignal,
    /// It was killed.
    DetachKill,
}

impl Phase {
    /// The names that `systemctl` shows as the sub-state: of a mount, of swap.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Phase::Dead => ("dead", "dead"),
            Phase::Failed => ("failed", "failed"),
            Phase::Waiting => ("waiting", "waiting"),
            Phase::Attaching => ("mounting", "activating"),
            Phase::AttachSignal => ("mounting-sigterm", "activating-sigterm"),
            Phase::AttachKill => ("mounting-sigkill", "activating-sigkill"),
            Phase::Attached => ("mounted", "active"),
            Phase::Detaching => ("unmounting", "deactivating"),
            Phase::DetachSignal => ("unmounting-sigterm", "deactivating-sigterm"),
            Phase::DetachKill => ("unmounting-sigkill", "deactivating-sigkill"),
        }
    }

    /// The sub-state of a mount.
    pub fn mount_name(self) -> &'static str {
        self.names().0
    }

    /// The sub-state of swap.
    pub fn swap_name(self) -> &'static str {
        self.names().1
    }

    /// What it amounts to.
    pub fn active(self) -> Active {
        match self {
            Phase::Dead => Active::Inactive,
            Phase::Failed => Active::Failed,
            Phase::Waiting | Phase::Attaching | Phase::AttachSignal | Phase::AttachKill => Active::Activating,
            Phase::Attached => Active::Active,
            Phase::Detaching | Phase::DetachSignal | Phase::DetachKill => Active::Deactivating,
        }
    }
}

/// The state of a mount or swap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// The step it is at.
    pub phase: Phase,
    /// The program that runs for it.
    pub control: Option<i32>,
    /// Whether the kernel's table has it.
    pub is_present: bool,
    /// How the last start or stop went.
    pub outcome: Outcome,
    /// When the step has taken too long.
    pub deadline: Option<Duration>,
    /// How long its device is waited for.
    patience_ends: Option<Duration>,
    /// A stop was asked for while it was being attached.
    stop_wanted: bool,
    /// How often it was detached in this stop.
    tries: u32,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What happens to every unit that runs processes.
    Common(machine::Event),
    /// Its program was not run, because its device is not there: to be waited for, so long at most.
    Absent(Duration),
    /// The kernel's table has it now, whoever put it there.
    Appeared,
    /// The kernel's table has it no more.
    Vanished,
}

/// Moves a mount or swap on. Its helper's `Start` commands attach it, its `Stop` commands detach it.
pub fn next(
    helper: &Service,
    state: Attachment,
    event: Event,
    context: &Context,
) -> (Attachment, Vec<Action>) {
    let mut step = Step { helper, state, context, actions: Vec::new() };
    step.handle(event);
    (step.state, step.actions)
}

struct Step<'a> {
    helper: &'a Service,
    state: Attachment,
    context: &'a Context,
    actions: Vec<Action>,
}

impl Step<'_> {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Appeared => {
                self.state.is_present = true;
                if self.is_down() || self.state.phase == Phase::Waiting {
                    self.state.outcome = Outcome::Success;
                    self.enter(Phase::Attached, None);
                }
            }
            Event::Vanished => {
                self.state.is_present = false;
                if self.state.phase == Phase::Attached {
                    self.state.outcome = Outcome::Success;
                    self.enter(Phase::Dead, None);
                }
            }
            Event::Absent(patience) if self.state.phase == Phase::Attaching => self.absent(patience),
            Event::Absent(_) => {}
            Event::Common(event) => self.common(event),
        }
    }

    fn absent(&mut self, patience: Duration) {
        let now = self.context.now;
        let until = *self.state.patience_ends.get_or_insert(now.saturating_add(patience));
        if self.state.is_present {
            self.rest();
        } else if until <= now {
            let text = format!("its device did not come within {} s", patience.as_secs());
            self.state.outcome.fail(Outcome::Resources(text));
            self.rest();
        } else {
            self.enter(Phase::Waiting, Some(now.saturating_add(LOOK_INTERVAL).min(until)));
        }
    }

    fn attach(&mut self) {
        self.enter(Phase::Attaching, self.context.start_deadline(self.helper));
        self.run(ExecList::Start);
    }

    fn common(&mut self, event: machine::Event) {
        match event {
            machine::Event::Start => self.start(),
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
                self.rest();
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

    fn enter(&mut self, phase: Phase, deadline: Option<Duration>) {
        self.state.phase = phase;
        self.state.deadline = deadline;
    }

    fn run(&mut self, list: ExecList) {
        self.actions.push(Action::Spawn(Role::Control, list, 0));
    }

    fn start(&mut self) {
        if !self.is_down() {
            return;
        }
        self.state.outcome = Outcome::Success;
        self.state.stop_wanted = false;
        if self.state.is_present {
            self.enter(Phase::Attached, None);
            return;
        }
        self.state.patience_ends = None;
        self.attach();
    }

    fn stop(&mut self) {
        match self.state.phase {
            Phase::Attached => {
                self.state.outcome = Outcome::Success;
                self.state.tries = 0;
                self.detach();
            }
            Phase::Attaching => {
                self.state.stop_wanted = true;
                self.signal(Phase::AttachSignal);
            }
            // The program that attaches it is being ended already.
            Phase::AttachSignal | Phase::AttachKill => self.state.stop_wanted = true,
            Phase::Waiting => {
                self.state.stop_wanted = true;
                self.rest();
            }
            _ => {}
        }
    }

    fn detach(&mut self) {
        self.state.tries += 1;
        self.enter(Phase::Detaching, self.context.stop_deadline(self.helper));
        self.run(ExecList::Stop);
    }

    /// The program of the step ended.
    fn exited(&mut self, exit: Exit) {
        let clean = is_clean(exit, false, &self.helper.success_status);
        if !clean {
            self.state.outcome.fail(Outcome::Exit(exit));
        }
        match self.state.phase {
            Phase::Attaching if clean && !self.state.is_present => {
                let text = "the program ended well, and yet it is not there".to_owned();
                self.state.outcome.fail(Outcome::Resources(text));
                self.rest();
            }
            // Another thing is mounted at the same place below it.
            Phase::Detaching if clean && self.state.is_present && self.state.tries < DETACH_TRIES => {
                self.detach();
            }
            // It went by other hands before the program came to it.
            Phase::Detaching if !self.state.is_present => {
                self.state.outcome = Outcome::Success;
                self.rest();
            }
            _ => self.rest(),
        }
    }

    /// No program runs for it: it is what the kernel's table says.
    fn rest(&mut self) {
        self.state.control = None;
        self.actions.push(Action::Release);
        let stop_wanted = std::mem::take(&mut self.state.stop_wanted);
        if self.state.is_present {
            if stop_wanted {
                self.state.tries = 0;
                self.detach();
            } else {
                self.enter(Phase::Attached, None);
            }
        } else if self.state.outcome.is_failure() && !stop_wanted {
            self.enter(Phase::Failed, None);
        } else {
            self.state.outcome = Outcome::Success;
            self.enter(Phase::Dead, None);
        }
    }

    fn timed_out(&mut self) {
        if self.state.phase == Phase::Waiting {
            self.attach();
            return;
        }
        let name = match self.state.phase {
            Phase::Attaching | Phase::AttachSignal | Phase::AttachKill => "attaching it",
            _ => "detaching it",
        };
        self.actions.push(Action::Log(format!("{name} took too long")));
        self.state.outcome.fail(Outcome::Timeout);
        match self.state.phase {
            Phase::Attaching => self.signal(Phase::AttachSignal),
            Phase::AttachSignal => self.signal(Phase::AttachKill),
            Phase::Detaching => self.signal(Phase::DetachSignal),
            Phase::DetachSignal => self.signal(Phase::DetachKill),
            // A program that SIGKILL does not end hangs in the kernel: it is left behind.
            _ => self.rest(),
        }
    }

    /// Asks the program of the step to end, or makes it.
    fn signal(&mut self, phase: Phase) {
        let kill = &self.helper.kill;
        let signal = match phase {
            Phase::AttachKill | Phase::DetachKill => kill.final_signal,
            _ => kill.signal,
        };
        let is_last = signal == Signal::KILL;
        if self.state.control.is_none() {
            self.rest();
            return;
        }
        let whom = match kill.mode {
            KillMode::ControlGroup => Whom::Group,
            KillMode::Mixed if is_last => Whom::Group,
            _ => Whom::Control,
        };
        self.actions.push(Action::Signal(whom, signal));
        self.enter(phase, self.context.stop_deadline(self.helper));
    }
}
