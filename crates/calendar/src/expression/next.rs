//! When an expression comes next.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};

use super::{Component, Expression, SECOND, YEARS};
use crate::zone::{Instants, Zone};

/// A reading of the clocks is later than that of the moment that is gone out from, and of those
/// later ones the first that the clocks do show.
pub(super) fn next(expression: &Expression, after: Duration, zone: &Zone) -> Option<Duration> {
    let mut from = later(zone.wall(after)?)?;
    loop {
        let wall = next_reading(expression, from)?;
        match zone.instants(wall) {
            Instants::At(first, _) if first > after => return Some(first),
            Instants::At(_, Some(second)) if second > after => return Some(second),
            // The zone's clocks went back further than to this reading since.
            Instants::At(..) | Instants::Outside => from = later(wall)?,
            Instants::Gap(end) => from = end.max(later(wall)?),
        }
    }
}

/// The reading a microsecond later: the next that an expression can tell apart.
fn later(wall: DateTime) -> Option<DateTime> {
    wall.checked_add(Duration::from_micros(1)).ok()
}

/// The first reading at or after another that the expression speaks of.
fn next_reading(expression: &Expression, from: DateTime) -> Option<DateTime> {
    let begin = u32::try_from(from.year()).unwrap_or(0);
    let mut year = least(&expression.year, begin.max(YEARS.0), YEARS.1)?;
    loop {
        for month in 1..=12_u32 {
            if least(&expression.month, month, 12) != Some(month) {
                continue;
            }
            let first = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()?;
            if (first.year(), first.month()) < (from.year(), from.month()) {
                continue;
            }
            if let Some(found) = in_month(expression, first, from) {
                return Some(found);
            }
        }
        year = least(&expression.year, year + 1, YEARS.1)?;
    }
}

fn in_month(expression: &Expression, first: Date, from: DateTime) -> Option<DateTime> {
    let length = u32::from(first.days_in_month().unsigned_abs());
    let counted: Vec<Component> = match expression.from_end {
        true => expression.day.iter().map(|part| from_end(part, length)).collect(),
        false => Vec::new(),
    };
    let days = if expression.from_end { &counted } else { &expression.day };
    let mut day = least(days, 1, length)?;
    loop {
        let date = Date::new(first.year(), first.month(), i8::try_from(day).ok()?).ok()?;
        let weekday = date.weekday().to_monday_zero_offset();
        if date >= from.date() && expression.weekdays >> weekday & 1 == 1 {
            let begin = if date == from.date() { from.time() } else { Time::midnight() };
            if let Some(time) = in_day(expression, begin) {
                return Some(date.to_datetime(time));
            }
        }
        day = least(days, day + 1, length)?;
    }
}

/// A part that counts from the month's end, as one that counts from its beginning.
fn from_end(part: &Component, length: u32) -> Component {
    let day = |from_end: u32| (length + 1).saturating_sub(from_end);
    match part.stop {
        Some(stop) => Component { start: day(stop), stop: Some(day(part.start)), repeat: part.repeat },
        None => Component { start: day(part.start), ..*part },
    }
}

fn in_day(expression: &Expression, from: Time) -> Option<Time> {
    let unsigned = |number: i8| u32::from(number.unsigned_abs());
    let micros = unsigned(from.second()) * SECOND + from.subsec_nanosecond().unsigned_abs() / 1_000;
    let (begin_hour, begin_minute) = (unsigned(from.hour()), unsigned(from.minute()));
    let mut hour = least(&expression.hour, begin_hour, 23)?;
    loop {
        let begin = if hour == begin_hour { begin_minute } else { 0 };
        let mut minute = least(&expression.minute, begin, 59);
        while let Some(at) = minute {
            let is_first = (hour, at) == (begin_hour, begin_minute);
            if let Some(micros) =
                least(&expression.micros, if is_first { micros } else { 0 }, 60 * SECOND - 1)
            {
                let nanos = i32::try_from(micros % SECOND * 1_000).ok()?;
                let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(at).ok()?);
                return Time::new(hour, minute, i8::try_from(micros / SECOND).ok()?, nanos).ok();
            }
            minute = least(&expression.minute, at + 1, 59);
        }
        hour = least(&expression.hour, hour + 1, 23)?;
    }
}

/// The least number of a field that is no less than one, and no more than another.
fn least(field: &[Component], from: u32, to: u32) -> Option<u32> {
    let of = |part: &Component| match part.start >= from {
        true => Some(part.start),
        false if part.repeat == 0 => None,
        false => {
            let next = part.start + (from - part.start).next_multiple_of(part.repeat);
            Some(next).filter(|next| part.stop.is_none_or(|stop| *next <= stop))
        }
    };
    let least = match field.is_empty() {
        true => Some(from),
        false => field.iter().filter_map(of).min(),
    };
    least.filter(|least| *least <= to)
}
