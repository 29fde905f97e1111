//! Reading a calendar expression.

use super::{Component, Expression, Field, SECOND, YEARS};
use crate::civil::Wall;
use crate::timestamp::{DAYS, LONG_DAYS, micros};
use crate::zone::{ZoneRef, is_zone_name};

/// Words for what is wanted often.
const WORDS: [(&str, &str); 13] = [
    ("minutely", "*-*-* *:*:00"),
    ("hourly", "*-*-* *:00:00"),
    ("daily", "*-*-* 00:00:00"),
    ("monthly", "*-*-01 00:00:00"),
    ("weekly", "Mon *-*-* 00:00:00"),
    ("annually", "*-01-01 00:00:00"),
    ("yearly", "*-01-01 00:00:00"),
    // As systemd takes it.
    ("anually", "*-01-01 00:00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00:00"),
    ("semiannually", "*-01,07-01 00:00:00"),
    ("semi-annually", "*-01,07-01 00:00:00"),
    ("biannually", "*-01,07-01 00:00:00"),
    ("bi-annually", "*-01,07-01 00:00:00"),
];

/// The most parts that a field may have.
const PARTS_MAX: usize = 240;
/// The greatest number that may stand in an expression.
const NUMBER_MAX: u64 = i32::MAX as u64;

type Outcome<T> = Result<T, &'static str>;

/// What is yet to be read.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    /// Takes what comes next, where it is that.
    fn take(&mut self, wanted: &str) -> bool {
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn at(&self, characters: &[char]) -> bool {
        self.0.starts_with(characters)
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }

    fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn digits(&mut self) -> &str {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }
}

pub(super) fn read(text: &str) -> Outcome<Expression> {
    let (text, zone) = cut_zone(text);
    if text.is_empty() {
        return Err("it is empty");
    }
    let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    let mut expression = Expression {
        weekdays: 0,
        year: Field::new(),
        month: Field::new(),
        day: Field::new(),
        from_end: false,
        hour: Field::new(),
        minute: Field::new(),
        micros: Field::new(),
        zone,
    };
    let mut cursor = Cursor(word.map_or(text, |(_, meaning)| meaning));
    read_weekdays(&mut cursor, &mut expression.weekdays)?;
    if cursor.take("@") {
        read_moment(&mut cursor, &mut expression)?;
    } else {
        read_date(&mut cursor, &mut expression)?;
        read_time(&mut cursor, &mut expression)?;
    }
    if !cursor.is_at_end() {
        return Err("something follows it that is none of it");
    }
    normalize(&mut expression);
    check(&expression)?;
    Ok(expression)
}

/// Cuts off the zone.
fn cut_zone(text: &str) -> (&str, ZoneRef) {
    match text.rsplit_once(' ') {
        Some((rest, word)) if word.eq_ignore_ascii_case("UTC") => (rest, ZoneRef::Utc),
        Some((rest, word)) if is_zone_name(word) && !is_day(word) => (rest, ZoneRef::Named(word.to_owned())),
        _ => (text, ZoneRef::Local),
    }
}

fn is_day(word: &str) -> bool {
    DAYS.iter().chain(&LONG_DAYS).any(|day| day.eq_ignore_ascii_case(word))
}

/// Reads days of the week, where the text begins with some: `Mon,Wed..Fri `.
fn read_weekdays(cursor: &mut Cursor, bits: &mut u8) -> Outcome<()> {
    let mut range: Option<usize> = None;
    let mut is_first = true;
    loop {
        let found = LONG_DAYS.iter().enumerate().chain(DAYS.iter().enumerate()).find_map(|(index, day)| {
            let head = cursor.0.get(..day.len())?;
            head.eq_ignore_ascii_case(day).then(|| (index, &cursor.0[day.len()..]))
        });
        let Some((day, rest)) = found else {
            return if is_first { Ok(()) } else { Err("a day of the week is missing") };
        };
        cursor.0 = rest;
        if !cursor.is_at_end() && !cursor.at(&['-', '.', ',', ' ']) {
            return Err("something follows the day of the week");
        }
        let first = range.unwrap_or(day);
        if first > day {
            return Err("a range of days ends before it begins");
        }
        (first..=day).for_each(|day| *bits |= 1 << day);
        if cursor.is_at_end() {
            return Ok(());
        }
        if cursor.at(&[' ']) {
            cursor.skip_blanks();
            return Ok(());
        }
        let is_list = cursor.take(",");
        if is_list {
            range = None;
        } else if range.is_some() || !(cursor.take("..") || cursor.take("-")) {
            return Err("days of the week are separated by commas, a range has two points");
        } else {
            range = Some(day);
        }
        if cursor.is_at_end() || cursor.at(&[' ']) {
            cursor.skip_blanks();
            return if is_list { Ok(()) } else { Err("a range of days has no end") };
        }
        is_first = false;
    }
}

