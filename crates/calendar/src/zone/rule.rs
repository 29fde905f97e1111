//! The rule of a zone, for ever: `CET-1CEST,M3.5.0,M10.5.0/3` (tzset(3)).

use super::Kind;
use crate::civil::{Date, days_in_month};

const DAY: i64 = 86_400;
/// What a rule without dates means (tzset(3) leaves it open): the dates of the United States.
const DATES: &str = ",M3.2.0,M11.1.0";

/// Standard time, and summer time where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) standard: Kind,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Summer {
    kind: Kind,
    begins: Change,
    ends: Change,
}

/// A change: a day of every year, and the seconds after its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    day: Day,
    second: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// `J60`: from 1, the leap day not counted.
    Counted(i64),
    /// `59`: from 0, counting it.
    Index(i64),
    /// `M3.5.0`: month, week (5 being the last), day of the week (0 being Sunday).
    Of(u32, i64, i64),
}

impl Rule {
    /// Reads a rule.
    pub(super) fn parse(text: &str) -> Option<Rule> {
        let mut rest = text;
        let standard = kind(&mut rest, None)?;
        if rest.is_empty() {
            return Some(Rule { standard, summer: None });
        }
        let kind = kind(&mut rest, Some(standard.ahead))?;
        let mut dates = if rest.is_empty() { DATES } else { rest };
        let (begins, ends) = (change(&mut dates)?, change(&mut dates)?);
        let summer = Some(Summer { kind, begins, ends });
        dates.is_empty().then_some(Rule { standard, summer })
    }

    /// The times that it knows.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        std::iter::once(&self.standard).chain(self.summer.iter().map(|summer| &summer.kind))
    }

    /// The time in force at a second since 1970.
    pub(super) fn at(&self, second: i64) -> &Kind {
        let Some(Summer { kind, begins, ends }) = &self.summer else {
            return &self.standard;
        };
        let year = Date::from_days((second + i64::from(self.standard.ahead)).div_euclid(DAY)).year;
        let begin = begins.in_year(year) - i64::from(self.standard.ahead);
        let end = ends.in_year(year) - i64::from(kind.ahead);
        let is_summer = match begin <= end {
            true => (begin..end).contains(&second),
            // South of the equator it spans the turn of the year.
            false => !(end..begin).contains(&second),
        };
        if is_summer { kind } else { &self.standard }
    }
}

impl Change {
    /// What clocks show then, in seconds since they showed that 1970 began.
    fn in_year(self, year: i32) -> i64 {
        let first = Date { year, month: 1, day: 1 }.days();
        let day = match self.day {
            Day::Counted(day) => first + day - 1 + i64::from(day >= 60 && days_in_month(year, 2) == 29),
            Day::Index(day) => first + day,
            Day::Of(month, week, weekday) => {
                let begin = Date { year, month, day: 1 };
                // Date's weeks begin on Monday, those of rules on Sunday.
                let to_first = (weekday + 6 - i64::from(begin.weekday())).rem_euclid(7);
                let day = to_first + (week - 1) * 7;
                let is_beyond = day >= i64::from(days_in_month(year, month));
                begin.days() + if is_beyond { day - 7 } else { day }
            }
        };
        day * DAY + self.second
    }
}

/// Reads a name and its distance to UTC; that of summer time is an hour more where it says nothing.
fn kind(rest: &mut &str, standard: Option<i32>) -> Option<Kind> {
    let name = match rest.strip_prefix('<') {
        Some(quoted) => {
            let (name, after) = quoted.split_once('>')?;
            *rest = after;
            name
        }
        None => {
            let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            *rest = after;
            name
        }
    };
    if name.len() < 3 || name.len() > 16 {
        return None;
    }
    let behind = match (standard, rest.starts_with(',') || rest.is_empty()) {
        (Some(standard), true) => i64::from(-standard) - 3600,
        _ => clock(rest, 24)?,
    };
    Some(Kind { ahead: -i32::try_from(behind).ok()?, name: name.into() })
}

/// Reads `,M3.5.0/2`.
fn change(rest: &mut &str) -> Option<Change> {
    *rest = rest.strip_prefix(',')?;
    let day = if let Some(after) = rest.strip_prefix('M') {
        *rest = after;
        let month = number(rest)?;
        *rest = rest.strip_prefix('.')?;
        let week = number(rest)?;
        *rest = rest.strip_prefix('.')?;
        let weekday = number(rest)?;
        let fits = (1..=12).contains(&month) && (1..=5).contains(&week) && weekday <= 6;
        fits.then_some(Day::Of(u32::try_from(month).ok()?, week, weekday))?
    } else if let Some(after) = rest.strip_prefix('J') {
        *rest = after;
        Day::Counted(number(rest).filter(|day| (1..=365).contains(day))?)
    } else {
        Day::Index(number(rest).filter(|day| *day <= 365)?)
    };
    let second = match rest.strip_prefix('/') {
        Some(after) => {
            *rest = after;
            clock(rest, 167)?
        }
        None => 2 * 3600,
    };
    Some(Change { day, second })
}

/// Reads `-1`, `03:30`, `+2:00:00`, as seconds.
fn clock(rest: &mut &str, hours_max: i64) -> Option<i64> {
    let (sign, after) = match rest.split_at_checked(1)? {
        ("-", after) => (-1, after),
        ("+", after) => (1, after),
        _ => (1, *rest),
    };
    *rest = after;
    let mut seconds = number(rest).filter(|hours| *hours <= hours_max)? * 3600;
    for unit in [60, 1] {
        let Some(after) = rest.strip_prefix(':') else { break };
        *rest = after;
        seconds += number(rest).filter(|number| *number <= 59)? * unit;
    }
    Some(sign * seconds)
}

fn number(rest: &mut &str) -> Option<i64> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    (digits.len() <= 4).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_what_is_none() {
        // Seconds since 1970, and the distance to UTC then.
        for (text, second, ahead, name) in [
            ("UTC0", 0, 0, "UTC"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_743_296_399, 3600, "CET"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_743_296_400, 7200, "CEST"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_761_440_399, 7200, "CEST"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_761_440_400, 3600, "CET"),
            // South of the equator.
            ("NZST-12NZDT,M9.5.0,M4.1.0/3", 1_735_689_600, 46_800, "NZDT"),
            ("NZST-12NZDT,M9.5.0,M4.1.0/3", 1_751_328_000, 43_200, "NZST"),
            ("<-03>3<-02>,M3.5.0/-1,M10.5.0/0", 1_751_328_000, -7200, "-02"),
            ("EST5EDT", 1_751_328_000, -14_400, "EDT"),
            ("XXX3", 0, -10_800, "XXX"),
            // The 60th day is the first of March, in every year.
            ("AAA0BBB,J60/0,J300/0", 1_709_251_200, 3600, "BBB"),
            ("AAA0BBB,J60/0,J300/0", 1_709_251_199, 0, "AAA"),
            ("AAA0BBB,59/0,J300/0", 1_709_164_800, 3600, "BBB"),
        ] {
            let rule = Rule::parse(text).unwrap();
            let kind = rule.at(second);
            assert_eq!((kind.ahead, &*kind.name), (ahead, name), "{text} {second}");
        }
        for text in [
            "",
            "X",
            "CET",
            "CET-1CEST,",
            "CET-1CEST,M13.1.0,M10.5.0",
            "CET-1CEST,M3.5.0",
            "<CET-1",
            "CET25",
            "CET-1x",
        ] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }
}
