//! `systemd-run`: a command as a service that is there until it ends; by a timer, where one is asked for.

mod text;
mod timer;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use unit::UnitName;
use unit::control::{JobAction, Reply, Request, UnitStatus};

use crate::arguments::{self, Opt, Parsed, Takes, both, long};
use crate::client;
use crate::names::unit_name;
use crate::time::span;
use text::Text;

const USAGE: &str = "\
usage: systemd-run [OPTION]... COMMAND [ARGUMENT]...

Runs COMMAND as a service of its own, which is gone when it ends.

      --unit=NAME             its name (run-....service)
      --description=TEXT
  -p, --property=NAME=VALUE   any directive of [Unit] or [Service]
  -E, --setenv=NAME[=VALUE]   a variable; without a value, this environment's
      --uid=USER, --gid=GROUP
      --slice=SLICE
      --working-directory=DIR
  -d, --same-dir              the folder that this is run in
      --service-type=TYPE
      --nice=NICE
  -r, --remain-after-exit     the service stays when the command has ended
  -G, --collect               it goes also when it has failed
      --wait                  wait for its end, and exit as it does
      --no-block              do not wait for its start
  -q, --quiet

With one of these it runs when a timer elapses, which is gone when it will not any more. Without COMMAND it is
the unit of --unit that the timer starts.
      --on-active, --on-boot, --on-startup, --on-unit-active, --on-unit-inactive=SPAN
      --on-calendar=EXPRESSION
      --on-clock-change, --on-timezone-change
      --timer-property=NAME=VALUE   any directive of [Unit] or [Timer]

For example:
  systemd-run --wait -p MemoryMax=1G -E LEVEL=2 /usr/local/bin/import
  systemd-run --on-calendar='Mon..Fri 06:30' --unit=report /usr/local/bin/report";

const KNOWN: [Opt; 26] = [
    long("unit", Takes::Value),
    long("description", Takes::Value),
    both("property", 'p', Takes::Value),
    both("setenv", 'E', Takes::Value),
    long("uid", Takes::Value),
    long("gid", Takes::Value),
    long("slice", Takes::Value),
    long("working-directory", Takes::Value),
    both("same-dir", 'd', Takes::Nothing),
    long("service-type", Takes::Value),
    long("nice", Takes::Value),
    both("remain-after-exit", 'r', Takes::Nothing),
    both("collect", 'G', Takes::Nothing),
    long("wait", Takes::Nothing),
    long("no-block", Takes::Nothing),
    both("quiet", 'q', Takes::Nothing),
    long("system", Takes::Nothing),
    long("on-active", Takes::Value),
    long("on-boot", Takes::Value),
    long("on-startup", Takes::Value),
    long("on-unit-active", Takes::Value),
    long("on-unit-inactive", Takes::Value),
    long("on-calendar", Takes::Value),
    long("on-clock-change", Takes::Nothing),
    long("on-timezone-change", Takes::Nothing),
    long("timer-property", Takes::Value),
];

/// Where programs are looked for without PATH.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Runs `systemd-run`.
///
/// # Errors
/// The arguments make no sense, or PID 1 does not start the service.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let (own, command) = arguments::split_command(arguments, &KNOWN);
    let Some(parsed) = arguments::read(own, &KNOWN, USAGE)? else {
        return Ok(0);
    };
    let has_timer = timer::is_asked_for(&parsed);
    for (other, is_given) in [("--no-block", parsed.has("no-block")), ("a timer", has_timer)] {
        if parsed.has("wait") && is_given {
            bail!("--wait and {other} do not go together");
        }
    }
    let name = match parsed.value("unit") {
        Some(name) => unit_name(name)?,
        None => new_name()?,
    };
    let mut files = Vec::new();
    match command.split_first() {
        Some((program, arguments)) => {
            let mut argv = vec![find_program(program)?];
            argv.extend(arguments.iter().cloned());
            files.push((name.clone(), unit_text(&parsed, &argv)?));
        }
        None if has_timer && parsed.has("unit") => {}
        None => bail!("name a command\n{USAGE}"),
    }
    if has_timer {
        files.push(timer::file(&parsed, &name, &command)?);
    }
    make(&files)?;
    let started = files.last().map_or(&name, |(name, _)| name);
    let request = Request::Job {
        action: JobAction::Start,
        units: vec![started.to_string()],
        wait: !parsed.has("no-block"),
    };
    if !parsed.has("quiet") {
        let what = if has_timer { "timer as" } else { "as" };
        eprintln!("Running {what} unit: {started}");
        if files.len() > 1 {
            eprintln!("Will run service as unit: {name}");
        }
    }
    match client::ask(&request)? {
        Reply::Done => {}
        // With --wait its end tells more.
        Reply::Error { kind: unit::control::ErrorKind::Job, .. } if parsed.has("wait") => {}
        Reply::Error { message, .. } => bail!(message),
        other => return client::unexpected(other),
    }
    if !parsed.has("wait") {
        return Ok(0);
    }
    let ended = client::await_end(&name)?;
    if !parsed.has("quiet") {
        tell(&ended);
    }
    Ok(exit_code(&ended))
}