/// Reads the seconds since 1970 that stand for a moment in UTC.
fn read_moment(cursor: &mut Cursor, expression: &mut Expression) -> Outcome<()> {
    let seconds: i64 = cursor.digits().parse().map_err(|_| "the seconds since 1970 are no number")?;
    let micros = seconds.checked_mul(i64::from(SECOND)).ok_or("the moment is too far away")?;
    let (date, minutes) = (Wall(micros).date(), Wall(micros).of_day() / (60 * i64::from(SECOND)));
    let one = |number: i64| {
        let start = u32::try_from(number).map_err(|_| "the moment is too far away")?;
        Ok::<_, &str>(vec![Component { start, stop: None, repeat: 0 }])
    };
    expression.year = one(date.year.into())?;
    expression.month = one(date.month.into())?;
    expression.day = one(date.day.into())?;
    expression.hour = one(minutes / 60)?;
    expression.minute = one(minutes % 60)?;
    expression.micros = one(micros % (60 * i64::from(SECOND)))?;
    expression.zone = ZoneRef::Utc;
    Ok(())
}

/// Reads the date, where there is one.
fn read_date(cursor: &mut Cursor, expression: &mut Expression) -> Outcome<()> {
    if cursor.is_at_end() {
        return Ok(());
    }
    let begin = cursor.0;
    let first = read_field(cursor, false)?;
    // With a colon behind it, it was the hour.
    if cursor.is_at_end() || cursor.at(&[':']) {
        cursor.0 = begin;
        return Ok(());
    }
    expression.from_end = read_separator(cursor)?;
    let second = read_field(cursor, false)?;
    if cursor.is_at_end() || cursor.at(&[' ']) {
        cursor.skip_blanks();
        (expression.month, expression.day) = (first, second);
        return Ok(());
    }
    if expression.from_end {
        return Err("~ stands before the day");
    }
    expression.from_end = read_separator(cursor)?;
    let third = read_field(cursor, false)?;
    if !cursor.is_at_end() && !cursor.at(&[' ']) {
        return Err("a blank stands between date and time");
    }
    cursor.skip_blanks();
    (expression.year, expression.month, expression.day) = (first, second, third);
    Ok(())
}

/// Reads what stands between the parts of a date: whether days count from the month's end.
fn read_separator(cursor: &mut Cursor) -> Outcome<bool> {
    let from_end = cursor.take("~");
    match from_end || cursor.take("-") {
        true => Ok(from_end),
        false => Err("a date is YEAR-MONTH-DAY or MONTH-DAY"),
    }
}

/// Reads the time; where there is none it is midnight.
fn read_time(cursor: &mut Cursor, expression: &mut Expression) -> Outcome<()> {
    let zero = || vec![Component { start: 0, stop: None, repeat: 0 }];
    expression.micros = zero();
    if cursor.is_at_end() {
        (expression.hour, expression.minute) = (zero(), zero());
        return Ok(());
    }
    expression.hour = read_field(cursor, false)?;
    if !cursor.take(":") {
        return Err("a time is HOUR:MINUTE or HOUR:MINUTE:SECOND");
    }
    expression.minute = read_field(cursor, false)?;
    if cursor.take(":") {
        expression.micros = read_field(cursor, true)?;
    }
    Ok(())
}

/// Reads a field: `*`, or parts between commas.
fn read_field(cursor: &mut Cursor, is_seconds: bool) -> Outcome<Field> {
    if cursor.take("*") {
        return Ok(match is_seconds {
            true => vec![Component { start: 0, stop: None, repeat: SECOND }],
            false => Field::new(),
        });
    }
    let mut field = Field::new();
    loop {
        field.push(read_component(cursor, is_seconds)?);
        if field.len() > PARTS_MAX {
            return Err("a field has too many parts");
        }
        if !cursor.take(",") {
            return Ok(field);
        }
    }
}

