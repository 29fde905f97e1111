//! Timestamps: `Tue 2026-11-24 18:10:00 UTC`, `yesterday`, `-5min` (systemd.time(7), "Parsing
//! timestamps").

use std::time::Duration;

use crate::civil::{Date, Wall};
use crate::span;
use crate::zone::{Zone, Zones};

/// Days of the week, as they are written.
pub(crate) const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// As they are written in full.
pub(crate) const LONG_DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A second's microseconds.
const SECOND: i64 = 1_000_000;

/// The last moment that is written: 9999-12-30 23:59:59 UTC.
const LAST: Duration = Duration::from_secs(253_402_214_399);

/// A text that is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a timestamp (such as 2026-11-24 18:10:00, 18:10, yesterday, -5min or @1795543800)")]
pub struct TimestampError(pub String);

/// Reads a timestamp. What it leaves out is that of `now` in the machine's own zone.
///
/// # Errors
/// The text is not a timestamp, or one before 1970 or after the year 9999.
pub fn parse(text: &str, now: Duration, zones: &dyn Zones) -> Result<Duration, TimestampError> {
    let at = read(text, now, zones).filter(|at| *at <= LAST);
    at.ok_or_else(|| TimestampError(text.to_owned()))
}

fn read(text: &str, now: Duration, zones: &dyn Zones) -> Option<Duration> {
    // A zone right behind the time, as RFC 3339 has it.
    if let Some(rest) = text.strip_suffix('Z').filter(|rest| rest.len() > 1)
        && let Some(at) = in_zone(rest, now, &Zone::utc())
    {
        return Some(at);
    }
    let welded =
        text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at)).map(|at| text.split_at(at));
    if let Some((rest, offset)) = welded
        && offset.starts_with(['+', '-'])
        && !rest.is_empty()
        && !rest.ends_with(' ')
        && let Some(zone) = offset_zone(offset)
    {
        return in_zone(rest, now, &zone);
    }
    let Some((rest, word)) = text.rsplit_once(' ') else {
        return relative(text, now).or_else(|| in_zone(text, now, &zones.local()));
    };
    let zone = match word {
        "UTC" => Some(Zone::utc()),
        word => {
            offset_zone(word).or_else(|| zones.named(word)).or_else(|| zones.local().abbreviated(word, now))
        }
    };
    match zone {
        Some(zone) => in_zone(rest, now, &zone),
        None => relative(text, now).or_else(|| in_zone(text, now, &zones.local())),
    }
}

/// Reads `+06`, `-0630`, `+06:30`.
fn offset_zone(text: &str) -> Option<Zone> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (rest, "0"),
        4 => rest.split_at_checked(2)?,
        5 => rest.split_once(':').filter(|(hours, _)| hours.len() == 2)?,
        _ => return None,
    };
    let (hours, minutes) = (number(hours, 24)?, number(minutes, 59)?);
    Zone::ahead(sign * (hours * 3600 + minutes * 60))
}

/// Reads what is said by its distance from now, or from 1970.
fn relative(text: &str, now: Duration) -> Option<Duration> {
    let distance = |text: &str| span::parse(text).ok().flatten();
    if let Some(seconds) = text.strip_prefix('@') {
        return distance(seconds);
    }
    if text == "now" {
        return Some(now);
    }
    let later = text.strip_prefix('+').or_else(|| text.strip_suffix(" left"));
    let earlier = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago"));
    match (later, earlier) {
        (Some(later), _) => now.checked_add(distance(later)?),
        (None, Some(earlier)) => now.checked_sub(distance(earlier)?),
        (None, None) => None,
    }
}

/// Reads what a clock and a calendar on the wall show.
fn in_zone(text: &str, now: Duration, zone: &Zone) -> Option<Duration> {
    let today = zone.wall(now).date();
    let days = match text {
        "yesterday" => Some(-1),
        "today" => Some(0),
        "tomorrow" => Some(1),
        _ => None,
    };
    match days {
        Some(days) => zone.compatible(Wall::at(Date::from_days(today.days() + days), 0)),
        None => {
            let (date, clock, extra) = date_and_time(text, today)?;
            Some(zone.compatible(Wall::at(date, clock))? + Duration::from_micros(extra))
        }
    }
}

