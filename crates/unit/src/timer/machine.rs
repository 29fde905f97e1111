//! The life of a timer unit: `next` takes what happened and says what to do.

use std::collections::BTreeSet;
use std::time::Duration;

use calendar::{Fixed, Zone};

use crate::name::UnitName;
use crate::service::state::{Active, Outcome};
use crate::timer::clocks::Clocks;
use crate::timer::{Base, Elapse, Timer};

/// The step that a timer is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It does not run.
    #[default]
    Dead,
    /// Neither, because something went wrong.
    Failed,
    /// It is going to elapse.
    Waiting,
    /// It has elapsed, and the unit that it starts runs.
    Running,
    /// It has, and will not any more.
    Elapsed,
}

impl Phase {
    /// The name that `systemctl` shows as the sub-state.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Dead => "dead",
            Phase::Failed => "failed",
            Phase::Waiting => "waiting",
            Phase::Running => "running",
            Phase::Elapsed => "elapsed",
        }
    }

    /// What it amounts to.
    pub fn active(self) -> Active {
        match self {
            Phase::Dead => Active::Inactive,
            Phase::Failed => Active::Failed,
            Phase::Waiting | Phase::Running | Phase::Elapsed => Active::Active,
        }
    }
}

/// A timer's state. Moments are of the clock on the wall, or else of the monotonic one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimerState {
    /// The step it is at.
    pub phase: Phase,
    /// How the run went so far.
    pub outcome: Outcome,
    /// When it was started, by both clocks: the monotonic, the wall's.
    started: (Duration, Duration),
    /// When it last elapsed, by the wall's clock; of a persistent timer also before this boot.
    pub last: Option<Duration>,
    /// When it last elapsed in this boot.
    pub last_monotonic: Option<Duration>,
    /// The calendar's moment that it is waiting for, without delays.
    planned: Option<Duration>,
    /// The one that it last waited for and that came. With the clock put back, that one comes again.
    served: Option<Duration>,
    /// Spans that come once, and have.
    spent: BTreeSet<usize>,
    /// The zones that its expressions name.
    zones: Vec<(String, Zone)>,
    /// When it elapses by the calendar.
    pub next: Option<Duration>,
    /// When it elapses by a span, on the monotonic clock.
    pub next_monotonic: Option<Duration>,
    /// From when on it may be taken to have elapsed, on the monotonic clock,
    pub due: Option<Duration>,
    /// and when PID 1 has to wake up for it.
    pub wake: Option<Duration>,
}

/// What happened to a timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is to start.
    Start,
    /// It cannot, and why.
    Refused(String),
    /// It is to stop.
    Stop,
    /// It has started too often.
    LimitHit,
    /// Forget the failure.
    Reset,
    /// The answer to [`Action::Prepare`].
    Prepared {
        /// When it last elapsed, by its stamp file.
        stamp: Option<Duration>,
        /// The zones that its expressions name, as far as they are there.
        zones: Vec<(String, Zone)>,
    },
    /// Its files were read anew, and say something else.
    Changed,
    /// It may be due.
    Tick,
    /// The unit that it starts came up or went down, by whoever's wish.
    UnitChanged {
        /// It is down.
        is_down: bool,
    },
    /// That unit cannot be started, and why.
    TriggerFailed(String),
    /// Somebody set the clock.
    ClockSet,
    /// The machine's time zone is another.
    ZoneSet,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Read its stamp file, where it is persistent, making it where there is none; and its zones.
    /// Answer with [`Event::Prepared`].
    Prepare,
    /// Keep in its stamp file that it elapsed then.
    Stamp(Duration),
    /// Start the unit.
    Trigger,
    /// Say this in the log.
    Log(String),
}

/// What a timer's next step depends on beside its state.
#[derive(Debug)]
pub struct Context<'a> {
    /// Its name.
    pub name: &'a UnitName,
    /// The monotonic clock.
    pub now: Duration,
    /// The other clock, and what is the machine's own.
    pub clocks: &'a Clocks,
    /// A random number.
    pub random: u64,
    /// When the unit that it starts last came up and last went down, by the monotonic clock; zero
    /// for never.
    pub unit: (Duration, Duration),
    /// Whether it is about to stop.
    pub stops: bool,
}