/// Reads `5`, `5..9`, `5/2`, `5..9/2`.
fn read_component(cursor: &mut Cursor, is_seconds: bool) -> Outcome<Component> {
    let start = read_number(cursor, is_seconds)?;
    let (mut stop, mut repeat) = (None, 0);
    if cursor.take("..") {
        stop = Some(read_number(cursor, is_seconds)?);
        repeat = if is_seconds { SECOND } else { 1 };
    }
    if cursor.take("/") {
        repeat = read_number(cursor, is_seconds)?;
        if repeat == 0 {
            return Err("what repeats, repeats after more than nothing");
        }
    } else if is_seconds && stop.is_some_and(|stop| start.saturating_add(repeat) > stop) {
        // Of less than a second only a repetition says what is in it.
        return Err("a range of seconds is longer than one");
    }
    match cursor.is_at_end() || cursor.at(&[' ', ',', '-', '~', ':']) {
        true => Ok(Component { start, stop, repeat }),
        false => Err("a number is followed by something strange"),
    }
}

/// Reads a number; of seconds with their fraction, as microseconds.
fn read_number(cursor: &mut Cursor, is_seconds: bool) -> Outcome<u32> {
    let whole: u64 = cursor.digits().parse().map_err(|_| "a number is missing")?;
    let mut value = whole;
    if is_seconds {
        value = whole.checked_mul(u64::from(SECOND)).ok_or("a number is too great")?;
        if cursor.at(&['.']) && !cursor.0.starts_with("..") {
            cursor.take(".");
            let fraction = micros(cursor.digits()).ok_or("a fraction has no digits")?;
            value += u64::from(fraction.unsigned_abs());
        }
    }
    u32::try_from(value).ok().filter(|_| value <= NUMBER_MAX).ok_or("a number is too great")
}

/// Brings what means the same to the same form.
fn normalize(expression: &mut Expression) {
    if expression.weekdays == 0 {
        expression.weekdays = 0x7f;
    }
    if expression.day.is_empty() {
        expression.from_end = false;
    }
    let full = |year: &mut u32| match *year {
        0..70 => *year += 2000,
        70..100 => *year += 1900,
        _ => {}
    };
    for year in &mut expression.year {
        full(&mut year.start);
        year.stop.iter_mut().for_each(full);
    }
    let Expression { year, month, day, hour, minute, micros, .. } = expression;
    for field in [year, month, day, hour, minute, micros] {
        for part in field.iter_mut() {
            let Some(stop) = part.stop.as_mut() else { continue };
            if *stop > part.start && part.repeat > 0 {
                *stop -= (*stop - part.start) % part.repeat;
            }
            // One that does not even repeat once is a number.
            if *stop == part.start {
                (part.stop, part.repeat) = (None, 0);
            }
        }
        field.sort_unstable();
        field.dedup();
    }
}

/// Checks that every number is one of its field's.
fn check(expression: &Expression) -> Outcome<()> {
    let Expression { year, month, day, hour, minute, micros, from_end, .. } = expression;
    // Before the 28th last no month has all days.
    let last_day = if *from_end { 28 } else { 31 };
    for (field, (from, to), is_from_end, reason) in [
        (year, YEARS, false, "a year is from 1970 to 2199"),
        (month, (1, 12), false, "a month is from 1 to 12"),
        (day, (1, last_day), *from_end, "a day is from 1 to 31, from the month's end from 1 to 28"),
        (hour, (0, 23), false, "an hour is from 0 to 23"),
        (minute, (0, 59), false, "a minute is from 0 to 59"),
        (micros, (0, 60 * SECOND - 1), false, "a second is from 0 to below 60"),
    ] {
        let is_right = |part: &Component| {
            let ends = match part.stop {
                Some(stop) => stop <= to && part.start + part.repeat <= stop,
                None if is_from_end => part.repeat + from <= part.start,
                None => part.start + part.repeat <= to,
            };
            (from..=to).contains(&part.start) && part.repeat <= to - from && ends
        };
        if !field.iter().all(is_right) {
            return Err(reason);
        }
    }
    Ok(())
}
