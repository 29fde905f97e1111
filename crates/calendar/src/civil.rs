//! Dates, and what a clock on the wall shows: the Gregorian calendar, before its time, too.

const DAY: i64 = 86_400_000_000;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Date {
    /// The date of a year, month and day; none where there is no such day.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Date> {
        let is_month = (1..=12).contains(&month) && (-9999..=9999).contains(&year);
        (is_month && (1..=days_in_month(year, month)).contains(&day)).then_some(Date { year, month, day })
    }

    /// The date so many days after 1970 began. Years begin in March here, so that the leap day is
    /// their last.
    pub fn from_days(days: i64) -> Date {
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        let small = |number: i64| u32::try_from(number).unwrap_or(1);
        Date { year: i32::try_from(year).unwrap_or(i32::MAX), month: small(month), day: small(day) }
    }

    /// The days since 1970 began.
    pub fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let of_era = year.rem_euclid(400);
        year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The day of the week, 0 being Monday. 1970 began on a Thursday.
    pub fn weekday(self) -> u32 {
        u32::try_from((self.days() + 3).rem_euclid(7)).unwrap_or(0)
    }
}

/// How many days a month has.
pub fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What a clock with a calendar shows: the microseconds since it showed that 1970 began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(pub i64);

impl Wall {
    /// A date, and the microseconds since it began.
    pub fn at(date: Date, micros: i64) -> Wall {
        Wall(date.days() * DAY + micros)
    }

    /// Its date.
    pub fn date(self) -> Date {
        Date::from_days(self.0.div_euclid(DAY))
    }

    /// The microseconds since its date began.
    pub fn of_day(self) -> i64 {
        self.0.rem_euclid(DAY)
    }
}