/// Moves a timer on.
pub fn next(
    config: &Timer,
    mut state: TimerState,
    event: Event,
    context: &Context,
) -> (TimerState, Vec<Action>) {
    let is_up = state.phase.active().is_up();
    let mut actions = Vec::new();
    match event {
        Event::Start if !is_up => actions.push(Action::Prepare),
        Event::Changed if is_up => actions.push(Action::Prepare),
        Event::Prepared { stamp, zones } => {
            missing_zones(config, &zones, &mut actions);
            state.zones = zones;
            if is_up {
                state.spent.clear();
            } else {
                begin(config, &mut state, stamp, context, &mut actions);
            }
            if !is_up || state.phase != Phase::Running {
                wait(config, &mut state, context);
            }
        }
        Event::Refused(reason) if !is_up => fail(&mut state, Outcome::Resources(reason)),
        Event::LimitHit if !is_up => fail(&mut state, Outcome::StartLimit),
        Event::Stop if is_up => rest(&mut state, Phase::Dead),
        Event::Reset if state.phase == Phase::Failed => {
            state.outcome = Outcome::Success;
            state.phase = Phase::Dead;
        }
        Event::Tick if state.phase == Phase::Waiting && state.due.is_some_and(|due| due <= context.now) => {
            elapse(config, &mut state, context, &mut actions);
        }
        Event::UnitChanged { is_down } if is_up && (is_down || state.phase != Phase::Running) => {
            wait(config, &mut state, context);
        }
        Event::TriggerFailed(reason) if is_up => fail(&mut state, Outcome::Resources(reason)),
        Event::ClockSet if state.phase == Phase::Waiting => match config.on_clock_change {
            true => elapse(config, &mut state, context, &mut actions),
            false => wait_anew(config, &mut state, context),
        },
        Event::ZoneSet if state.phase == Phase::Waiting => match config.on_timezone_change {
            true => elapse(config, &mut state, context, &mut actions),
            false => wait(config, &mut state, context),
        },
        _ => {}
    }
    (state, actions)
}

fn missing_zones(config: &Timer, zones: &[(String, Zone)], actions: &mut Vec<Action>) {
    let is_there = |name: &str| zones.iter().any(|(known, _)| known == name);
    for name in config.zones().filter(|name| !is_there(name)) {
        let text = format!("there is no time zone {name}: its OnCalendar= never elapses");
        actions.push(Action::Log(text));
    }
}

fn begin(
    config: &Timer,
    state: &mut TimerState,
    stamp: Option<Duration>,
    context: &Context,
    actions: &mut Vec<Action>,
) {
    let wall = context.clocks.wall(context.now);
    state.outcome = Outcome::Success;
    state.started = (context.now, wall);
    // What counts from the timer's start counts anew.
    let is_of_start =
        |index: &usize| matches!(config.elapses.get(*index), Some(Elapse::After(Base::Active, _)) | None);
    state.spent.retain(|index| !is_of_start(index));
    match stamp {
        Some(stamp) if stamp < wall => state.last = Some(stamp),
        Some(_) => actions.push(Action::Log("its stamp file is of the future, and passed over".to_owned())),
        None => {}
    }
}

fn fail(state: &mut TimerState, outcome: Outcome) {
    rest(state, Phase::Failed);
    state.outcome = outcome;
}

/// It does not wait, for now or at all.
fn rest(state: &mut TimerState, phase: Phase) {
    state.phase = phase;
    (state.next, state.next_monotonic, state.due, state.wake) = (None, None, None, None);
}

fn elapse(config: &Timer, state: &mut TimerState, context: &Context, actions: &mut Vec<Action>) {
    if context.stops {
        (state.due, state.wake) = (None, None);
        return;
    }
    let wall = context.clocks.wall(context.now);
    if state.planned.is_some_and(|planned| planned <= wall) {
        state.served = state.planned;
    }
    rest(state, Phase::Running);
    (state.last, state.last_monotonic) = (Some(wall), Some(context.now));
    if config.persistent {
        actions.push(Action::Stamp(wall));
    }
    actions.push(Action::Trigger);
}

/// Works out when it elapses next.
fn wait(config: &Timer, state: &mut TimerState, context: &Context) {
    state.next_monotonic = first_span(config, state, context).map(|at| delayed(config, at, context));
    wait_anew(config, state, context);
}