/// Reads a date, a time, or both: the date, the microseconds since it began, and what goes beyond what
/// clocks show.
fn date_and_time(text: &str, today: Date) -> Option<(Date, i64, u64)> {
    let (weekday, text) = weekday(text);
    let (date, time) = match text.split_once([' ', 'T']) {
        // It is without the year, and has a time behind it always.
        Some((month, rest)) if MONTHS.contains(&month) => {
            let (day, time) = rest.trim_start().split_once(' ')?;
            let month = u32::try_from(MONTHS.iter().position(|known| *known == month)? + 1).ok()?;
            (Date::new(today.year, month, number(day, 31)?)?, time.trim_start())
        }
        Some((date, time)) => {
            let (year, _) = date.split_once('-')?;
            if text[date.len()..].starts_with('T') && year.len() < 3 {
                return None;
            }
            (self::date(date)?, time.trim_start())
        }
        None if text.contains(':') => (today, text),
        None => (self::date(text)?, "0:0"),
    };
    if weekday.is_some_and(|stated| stated != date.weekday()) {
        return None;
    }
    let (clock, extra) = self::time(time)?;
    Some((date, clock, extra))
}

/// Cuts off the day of the week.
fn weekday(text: &str) -> (Option<u32>, &str) {
    let Some((word, rest)) = text.split_once(' ') else {
        return (None, text);
    };
    let day = [&DAYS, &LONG_DAYS]
        .iter()
        .find_map(|days| days.iter().position(|known| known.eq_ignore_ascii_case(word)));
    let day = day.and_then(|day| u32::try_from(day).ok());
    (day, if day.is_some() { rest } else { text })
}

/// Reads `2026-11-24`; a year of two digits is one from 1969 to 2068.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() > 4 {
        return None;
    }
    let short = year.len() < 3;
    let year: i32 = number(year, 9999)?;
    let year = match year {
        69.. if short => year + 1900,
        _ if short => year + 2000,
        _ => year,
    };
    Date::new(year, number(month, 12)?, number(day, 31)?)
}

/// Reads `18:10`, `18:10:00.5`, as microseconds; a leap second is the one after the minute, and comes
/// apart.
fn time(text: &str) -> Option<(i64, u64)> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, i64::from(micros(fraction)?)),
        None => (text, 0),
    };
    let mut parts = clock.split(':');
    let (hour, minute): (i64, i64) = (number(parts.next()?, 23)?, number(parts.next()?, 59)?);
    let second: i64 = match parts.next() {
        Some(second) => number(second, 61)?,
        None if text.contains('.') => return None,
        None => 0,
    };
    let shown = (hour * 3600 + minute * 60 + second.min(59)) * SECOND;
    let extra = (second - second.min(59)) * SECOND + fraction;
    parts.next().is_none().then(|| Some((shown, u64::try_from(extra).ok()?))).flatten()
}

/// The microseconds of what stands behind a point, rounded.
pub(crate) fn micros(digits: &str) -> Option<i32> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let place = |index: usize| digits.as_bytes().get(index).map_or(0, |digit| i32::from(digit - b'0'));
    let whole = (0..6).fold(0, |sum, index| sum * 10 + place(index));
    Some(whole + i32::from(place(6) >= 5))
}

/// Reads a number of digits alone.
fn number<T: std::str::FromStr + PartialOrd>(text: &str, max: T) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number <= max)
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// To the second.
    Seconds,
    /// To the microsecond.
    Micros,
}

/// Writes a moment as a zone has it: `Tue 2026-11-24 19:10:00 CET`.
pub fn format(at: Duration, zone: &Zone, style: Style) -> String {
    if at > LAST {
        return "--- XXXX-XX-XX XX:XX:XX".to_owned();
    }
    let wall = zone.wall(at);
    let (date, micros) = (wall.date(), wall.of_day());
    let seconds = micros / SECOND;
    let fraction = match style {
        Style::Seconds => String::new(),
        Style::Micros => format!(".{:06}", micros % SECOND),
    };
    format!(
        "{} {:04}-{:02}-{:02} {:02}:{:02}:{:02}{fraction} {}",
        DAYS.get(date.weekday() as usize).copied().unwrap_or("---"),
        date.year,
        date.month,
        date.day,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        zone.abbreviation(at)
    )
}

/// Writes a moment as RFC 3339 has it, in UTC and to the second: `2026-11-24T18:10:00Z`.
pub fn rfc3339(at: Duration) -> String {
    let wall = Zone::utc().wall(at.min(LAST));
    let (date, seconds) = (wall.date(), wall.of_day() / SECOND);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year,
        date.month,
        date.day,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A moment by its distance from now: `5min ago`, `2 weeks 1 day left`.
pub fn from_now(at: Duration, now: Duration) -> String {
    match now > at {
        true => format!("{} ago", span::rough(now - at)),
        false if now == at => "now".to_owned(),
        false => format!("{} left", span::rough(at - now)),
    }
}
