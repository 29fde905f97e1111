//! The timer of a command that does not run at once.

use anyhow::{Context, Result};
use unit::UnitName;

use super::one_line;
use super::text::{Text, literal};
use crate::arguments::Parsed;

/// Options, and the directives that their values are of.
const ELAPSES: [(&str, &str); 6] = [
    ("on-active", "OnActiveSec"),
    ("on-boot", "OnBootSec"),
    ("on-startup", "OnStartupSec"),
    ("on-unit-active", "OnUnitActiveSec"),
    ("on-unit-inactive", "OnUnitInactiveSec"),
    ("on-calendar", "OnCalendar"),
];
const CHANGES: [(&str, &str); 2] =
    [("on-clock-change", "OnClockChange"), ("on-timezone-change", "OnTimezoneChange")];

/// Whether a command line asks for a timer.
pub fn is_asked_for(parsed: &Parsed) -> bool {
    ELAPSES.iter().chain(&CHANGES).any(|(option, _)| parsed.has(option))
}

/// The timer that starts a unit, and its text.
///
/// # Errors
/// A time is none, or a property is not built.
pub fn file(parsed: &Parsed, unit: &UnitName, command: &[String]) -> Result<(UnitName, String)> {
    let name = UnitName::parse(&format!("{}.timer", unit.stem()))?;
    let mut text = Text::of("Timer");
    let runs = if command.is_empty() { unit.to_string() } else { command.join(" ") };
    let description = parsed.value("description").unwrap_or(&runs);
    text.unit("Description", &literal(&description.replace('\n', " ")));
    for (option, directive) in ELAPSES {
        for value in parsed.values(option) {
            check(directive, value)?;
            text.own(directive, &literal(one_line(value)?));
        }
    }
    for (_, directive) in CHANGES.iter().filter(|(option, _)| parsed.has(option)) {
        text.own(directive, "yes");
    }
    text.own("Unit", unit.as_str());
    text.own("RemainAfterElapse", "no");
    for property in parsed.values("timer-property") {
        let (name, value) = property
            .split_once('=')
            .with_context(|| format!("--timer-property takes NAME=VALUE, not {property}"))?;
        text.property(name, one_line(value)?)?;
    }
    Ok((name, text.finish()))
}

/// In a unit's file a bad value is passed over; here somebody waits to be told.
fn check(directive: &str, value: &str) -> Result<()> {
    match directive {
        "OnCalendar" => calendar::Expression::parse(value).map(drop)?,
        _ => calendar::span::parse(value).map(drop)?,
    }
    Ok(())
}