/// Makes transient units that are not there yet.
fn make(files: &[(UnitName, String)]) -> Result<()> {
    let transient = client::manager()?.transient;
    for (name, _) in files {
        let status = client::status(name)?;
        if status.load != "not-found" {
            bail!("{name} is there already ({}, {})", status.load, status.active);
        }
    }
    for (name, text) in files {
        write(&Path::new(&transient).join(name.as_str()), text)?;
    }
    Ok(())
}

/// The unit's text, by the options.
fn unit_text(parsed: &Parsed, argv: &[String]) -> Result<String> {
    let mut text = Text::of("Service");
    let description = parsed.value("description").map_or_else(|| argv.join(" "), str::to_owned);
    text.unit("Description", &text::literal(&description.replace('\n', " ")));
    text.unit("CollectMode", if parsed.has("collect") { "inactive-or-failed" } else { "inactive" });
    for (option, directive) in [
        ("service-type", "Type"),
        ("uid", "User"),
        ("gid", "Group"),
        ("nice", "Nice"),
        ("working-directory", "WorkingDirectory"),
    ] {
        if let Some(value) = parsed.value(option) {
            text.own(directive, &text::literal(one_line(value)?));
        }
    }
    if let Some(slice) = parsed.value("slice") {
        text.own("Slice", crate::names::with_suffix(slice, "slice")?.as_str());
    }
    if parsed.has("same-dir") {
        let folder = std::env::current_dir().context("cannot read the working directory")?;
        text.own("WorkingDirectory", &text::literal(one_line(&folder.to_string_lossy())?));
    }
    if parsed.has("remain-after-exit") {
        text.own("RemainAfterExit", "yes");
    }
    for variable in parsed.values("setenv") {
        let assignment = match variable.split_once('=') {
            Some(_) => variable.to_owned(),
            None => format!("{variable}={}", std::env::var(variable).unwrap_or_default()),
        };
        text.own("Environment", &text::quoted(&assignment));
    }
    text.own("ExecStart", &text::command_line(argv));
    // Last: what is stated in so many words wins.
    for property in parsed.values("property") {
        let (name, value) =
            property.split_once('=').with_context(|| format!("-p takes NAME=VALUE, not {property}"))?;
        text.property(name, one_line(value)?)?;
    }
    Ok(text.finish())
}

/// A value that stays in its line.
fn one_line(value: &str) -> Result<&str> {
    if value.contains(['\n', '\r', '\0']) || value.ends_with('\\') {
        bail!("{value:?} cannot stand in a unit file's line");
    }
    Ok(value)
}

/// A name that no other unit has.
fn new_name() -> Result<UnitName> {
    let random = sys::random::name_16().context("no random number")?;
    let number: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(UnitName::parse(&format!("run-r{number}.service"))?)
}

/// The absolute path of a program.
fn find_program(program: &str) -> Result<String> {
    if program.contains('/') {
        let path = std::path::absolute(program).with_context(|| format!("cannot find {program}"))?;
        return Ok(path.to_string_lossy().into_owned());
    }
    let folders = std::env::var("PATH").unwrap_or_else(|_| USUAL_PATH.to_owned());
    let is_program =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    let found = folders.split(':').map(|folder| Path::new(folder).join(program)).find(is_program);
    let path = found.with_context(|| format!("cannot find {program} in {folders}"))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Writes the unit's file; PID 1 sees it whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    let doing = || format!("cannot write {}; run it as root", path.display());
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o644).open(&new).with_context(doing)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of it would stand in the next one's way.
        _ = fs::remove_file(&new);
    }
    written.with_context(doing)
}

fn tell(unit: &UnitStatus) {
    eprintln!("Finished with result: {}", unit.result_word);
    if let (Some(code), Some(status)) = (&unit.main_code, unit.main_status) {
        eprintln!("Main processes terminated with: code={code}, status={status}");
    }
    let ran = unit.inactive_enter_us.saturating_sub(unit.inactive_exit_us);
    eprintln!("Service runtime: {}", span(Duration::from_micros(ran)));
}

/// The command's exit code; of one that did not exit by itself, 255 as systemd-run gives.
fn exit_code(unit: &UnitStatus) -> u8 {
    match (unit.main_code.as_deref(), unit.main_status) {
        (Some("exited"), Some(status)) => u8::try_from(status).unwrap_or(1),
        (Some(_), _) => 255,
        (None, _) => u8::from(unit.active == "failed"),
    }
}
