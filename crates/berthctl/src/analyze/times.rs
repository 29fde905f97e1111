//! `systemd-analyze calendar`, `timespan` and `timestamp`: what PID 1 would make of a time.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use calendar::timestamp::{self, Style};
use calendar::{Expression, Zone, Zones, span};
use zoneinfo::Zoneinfo;

use crate::arguments::Parsed;

/// Rows of a name and its value.
type Rows = Vec<(String, String)>;

pub(super) fn calendar(parsed: &Parsed) -> Result<()> {
    let now = sys::machine::wall_clock();
    let zones = Zoneinfo::of_caller();
    let base = match parsed.value("base-time") {
        Some(text) => timestamp::parse(text, now, &zones)?,
        None => now,
    };
    let count = match parsed.value("iterations") {
        Some(text) => text.parse().with_context(|| format!("--iterations takes a number, not {text}"))?,
        None => 1,
    };
    each(parsed, |text| {
        let expression = Expression::parse(text)?;
        let zone = expression.zone().resolve(&zones, now);
        let zone = zone.with_context(|| format!("{text}: there is no time zone of that name"))?;
        let mut rows = forms(text, &expression.to_string());
        let found = std::iter::successors(expression.next(base, &zone), |at| expression.next(*at, &zone));
        for (index, at) in found.take(count).enumerate() {
            let name =
                if index == 0 { "Next elapse".to_owned() } else { format!("Iteration #{}", index + 1) };
            rows.extend(moment(&name, at, now, &zones.local()));
        }
        if rows.len() <= 2 && expression.next(base, &zone).is_none() {
            rows.push(("Next elapse".to_owned(), "never".to_owned()));
        }
        Ok(rows)
    })
}

pub(super) fn timespan(parsed: &Parsed) -> Result<()> {
    each(parsed, |text| {
        let time = span::parse(text)?;
        let micros = time.map_or(u64::MAX, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        let human = time.map_or_else(|| "infinity".to_owned(), |_| span::span(micros, 1));
        let rows = [("Original", text.to_owned()), ("\u{3bc}s", micros.to_string()), ("Human", human)];
        Ok(rows.map(|(name, value)| (name.to_owned(), value)).to_vec())
    })
}

pub(super) fn timestamp(parsed: &Parsed) -> Result<()> {
    let now = sys::machine::wall_clock();
    let zones = Zoneinfo::of_caller();
    each(parsed, |text| {
        let at = timestamp::parse(text, now, &zones)?;
        let mut rows = vec![("Original form".to_owned(), text.to_owned())];
        let mut told = moment("Normalized form", at, now, &zones.local());
        let from_now = told.split_off(told.len() - 1);
        rows.extend(told);
        let fraction = match at.subsec_micros() {
            0 => String::new(),
            micros => format!(".{micros:06}"),
        };
        rows.push(("UNIX seconds".to_owned(), format!("@{}{fraction}", at.as_secs())));
        rows.extend(from_now);
        Ok(rows)
    })
}

/// Tells of each word in a table of its own.
fn each(parsed: &Parsed, tell: impl Fn(&str) -> Result<Rows>) -> Result<()> {
    if parsed.words.is_empty() {
        bail!("name a time; for example:  systemd-analyze calendar 'Mon..Fri 06:30'");
    }
    for (index, text) in parsed.words.iter().enumerate() {
        if index > 0 {
            println!();
        }
        let rows = tell(text)?;
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in rows {
            println!("{name:>width$}: {value}");
        }
    }
    Ok(())
}

/// What was typed, where it is not the normal form, and that.
fn forms(text: &str, normal: &str) -> Rows {
    let typed = (text != normal).then(|| ("Original form".to_owned(), text.to_owned()));
    typed.into_iter().chain([("Normalized form".to_owned(), normal.to_owned())]).collect()
}

/// A moment in the zone, in UTC where that is another, and by its distance.
fn moment(name: &str, at: Duration, now: Duration, zone: &Zone) -> Rows {
    let mut rows = vec![(name.to_owned(), timestamp::format(at, zone, Style::Seconds))];
    if !zone.is_utc(at) {
        rows.push(("(in UTC)".to_owned(), timestamp::format(at, &Zone::utc(), Style::Seconds)));
    }
    rows.push(("From now".to_owned(), timestamp::from_now(at, now)));
    rows
}
