//! Calendar expressions: `Mon..Fri *-*-* 06:30`, `monthly`, `*-02~03 Europe/Berlin`
//! (systemd.time(7), "Calendar events").

mod next;
mod read;
mod written;

use std::str::FromStr;
use std::time::Duration;

use crate::zone::{Zone, ZoneRef};

/// A second's microseconds.
const SECOND: u32 = 1_000_000;
/// The years that an expression can speak of.
const YEARS: (u32, u32) = (1970, 2199);

/// One of the numbers, ranges and repetitions between the commas of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    start: u32,
    stop: Option<u32>,
    /// Zero for none.
    repeat: u32,
}

/// What a field may be; empty for anything.
type Field = Vec<Component>;

/// When something is to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// A bit a day, Monday's the lowest; all of them for any.
    weekdays: u8,
    year: Field,
    month: Field,
    day: Field,
    /// Whether days count from the end of the month, the last being 1.
    from_end: bool,
    hour: Field,
    minute: Field,
    /// Microseconds of the minute.
    micros: Field,
    zone: ZoneRef,
}

/// A text that is no calendar expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a calendar expression: {reason}")]
pub struct ExpressionError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        read::read(text).map_err(|reason| ExpressionError { text: text.to_owned(), reason })
    }

    /// The zone that it is about.
    pub fn zone(&self) -> &ZoneRef {
        &self.zone
    }

    /// The first moment after another that it speaks of, clocks being those of a zone (that of
    /// [`Expression::zone`]); none where there is none any more.
    ///
    /// A reading of the clocks that they skip, being put forward, is passed over. One that they show
    /// twice, being put back, counts once.
    pub fn next(&self, after: Duration, zone: &Zone) -> Option<Duration> {
        next::next(self, after, zone)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;
    fn from_str(text: &str) -> Result<Expression, ExpressionError> {
        Expression::parse(text)
    }
}
