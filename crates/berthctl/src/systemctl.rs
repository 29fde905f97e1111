//! `systemctl`: services, as far as they are built.

mod show;
mod status;

use anyhow::{Result, bail};
use event::ShutdownKind;
use unit::UnitName;
use unit::control::{ErrorKind, JobAction, Reply, Request, UnitStatus};

use crate::arguments::{self, Opt, Parsed, Takes, both, long};
use crate::{client, power};

const USAGE: &str = "\
usage: systemctl [OPTION]... COMMAND [UNIT]...

  start, stop, restart, try-restart, reload, reload-or-restart UNIT...
  status UNIT...          what a unit does, and its last log lines
  show UNIT...            its properties (-p NAME, --value)
  is-active, is-failed UNIT...
  list-units              the units that are loaded (--all, --failed, --type=TYPE)
  reset-failed [UNIT]...  forget failures
  daemon-reload           read the unit files again
  reboot, poweroff, halt  end the system (-f: at once)

  --no-block              do not wait for the end of the job
  -q, --quiet             say nothing, only exit with a code

Exit codes are systemd's: is-active and status give 3 for a unit that is not active, 4 for one
that is not there.";

const KNOWN: [Opt; 16] = [
    long("no-block", Takes::Nothing),
    long("no-pager", Takes::Nothing),
    long("no-legend", Takes::Nothing),
    long("no-wall", Takes::Nothing),
    long("plain", Takes::Nothing),
    long("system", Takes::Nothing),
    long("value", Takes::Nothing),
    long("failed", Takes::Nothing),
    both("all", 'a', Takes::Nothing),
    both("full", 'l', Takes::Nothing),
    both("quiet", 'q', Takes::Nothing),
    both("force", 'f', Takes::Nothing),
    both("help", 'h', Takes::Nothing),
    both("type", 't', Takes::Value),
    both("property", 'p', Takes::Value),
    both("lines", 'n', Takes::Value),
];

/// Commands that systemd has and this has not yet.
const NOT_YET: [&str; 24] = [
    "cat",
    "disable",
    "edit",
    "emergency",
    "enable",
    "get-default",
    "is-enabled",
    "is-system-running",
    "isolate",
    "kexec",
    "kill",
    "list-dependencies",
    "list-jobs",
    "list-sockets",
    "list-timers",
    "list-unit-files",
    "mask",
    "preset",
    "preset-all",
    "reenable",
    "rescue",
    "set-default",
    "suspend",
    "unmask",
];

/// Exit code of a unit that is not active.
const NOT_ACTIVE: u8 = 3;
/// Exit code of a question about a unit that is not there.
const NO_UNIT: u8 = 4;
/// Exit code of a job for a unit that is not there.
const NO_UNIT_FOR_JOB: u8 = 5;

/// Runs `systemctl`.
///
/// # Errors
/// The arguments make no sense, or PID 1 refuses.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let mut parsed = arguments::parse(arguments, &KNOWN)?;
    if parsed.has("help") {
        println!("{USAGE}");
        return Ok(0);
    }
    let command = match parsed.words.is_empty() {
        true => "list-units".to_owned(),
        false => parsed.words.remove(0),
    };
    match command.as_str() {
        "start" => jobs(&parsed, JobAction::Start),
        "stop" => jobs(&parsed, JobAction::Stop),
        "restart" => jobs(&parsed, JobAction::Restart),
        "try-restart" | "condrestart" => jobs(&parsed, JobAction::TryRestart),
        "reload" => jobs(&parsed, JobAction::Reload),
        "reload-or-restart" => jobs(&parsed, JobAction::ReloadOrRestart),
        "status" => status::run(&parsed),
        "show" => show::run(&parsed),
        "is-active" => is_active(&parsed),
        "is-failed" => is_failed(&parsed),
        "list-units" => list(&parsed),
        "reset-failed" => reset_failed(&parsed),
        "daemon-reload" => simple(&Request::Reload),
        "reboot" => power::shut_down(ShutdownKind::Reboot, parsed.has("force")),
        "poweroff" => power::shut_down(ShutdownKind::Poweroff, parsed.has("force")),
        "halt" => power::shut_down(ShutdownKind::Halt, parsed.has("force")),
        other if NOT_YET.contains(&other) => bail!("{other} is not supported yet"),
        other => bail!("unknown command {other}\n{USAGE}"),
    }
}

/// A unit's name as people type it: without a type it is a service.
///
/// # Errors
/// It is no name.
pub fn unit_name(text: &str) -> Result<UnitName> {
    match UnitName::parse(text) {
        Ok(name) => Ok(name),
        Err(_) => Ok(UnitName::parse(&format!("{text}.service"))?),
    }
}

