//! Time zones: from a moment to what clocks on the wall show there, and back.

use std::sync::Arc;
use std::time::Duration;

use crate::civil::Wall;

mod file;
mod rule;

use rule::Rule;

const SECOND: i64 = 1_000_000;
/// No two changes of a zone that matter are closer to each other.
const APART: i64 = 86_400 * SECOND;

/// A time zone. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(Arc<Changes>);

/// Why data makes no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the time zone {name} cannot be read: {reason}")]
pub struct ZoneError {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub reason: &'static str,
}

/// A time that a zone has: its distance to UTC, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    /// Seconds ahead of UTC.
    ahead: i32,
    name: Box<str>,
}

/// The times of a zone.
#[derive(Debug, PartialEq, Eq)]
struct Changes {
    /// The first is that of before the first change.
    kinds: Vec<Kind>,
    /// When it changes, in seconds since 1970, and to which.
    times: Vec<(i64, u8)>,
    /// What holds after the last change.
    rule: Option<Rule>,
}

impl Changes {
    /// The time in force at a second since 1970.
    fn at(&self, second: i64) -> &Kind {
        let passed = self.times.partition_point(|(at, _)| *at <= second);
        match (&self.rule, passed.checked_sub(1)) {
            (Some(rule), _) if passed == self.times.len() => rule.at(second),
            (_, None) => &self.kinds[0],
            (_, Some(last)) => &self.kinds[usize::from(self.times[last].1)],
        }
    }
}

/// Where time zones come from.
pub trait Zones {
    /// The machine's own.
    fn local(&self) -> Zone;
    /// The one of that name; none where there is none.
    fn named(&self, name: &str) -> Option<Zone>;
}

/// Only these zones: for tests, and where there are no files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The machine's own.
    pub local: Zone,
    /// Others by name.
    pub named: Vec<(String, Zone)>,
}

impl Zones for Fixed {
    fn local(&self) -> Zone {
        self.local.clone()
    }

    fn named(&self, name: &str) -> Option<Zone> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, zone)| zone.clone())
    }
}

/// The zone that an expression is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ZoneRef {
    /// The machine's own.
    #[default]
    Local,
    /// UTC.
    Utc,
    /// One by its name, `Europe/Berlin`, or by an abbreviation that the machine's own zone uses.
    Named(String),
}

impl ZoneRef {
    /// The zone itself; none where there is none of that name. What an abbreviation stands for is
    /// looked for around a moment.
    pub fn resolve(&self, zones: &dyn Zones, now: Duration) -> Option<Zone> {
        match self {
            ZoneRef::Local => Some(zones.local()),
            ZoneRef::Utc => Some(Zone::utc()),
            ZoneRef::Named(name) => zones.local().abbreviated(name, now).or_else(|| zones.named(name)),
        }
    }
}

/// Whether a word can be a time zone's name: of letters, digits and `_-+/`, and no path that leads
/// out of the folder of zones.
pub fn is_zone_name(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-+/".contains(c);
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(allowed)
        && !word.ends_with('/')
        && !word.contains("//")
}

/// What a wall clock's reading stands for.
pub(crate) enum Instants {
    /// One moment, or the two at which clocks showed it, the first first.
    At(Duration, Option<Duration>),
    /// None: clocks were put forward, to this reading.
    Gap(Wall),
    /// It is before 1970.
    Outside,
}

