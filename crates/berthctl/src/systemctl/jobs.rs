//! Verbs that have PID 1 do something to units.

use anyhow::{Context, Result, bail};
use unit::UnitName;
use unit::control::{ErrorKind, JobAction, KillWhom, Reply, Request, UNITS_MAX, UnitError};
use unit::text::signal::Signal;

use super::{NO_UNIT_FOR_JOB, units};
use crate::arguments::Parsed;
use crate::{client, names};

pub(super) fn run(parsed: &Parsed, action: JobAction) -> Result<u8> {
    let units = units(parsed)?;
    let code = ask(parsed, action, &units)?;
    let waits = parsed.has("wait") && !parsed.has("no-block");
    if !waits || !matches!(action, JobAction::Start | JobAction::Restart) {
        return Ok(code);
    }
    let mut code = code;
    for unit in units {
        if client::await_end(&unit)?.active == "failed" {
            code = code.max(1);
        }
    }
    Ok(code)
}

/// Isolates the unit that is named, or the target of a verb.
pub(super) fn isolate(parsed: &Parsed, verb: Option<&str>) -> Result<u8> {
    let unit = match (verb, parsed.words.as_slice()) {
        (Some(target), []) => names::with_suffix(target, "target")?,
        (None, [unit]) => names::with_suffix(unit, "target")?,
        (Some(verb), _) => bail!("{verb} takes no unit"),
        (None, _) => bail!("isolate takes one unit"),
    };
    ask(parsed, JobAction::Isolate, &[unit])
}

/// Asks for jobs of units, says what was not done, and gives the exit code.
pub(super) fn ask(parsed: &Parsed, action: JobAction, units: &[UnitName]) -> Result<u8> {
    let mut code = 0;
    for units in units.chunks(UNITS_MAX) {
        let names: Vec<String> = units.iter().map(ToString::to_string).collect();
        let request = Request::Job { action, units: names.clone(), wait: !parsed.has("no-block") };
        let errors = match client::ask(&request)? {
            Reply::Done => Vec::new(),
            Reply::Error { kind, message } => {
                vec![UnitError { unit: names.first().cloned().unwrap_or_default(), kind, message }]
            }
            Reply::Errors { errors } => errors,
            other => return client::unexpected(other),
        };
        for UnitError { unit, kind, message } in errors {
            if !parsed.has("quiet") {
                match kind {
                    ErrorKind::Job => eprintln!("Job for {message}"),
                    _ => eprintln!("Failed to {} {unit}: {message}", verb(action)),
                }
            }
            code = if kind == ErrorKind::NotFound { NO_UNIT_FOR_JOB } else { code.max(1) };
        }
    }
    Ok(code)
}

fn verb(action: JobAction) -> &'static str {
    match action {
        JobAction::Start => "start",
        JobAction::Stop => "stop",
        JobAction::Restart => "restart",
        JobAction::TryRestart => "try-restart",
        JobAction::Reload => "reload",
        JobAction::ReloadOrRestart => "reload-or-restart",
        JobAction::TryReloadOrRestart => "try-reload-or-restart",
        JobAction::Isolate => "isolate",
    }
}

pub(super) fn kill(parsed: &Parsed) -> Result<u8> {
    let whom = match parsed.value("kill-whom").or(parsed.value("kill-who")) {
        None | Some("all") => KillWhom::All,
        Some("main") => KillWhom::Main,
        Some("control") => KillWhom::Control,
        Some(other) => bail!("--kill-whom takes main, control or all, not {other}"),
    };
    let signal = match parsed.value("signal") {
        None => Signal::TERM,
        Some(name) => Signal::parse(name).with_context(|| format!("there is no signal {name}"))?,
    };
    let mut code = 0;
    for unit in units(parsed)? {
        let request = Request::Kill { unit: unit.to_string(), whom, signal: signal.0 };
        match client::ask(&request)? {
            Reply::Done => {}
            Reply::Error { message, .. } => {
                eprintln!("Failed to kill unit {unit}: {message}");
                code = 1;
            }
            other => return client::unexpected(other),
        }
    }
    Ok(code)
}

pub(super) fn reset_failed(parsed: &Parsed) -> Result<u8> {
    if parsed.words.is_empty() {
        client::order(&Request::ResetFailed { unit: None })?;
        return Ok(0);
    }
    for unit in units(parsed)? {
        client::order(&Request::ResetFailed { unit: Some(unit.to_string()) })?;
    }
    Ok(0)
}