fn units(parsed: &Parsed) -> Result<Vec<UnitName>> {
    if parsed.words.is_empty() {
        bail!("name a unit\n{USAGE}");
    }
    parsed.words.iter().map(|word| unit_name(word)).collect()
}

fn ask_status(unit: &UnitName) -> Result<UnitStatus> {
    match client::ask(&Request::Status { unit: unit.to_string() })? {
        Reply::Status { unit } => Ok(*unit),
        Reply::Error { message, .. } => bail!(message),
        other => bail!("unexpected answer {other:?}"),
    }
}

fn jobs(parsed: &Parsed, action: JobAction) -> Result<u8> {
    let mut code = 0;
    for unit in units(parsed)? {
        let wait = !parsed.has("no-block");
        let reply = client::ask(&Request::Job { action, unit: unit.to_string(), wait })?;
        match reply {
            Reply::Error { kind, message } => {
                if !parsed.has("quiet") {
                    eprintln!("systemctl: {message}");
                }
                code = if kind == ErrorKind::NotFound { NO_UNIT_FOR_JOB } else { 1 };
            }
            Reply::Done => {}
            other => bail!("unexpected answer {other:?}"),
        }
    }
    Ok(code)
}

fn simple(request: &Request) -> Result<u8> {
    match client::ask(request)? {
        Reply::Done => Ok(0),
        Reply::Error { message, .. } => bail!(message),
        other => bail!("unexpected answer {other:?}"),
    }
}

fn reset_failed(parsed: &Parsed) -> Result<u8> {
    if parsed.words.is_empty() {
        return simple(&Request::ResetFailed { unit: None });
    }
    for unit in units(parsed)? {
        simple(&Request::ResetFailed { unit: Some(unit.to_string()) })?;
    }
    Ok(0)
}

fn is_active(parsed: &Parsed) -> Result<u8> {
    let mut code = NO_UNIT;
    for unit in units(parsed)? {
        let status = ask_status(&unit)?;
        if !parsed.has("quiet") {
            println!("{}", status.active);
        }
        // One that is active is enough; one that is there tells more than one that is not.
        code = match status.active.as_str() {
            "active" | "reloading" => 0,
            _ if status.load == "not-found" => code,
            _ => code.min(NOT_ACTIVE),
        };
    }
    Ok(code)
}

fn is_failed(parsed: &Parsed) -> Result<u8> {
    let mut code = 1;
    for unit in units(parsed)? {
        let status = ask_status(&unit)?;
        if !parsed.has("quiet") {
            println!("{}", status.active);
        }
        if status.active == "failed" {
            code = 0;
        }
    }
    Ok(code)
}

fn list(parsed: &Parsed) -> Result<u8> {
    if !parsed.words.is_empty() {
        bail!("patterns are not supported yet");
    }
    let units = match client::ask(&Request::List)? {
        Reply::List { units } => units,
        Reply::Error { message, .. } => bail!(message),
        other => bail!("unexpected answer {other:?}"),
    };
    let types: Vec<&str> = parsed.values("type").flat_map(|types| types.split(',')).collect();
    let wanted = |unit: &&UnitStatus| {
        let kind = unit.name.rsplit('.').next().unwrap_or("");
        let shown = parsed.has("all") || unit.active != "inactive" || unit.job.is_some();
        let failed = !parsed.has("failed") || unit.active == "failed";
        shown && failed && (types.is_empty() || types.contains(&kind))
    };
    let units: Vec<&UnitStatus> = units.iter().filter(wanted).collect();
    let width = |get: fn(&UnitStatus) -> &str, least: usize| {
        units.iter().map(|unit| get(unit).len()).max().unwrap_or(0).max(least)
    };
    let (name, load) = (width(|unit| &unit.name, 4), width(|unit| &unit.load, 4));
    let (active, sub) = (width(|unit| &unit.active, 6), width(|unit| &unit.sub, 3));
    let row = |a: &str, b: &str, c: &str, d: &str, e: &str| {
        println!("{}", format!("{a:name$} {b:load$} {c:active$} {d:sub$} {e}").trim_end());
    };
    if !parsed.has("no-legend") {
        row("UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION");
    }
    for unit in &units {
        row(&unit.name, &unit.load, &unit.active, &unit.sub, &unit.description);
    }
    if !parsed.has("no-legend") {
        println!("\n{} units listed.", units.len());
    }
    Ok(0)
}
