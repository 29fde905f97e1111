//! Timer units (systemd.timer(5)): times at which a unit is started.

pub mod clocks;
pub mod machine;

/// The name of the file whose time is when a persistent timer last elapsed.
pub fn stamp(timer: &crate::UnitName) -> String {
    format!("stamp-{timer}")
}

use std::time::Duration;

use calendar::Expression;

use crate::name::UnitName;

/// What a span is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// `OnActiveSec=`: that the timer was started.
    Active,
    /// `OnBootSec=`: that the machine was.
    Boot,
    /// `OnStartupSec=`: that PID 1 was.
    Startup,
    /// `OnUnitActiveSec=`: that the unit which it starts was last started.
    UnitActive,
    /// `OnUnitInactiveSec=`: that this unit last came to its end.
    UnitInactive,
}

/// Every base by its directive.
pub const BASES: [(&str, Base); 5] = [
    ("OnActiveSec", Base::Active),
    ("OnBootSec", Base::Boot),
    ("OnStartupSec", Base::Startup),
    ("OnUnitActiveSec", Base::UnitActive),
    ("OnUnitInactiveSec", Base::UnitInactive),
];

impl Base {
    /// Its directive.
    pub fn directive(self) -> &'static str {
        BASES.iter().find(|(_, base)| *base == self).map_or("", |(name, _)| name)
    }

    /// Whether it comes again with each run of the unit, rather than once.
    pub fn comes_again(self) -> bool {
        matches!(self, Base::UnitActive | Base::UnitInactive)
    }
}

/// When a timer elapses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elapse {
    /// So long after something.
    After(Base, Duration),
    /// `OnCalendar=`.
    Calendar(Box<Expression>),
}

/// A timer unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Each of these starts the unit.
    pub elapses: Vec<Elapse>,
    /// `Unit=`: what it starts.
    pub unit: UnitName,
    /// `AccuracySec=`: how much later than due it may be, to be at one with others.
    pub accuracy: Duration,
    /// `RandomizedDelaySec=`: a delay of less than this is added.
    pub randomized_delay: Duration,
    /// `FixedRandomDelay=`: it is the same each time.
    pub fixed_random_delay: bool,
    /// `DeferReactivation=`: after a run a calendar expression counts from its end.
    pub defer_reactivation: bool,
    /// `OnClockChange=`: it elapses when somebody sets the clock.
    pub on_clock_change: bool,
    /// `OnTimezoneChange=`: it elapses when the machine's time zone changes.
    pub on_timezone_change: bool,
    /// `Persistent=`: what was missed while it was not there is caught up on.
    pub persistent: bool,
    /// `RemainAfterElapse=`: it stays when it will not elapse any more.
    pub remain_after_elapse: bool,
}

impl Timer {
    /// Whether it has a calendar expression.
    pub fn has_calendar(&self) -> bool {
        self.elapses.iter().any(|elapse| matches!(elapse, Elapse::Calendar(_)))
    }

    /// The names of the time zones that its expressions are about.
    pub fn zones(&self) -> impl Iterator<Item = &str> {
        self.elapses.iter().filter_map(|elapse| match elapse {
            Elapse::Calendar(expression) => match expression.zone() {
                calendar::ZoneRef::Named(name) => Some(name.as_str()),
                _ => None,
            },
            Elapse::After(..) => None,
        })
    }
}