impl Default for Zone {
    /// UTC.
    fn default() -> Zone {
        Zone::utc()
    }
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone::fixed(0, "UTC")
    }

    fn fixed(ahead: i32, name: &str) -> Zone {
        let kinds = vec![Kind { ahead, name: name.into() }];
        Zone(Arc::new(Changes { kinds, times: Vec::new(), rule: None }))
    }

    /// A zone by the bytes of its file (tzfile(5)).
    ///
    /// # Errors
    /// The bytes are not such a file.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Zone, ZoneError> {
        let changes = file::read(bytes).map_err(|reason| ZoneError { name: name.to_owned(), reason })?;
        Ok(Zone(Arc::new(changes)))
    }

    /// A zone by a rule as the variable `TZ` has it (tzset(3)).
    ///
    /// # Errors
    /// The text is no such rule.
    pub fn rule(text: &str) -> Result<Zone, ZoneError> {
        let rule = Rule::parse(text);
        let rule = rule.ok_or_else(|| ZoneError { name: text.to_owned(), reason: "it is no rule" })?;
        Ok(Zone(Arc::new(Changes {
            kinds: vec![rule.standard.clone()],
            times: Vec::new(),
            rule: Some(rule),
        })))
    }

    /// The zone that is so many seconds ahead of UTC; none beyond a day.
    pub fn ahead(seconds: i32) -> Option<Zone> {
        let minutes = seconds.abs() / 60;
        let mut name = format!("{}{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60);
        if minutes % 60 > 0 {
            name.push_str(&format!("{:02}", minutes % 60));
        }
        (seconds.abs() <= 86_400).then(|| Zone::fixed(seconds, &name))
    }

    fn kind(&self, micros: i64) -> &Kind {
        self.0.at(micros.div_euclid(SECOND))
    }

    /// Whether it is UTC by whatever name, at a moment.
    pub fn is_utc(&self, at: Duration) -> bool {
        let kind = self.kind(micros(at));
        kind.ahead == 0 && matches!(&*kind.name, "UTC" | "UCT")
    }

    /// How many seconds it is ahead of UTC at a moment.
    pub fn ahead_of_utc(&self, at: Duration) -> i32 {
        self.kind(micros(at)).ahead
    }

    /// What it is called at a moment: `CET`, `+03`.
    pub fn abbreviation(&self, at: Duration) -> String {
        self.kind(micros(at)).name.to_string()
    }

    /// The fixed distance to UTC that an abbreviation of this zone stands for: the one in force at a
    /// moment, or else in force by its rule, or else the last that was.
    pub fn abbreviated(&self, name: &str, near: Duration) -> Option<Zone> {
        let near = micros(near);
        let rule = self.0.rule.iter().flat_map(Rule::kinds);
        let passed = self.0.times.iter().rev().filter(|(at, _)| *at <= near / SECOND);
        let passed = passed.filter_map(|(_, kind)| self.0.kinds.get(usize::from(*kind)));
        let mut kinds = std::iter::once(self.kind(near)).chain(rule).chain(passed);
        let found = kinds.find(|kind| &*kind.name == name)?;
        Some(Zone::fixed(found.ahead, name))
    }

    /// What clocks on the wall show at a moment.
    pub(crate) fn wall(&self, at: Duration) -> Wall {
        Wall(micros(at).saturating_add(self.ahead_at(micros(at))))
    }

    /// How many microseconds it is ahead of UTC at a microsecond since 1970.
    fn ahead_at(&self, micros: i64) -> i64 {
        i64::from(self.kind(micros).ahead) * SECOND
    }

    /// When clocks on the wall show that.
    pub(crate) fn instants(&self, wall: Wall) -> Instants {
        let Wall(wall) = wall;
        let (before, after) = (self.ahead_at(wall - APART), self.ahead_at(wall + APART));
        let at = |ahead: i64| Some(wall - ahead).filter(|at| self.ahead_at(*at) == ahead);
        match (at(before), at(after).filter(|_| after != before)) {
            (Some(first), second) => {
                moment(first).map_or(Instants::Outside, |first| Instants::At(first, second.and_then(moment)))
            }
            (None, Some(only)) => moment(only).map_or(Instants::Outside, |only| Instants::At(only, None)),
            (None, None) => Instants::Gap(Wall(self.change_between(wall - after, wall - before) + after)),
        }
    }

    /// When the zone changes between two moments.
    fn change_between(&self, from: i64, to: i64) -> i64 {
        let (mut from, mut to) = (from.div_euclid(SECOND), to.div_euclid(SECOND));
        let begin = self.0.at(from).ahead;
        while to - from > 1 {
            let middle = from + (to - from) / 2;
            if self.0.at(middle).ahead == begin { from = middle } else { to = middle }
        }
        to * SECOND
    }

    /// The moment that a reading stands for: where there are two the first, and where there is none
    /// as long after the change as it would have been without that. None before 1970.
    pub(crate) fn compatible(&self, wall: Wall) -> Option<Duration> {
        match self.instants(wall) {
            Instants::At(first, _) => Some(first),
            Instants::Gap(_) => moment(wall.0 - self.ahead_at(wall.0 - APART)),
            Instants::Outside => None,
        }
    }
}

fn micros(at: Duration) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX).min(MICROS_MAX)
}

/// What is later counts as this: 9999-12-31.
const MICROS_MAX: i64 = 253_402_214_400 * SECOND;

/// A moment; none where it is before 1970.
fn moment(micros: i64) -> Option<Duration> {
    u64::try_from(micros).ok().map(Duration::from_micros)
}