/// The same, with spans as they stand: the clock was set, and they do not go by it.
fn wait_anew(config: &Timer, state: &mut TimerState, context: &Context) {
    let wall = context.clocks.wall(context.now);
    state.planned = first_moment(config, state, context, wall);
    // What should have been before this boot is due since its beginning, for the delay to count.
    let began = context.clocks.wall(context.clocks.startup);
    state.next = state.planned.map(|at| delayed(config, at.max(began), context));
    if state.next.is_none() && state.next_monotonic.is_none() && !reacts(config) {
        let comes_again = |elapse: &Elapse| matches!(elapse, Elapse::After(base, _) if base.comes_again());
        let stays = config.remain_after_elapse || config.elapses.iter().any(comes_again);
        rest(state, if stays { Phase::Elapsed } else { Phase::Dead });
        return;
    }
    state.phase = Phase::Waiting;
    let until = |at: Duration| at.saturating_add(config.accuracy);
    let by_calendar = state.next.map(|at| {
        let wake = context.clocks.coalesce(at, until(at));
        (context.clocks.monotonic(at), context.clocks.monotonic(wake))
    });
    let by_span = state.next_monotonic.map(|at| (at, context.clocks.coalesce(at, until(at))));
    state.due = by_calendar.into_iter().chain(by_span).map(|(due, _)| due).min();
    state.wake = by_calendar.into_iter().chain(by_span).map(|(_, wake)| wake).min();
}

/// Whether it waits for something beside the time.
fn reacts(config: &Timer) -> bool {
    config.on_clock_change || config.on_timezone_change
}

/// The first moment of the calendar expressions.
fn first_moment(config: &Timer, state: &TimerState, context: &Context, wall: Duration) -> Option<Duration> {
    let went_down = Some(context.unit.1).filter(|at| config.defer_reactivation && !at.is_zero());
    let ended = went_down.map(|at| context.clocks.wall(at));
    let base = ended.max(state.last).unwrap_or(state.started.1);
    // A clock that was put back makes no timer wait until it is as late again as it was.
    let base = base.min(wall);
    let zones = Fixed { local: context.clocks.zone.clone(), named: state.zones.clone() };
    let moments = config.elapses.iter().filter_map(|elapse| {
        let Elapse::Calendar(expression) = elapse else {
            return None;
        };
        let zone = expression.zone().resolve(&zones, wall)?;
        let at = expression.next(base, &zone)?;
        if Some(at) == state.served { expression.next(at, &zone) } else { Some(at) }
    });
    moments.min()
}

/// The first moment of the spans. Those that come once, and have, are not looked at again.
fn first_span(config: &Timer, state: &mut TimerState, context: &Context) -> Option<Duration> {
    let mut first: Option<Duration> = None;
    for (index, elapse) in config.elapses.iter().enumerate() {
        let Elapse::After(base, span) = elapse else {
            continue;
        };
        let last = state.last_monotonic.unwrap_or_default();
        let from = match base {
            Base::Active => Some(state.started.0),
            Base::Boot => Some(context.clocks.boot),
            Base::Startup => Some(context.clocks.startup),
            Base::UnitActive => Some(context.unit.0.max(last)).filter(|at| !at.is_zero()),
            Base::UnitInactive => Some(context.unit.1.max(last)).filter(|at| !at.is_zero()),
        };
        let at = from.and_then(|from| from.checked_add(*span));
        let Some(at) = at.filter(|_| !state.spent.contains(&index)) else {
            continue;
        };
        // One that passed by before its timer was there still comes.
        let has_come = state.last_monotonic.is_some_and(|last| last >= at || at < context.now);
        if has_come && !base.comes_again() {
            state.spent.insert(index);
            continue;
        }
        first = Some(first.map_or(at, |first| first.min(at)));
    }
    first
}

/// A moment, delayed as the timer wishes.
fn delayed(config: &Timer, at: Duration, context: &Context) -> Duration {
    let most = u64::try_from(config.randomized_delay.as_micros()).unwrap_or(u64::MAX);
    if most == 0 {
        return at;
    }
    let number = match config.fixed_random_delay {
        true => context.clocks.own(context.name.as_str()),
        false => context.random,
    };
    at.saturating_add(Duration::from_micros(number % most))
}
