//! The life of a path unit: `next` takes what happened and says what to do.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::StartLimit;
use crate::path::Path;
use crate::service::state::{Active, Outcome};

/// The step that a path unit is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Not watching.
    #[default]
    Dead,
    /// Not watching, because something went wrong.
    Failed,
    /// Watching.
    Waiting,
    /// The unit that it starts runs: nothing is watched until that ends.
    Running,
}

impl Phase {
    /// The name that `systemctl` shows as the sub-state.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Dead => "dead",
            Phase::Failed => "failed",
            Phase::Waiting => "waiting",
            Phase::Running => "running",
        }
    }

    /// What it amounts to.
    pub fn active(self) -> Active {
        match self {
            Phase::Dead => Active::Inactive,
            Phase::Failed => Active::Failed,
            Phase::Waiting | Phase::Running => Active::Active,
        }
    }
}

/// A path unit's state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathState {
    /// The step it is at.
    pub phase: Phase,
    /// How the run went so far.
    pub outcome: Outcome,
    /// When it started its unit, within the limit's window.
    pub triggers: VecDeque<Duration>,
}

/// What happened to a path unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is to start.
    Start,
    /// It is to stop.
    Stop,
    /// It has started too often.
    LimitHit,
    /// Forget the failure.
    Reset,
    /// Somebody looked, for [`Action::Watch`] or because the kernel told of a change: the path
    /// that met its test, if any; or why nothing can be watched.
    Looked(Result<Option<String>, String>),
    /// The unit that it starts came up, by whoever's wish.
    UnitUp,
    /// That unit went down; whether because it started too often.
    UnitDown {
        /// It did.
        limit_hit: bool,
    },
    /// That unit cannot be started, and why.
    TriggerFailed(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Watch the paths and look at them; answer with [`Event::Looked`]. The first time, what has
    /// changed since before is nothing.
    Watch {
        /// It is the first time.
        first: bool,
    },
    /// Watch no more.
    Unwatch,
    /// Start the unit: this path met its test.
    Trigger(String),
}

/// The limit where a unit has switched its own off. What it waits for may be there still when a condition of the
/// unit that it starts does not hold: these two would then go round and do nothing else.
const LAST_LIMIT: StartLimit = StartLimit { interval: Duration::from_secs(1), burst: 1000 };

/// Moves a path unit on.
pub fn next(config: &Path, mut state: PathState, event: Event, now: Duration) -> (PathState, Vec<Action>) {
    let mut actions = Vec::new();
    let is_up = matches!(state.phase, Phase::Waiting | Phase::Running);
    match event {
        Event::Start if !is_up => {
            state.outcome = Outcome::Success;
            state.phase = Phase::Waiting;
            actions.push(Action::Watch { first: true });
        }
        Event::Stop if is_up => {
            state.phase = Phase::Dead;
            actions.push(Action::Unwatch);
        }
        Event::LimitHit if !is_up => {
            state.outcome = Outcome::StartLimit;
            state.phase = Phase::Failed;
        }
        Event::Reset if state.phase == Phase::Failed => {
            state.outcome = Outcome::Success;
            state.phase = Phase::Dead;
        }
        Event::Looked(Ok(Some(path))) if state.phase == Phase::Waiting => {
            actions.push(Action::Unwatch);
            let limit = Some(config.trigger_limit).filter(|limit| limit.is_set()).unwrap_or(LAST_LIMIT);
            if limit.is_hit(&mut state.triggers, now) {
                state.outcome = Outcome::TriggerLimit;
                state.phase = Phase::Failed;
            } else {
                state.phase = Phase::Running;
                actions.push(Action::Trigger(path));
            }
        }
        Event::Looked(Err(reason)) | Event::TriggerFailed(reason) if is_up => {
            state.outcome = Outcome::Resources(reason);
            state.phase = Phase::Failed;
            actions.push(Action::Unwatch);
        }
        Event::UnitUp if state.phase == Phase::Waiting => {
            state.phase = Phase::Running;
            actions.push(Action::Unwatch);
        }
        Event::UnitDown { limit_hit: true } if is_up => {
            state.outcome = Outcome::TriggeredLimit;
            state.phase = Phase::Failed;
            actions.push(Action::Unwatch);
        }
        Event::UnitDown { limit_hit: false } if state.phase == Phase::Running => {
            state.phase = Phase::Waiting;
            actions.push(Action::Watch { first: false });
        }
        _ => {}
    }
    (state, actions)
}
