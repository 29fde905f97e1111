//! When an expression comes next.

use std::time::Duration;

use super::{Component, Expression, SECOND, YEARS};
use crate::civil::{Date, Wall, days_in_month};
use crate::zone::{Instants, Zone};

/// A minute's microseconds.
const MINUTE: u32 = 60 * SECOND;

/// A reading of the clocks is later than that of the moment that is gone out from, and of those
/// later ones the first that the clocks do show.
pub(super) fn next(expression: &Expression, after: Duration, zone: &Zone) -> Option<Duration> {
    let mut from = later(zone.wall(after));
    loop {
        let wall = next_reading(expression, from)?;
        match zone.instants(wall) {
            Instants::At(first, _) if first > after => return Some(first),
            Instants::At(_, Some(second)) if second > after => return Some(second),
            // The zone's clocks went back further than to this reading since.
            Instants::At(..) | Instants::Outside => from = later(wall),
            Instants::Gap(end) => from = end.max(later(wall)),
        }
    }
}

/// The reading a microsecond later: the next that an expression can tell apart.
fn later(Wall(micros): Wall) -> Wall {
    Wall(micros.saturating_add(1))
}

/// The first reading at or after another that the expression speaks of.
fn next_reading(expression: &Expression, from: Wall) -> Option<Wall> {
    let date = from.date();
    let begin = u32::try_from(date.year).unwrap_or(0);
    let mut year = least(&expression.year, begin.max(YEARS.0), YEARS.1)?;
    loop {
        let first_month = if year == begin { date.month } else { 1 };
        let mut month = least(&expression.month, first_month, 12);
        while let Some(at) = month {
            if let Some(found) = in_month(expression, i32::try_from(year).ok()?, at, from) {
                return Some(found);
            }
            month = least(&expression.month, at + 1, 12);
        }
        year = least(&expression.year, year + 1, YEARS.1)?;
    }
}

fn in_month(expression: &Expression, year: i32, month: u32, from: Wall) -> Option<Wall> {
    let length = days_in_month(year, month);
    let counted: Vec<Component> = match expression.from_end {
        true => expression.day.iter().map(|part| from_end(part, length)).collect(),
        false => Vec::new(),
    };
    let days = if expression.from_end { &counted } else { &expression.day };
    let begin = from.date();
    let mut day = least(days, 1, length)?;
    loop {
        let date = Date { year, month, day };
        if date >= begin && expression.weekdays >> date.weekday() & 1 == 1 {
            let earliest = if date == begin { from.of_day() } else { 0 };
            if let Some(micros) = in_day(expression, earliest) {
                return Some(Wall::at(date, micros));
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

/// The first microsecond of a day at or after another.
fn in_day(expression: &Expression, from: i64) -> Option<i64> {
    let (minutes, micros) = (from / i64::from(MINUTE), u32::try_from(from % i64::from(MINUTE)).ok()?);
    let minutes = u32::try_from(minutes).ok()?;
    let (begin_hour, begin_minute) = (minutes / 60, minutes % 60);
    let mut hour = least(&expression.hour, begin_hour, 23)?;
    loop {
        let begin = if hour == begin_hour { begin_minute } else { 0 };
        let mut minute = least(&expression.minute, begin, 59);
        while let Some(at) = minute {
            let is_first = (hour, at) == (begin_hour, begin_minute);
            if let Some(found) = least(&expression.micros, if is_first { micros } else { 0 }, MINUTE - 1) {
                return Some(i64::from(hour * 60 + at) * i64::from(MINUTE) + i64::from(found));
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
