//! Settings of a unit's log, from systemd.exec(5).

use crate::load::setter::{Outcome, Setter, text};
use crate::service::log::LogSettings;
use crate::text::value::{self, Bound};

/// Names of levels (syslog(3)), by number.
const LEVELS: [(&str, u8); 8] = [
    ("emerg", 0),
    ("alert", 1),
    ("crit", 2),
    ("err", 3),
    ("warning", 4),
    ("notice", 5),
    ("info", 6),
    ("debug", 7),
];
/// Names of facilities (syslog(3)), by number.
const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Applies one directive; false where it is none of these.
pub(super) fn assign(log: &mut LogSettings, setter: &Setter, key: &str) -> Outcome<bool> {
    let default = LogSettings::default();
    let is_empty = setter.value.is_empty();
    match key {
        "SyslogIdentifier" => setter.option(&mut log.identifier)?,
        "SyslogFacility" if is_empty => log.facility = default.facility,
        "SyslogFacility" => log.facility = number(setter, &FACILITIES)?,
        "SyslogLevel" if is_empty => log.level = default.level,
        "SyslogLevel" => log.level = number(setter, &LEVELS)?,
        "SyslogLevelPrefix" => log.level_prefix = value::boolean(setter.value).map_err(text)?,
        "LogLevelMax" if is_empty => log.level_max = None,
        "LogLevelMax" => log.level_max = Some(number(setter, &LEVELS)?),
        "LogRateLimitIntervalSec" => {
            log.interval_us = Some(match value::time_span(setter.value).map_err(text)? {
                Bound::Finite(span) => u64::try_from(span.as_micros()).unwrap_or(u64::MAX),
                Bound::Infinite => u64::MAX,
            });
        }
        "LogRateLimitBurst" => {
            let burst = setter.value.parse().map_err(|_| "expected a number of messages".to_owned())?;
            log.burst = Some(burst);
        }
        "LogExtraFields" => setter.list(&mut log.extra, extra)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A name of the table, or a number that is in it.
fn number(setter: &Setter, table: &[(&'static str, u8)]) -> Outcome<u8> {
    match setter.value.parse::<u8>() {
        Ok(number) if table.iter().any(|(_, known)| *known == number) => Ok(number),
        _ => setter.choice(table),
    }
}

/// `NAME=value`: capital letters, digits and underscores, beginning with a letter.
fn extra(word: String) -> Outcome<(String, String)> {
    let is_name = |name: &str| {
        name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    match word.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{word:?} is not a field of capital letters and its value")),
    }
}
