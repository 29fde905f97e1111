//! Time zones: from a moment to what clocks on the wall show there, and back.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// A time zone. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    /// UTC.
    fn default() -> Zone {
        Zone::utc()
    }
}

/// Why data makes no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the time zone {name} cannot be read: {reason}")]
pub struct ZoneError {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub reason: String,
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
    Gap(DateTime),
    /// It is before 1970, or too far away.
    Outside,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// A zone by the bytes of its file (tzfile(5)).
    ///
    /// # Errors
    /// The bytes are not such a file.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Zone, ZoneError> {
        let bad = |error: jiff::Error| ZoneError { name: name.to_owned(), reason: error.to_string() };
        TimeZone::tzif(name, bytes).map(Zone).map_err(bad)
    }

    /// A zone by a rule as the variable `TZ` has it (tzset(3)).
    ///
    /// # Errors
    /// The text is no such rule.
    pub fn rule(text: &str) -> Result<Zone, ZoneError> {
        let bad = |error: jiff::Error| ZoneError { name: text.to_owned(), reason: error.to_string() };
        TimeZone::posix(text).map(Zone).map_err(bad)
    }

    /// The zone that is so many seconds ahead of UTC; none beyond a day.
    pub fn ahead(seconds: i32) -> Option<Zone> {
        Offset::from_seconds(seconds).ok().map(|offset| Zone(TimeZone::fixed(offset)))
    }

    /// Whether it is UTC by whatever name, at a moment.
    pub fn is_utc(&self, at: Duration) -> bool {
        stamp(at).is_some_and(|at| {
            let info = self.0.to_offset_info(at);
            info.offset().seconds() == 0 && matches!(info.abbreviation(), "UTC" | "Z" | "UCT")
        })
    }

    /// How many seconds it is ahead of UTC at a moment.
    pub fn ahead_of_utc(&self, at: Duration) -> i32 {
        stamp(at).map_or(0, |at| self.0.to_offset(at).seconds())
    }

    /// What it is called at a moment: `CET`, `+03`.
    pub fn abbreviation(&self, at: Duration) -> String {
        stamp(at).map_or_else(String::new, |at| self.0.to_offset_info(at).abbreviation().to_owned())
    }

    /// The fixed distance to UTC that an abbreviation of this zone stands for: the one in force at a
    /// moment, or before or after the changes around it.
    pub fn abbreviated(&self, name: &str, near: Duration) -> Option<Zone> {
        let near = stamp(near)?;
        let now = self.0.to_offset_info(near);
        if now.abbreviation() == name {
            return Some(Zone(TimeZone::fixed(now.offset())));
        }
        let after = self.0.following(near).take(2);
        let around = after.chain(self.0.preceding(near).take(2));
        let found = around.into_iter().find(|change| change.abbreviation() == name)?;
        Some(Zone(TimeZone::fixed(found.offset())))
    }

    /// What clocks on the wall show at a moment; none beyond the year 9999.
    pub(crate) fn wall(&self, at: Duration) -> Option<DateTime> {
        stamp(at).map(|at| self.0.to_datetime(at))
    }

    /// When clocks on the wall show that.
    pub(crate) fn instants(&self, wall: DateTime) -> Instants {
        let at = |offset: Offset| offset.to_timestamp(wall).ok().and_then(since_1970);
        match self.0.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                at(offset).map_or(Instants::Outside, |at| Instants::At(at, None))
            }
            AmbiguousOffset::Fold { before, after } => {
                at(before).map_or(Instants::Outside, |first| Instants::At(first, at(after)))
            }
            AmbiguousOffset::Gap { after, .. } => {
                // With the offset of after the change, what clocks never showed is before it.
                let change = after
                    .to_timestamp(wall)
                    .ok()
                    .and_then(|early| self.0.following(early).find(|change| change.offset() == after));
                change
                    .map_or(Instants::Outside, |change| Instants::Gap(after.to_datetime(change.timestamp())))
            }
        }
    }

    /// The moment that a reading stands for: where there are two the first, and where there is none
    /// as long after the change as it would have been without that.
    pub(crate) fn compatible(&self, wall: DateTime) -> Option<Timestamp> {
        self.0.to_ambiguous_timestamp(wall).compatible().ok()
    }
}

fn stamp(at: Duration) -> Option<Timestamp> {
    i64::try_from(at.as_micros()).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok())
}

/// A moment of this crate's; none where it is before 1970.
pub(crate) fn since_1970(at: Timestamp) -> Option<Duration> {
    u64::try_from(at.as_microsecond()).ok().map(Duration::from_micros)
}
