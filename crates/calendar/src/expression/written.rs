//! An expression in its normal form.

use std::fmt;

use super::{Component, Expression, SECOND};
use crate::timestamp::DAYS;
use crate::zone::ZoneRef;

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.weekdays != 0x7f {
            weekdays(f, self.weekdays)?;
            f.write_str(" ")?;
        }
        field(f, &self.year, 4, 1)?;
        f.write_str("-")?;
        field(f, &self.month, 2, 1)?;
        f.write_str(if self.from_end { "~" } else { "-" })?;
        field(f, &self.day, 2, 1)?;
        f.write_str(" ")?;
        field(f, &self.hour, 2, 1)?;
        f.write_str(":")?;
        field(f, &self.minute, 2, 1)?;
        f.write_str(":")?;
        field(f, &self.micros, 2, SECOND)?;
        match &self.zone {
            ZoneRef::Local => Ok(()),
            ZoneRef::Utc => f.write_str(" UTC"),
            ZoneRef::Named(name) => write!(f, " {name}"),
        }
    }
}

/// `Mon..Thu,Sat,Sun`: two days in a row are no range.
fn weekdays(f: &mut fmt::Formatter<'_>, bits: u8) -> fmt::Result {
    let mut separator = "";
    let mut day = 0;
    while day < DAYS.len() {
        let length =
            DAYS.iter().enumerate().skip(day).take_while(|(index, _)| bits >> index & 1 == 1).count();
        if length > 0 {
            write!(f, "{separator}{}", DAYS[day])?;
            separator = ",";
        }
        if length > 1 {
            write!(f, "{}{}", if length > 2 { ".." } else { "," }, DAYS[day + length - 1])?;
        }
        day += length.max(1);
    }
    Ok(())
}

/// A field, its numbers of so many digits at least; `unit` is what makes one of them.
fn field(f: &mut fmt::Formatter<'_>, parts: &[Component], digits: usize, unit: u32) -> fmt::Result {
    let every = Component { start: 0, stop: None, repeat: SECOND };
    if parts.is_empty() || (unit == SECOND && parts.contains(&every)) {
        return f.write_str("*");
    }
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        number(f, part.start, digits, unit)?;
        if let Some(stop) = part.stop {
            f.write_str("..")?;
            number(f, stop, digits, unit)?;
        }
        if part.repeat > 0 && !(part.stop.is_some() && part.repeat == unit) {
            f.write_str("/")?;
            number(f, part.repeat, 0, unit)?;
        }
    }
    Ok(())
}

fn number(f: &mut fmt::Formatter<'_>, value: u32, digits: usize, unit: u32) -> fmt::Result {
    write!(f, "{:0digits$}", value / unit)?;
    match value % unit {
        0 => Ok(()),
        rest => write!(f, ".{rest:06}"),
    }
}
