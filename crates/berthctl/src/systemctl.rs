//! `systemctl`: units, as far as they are built.

mod clean;
mod enable;
mod jobs;
mod list;
mod look;
mod overview;
mod show;
mod status;
mod tree;

use anyhow::{Result, bail};
use event::ShutdownKind;
use unit::UnitName;
use unit::control::{JobAction, Request};

use crate::arguments::{self, Opt, Parsed, Takes, both, long};
use crate::{client, names, power};

const USAGE: &str = "\
usage: systemctl [OPTION]... COMMAND [UNIT]...

  start, stop, restart, try-restart, reload, reload-or-restart, try-reload-or-restart UNIT...
  isolate UNIT            start a unit, and stop what it does not need
  rescue, emergency, default
                          isolate the target of that name
  kill UNIT...            send a signal (-s SIGNAL, --kill-whom=main|control|all)
  reset-failed [UNIT]...  forget failures
  clean UNIT...           remove what a unit that is down keeps on the disk
                          (--what=configuration|state|cache|logs|runtime|all; cache and runtime by default)

  status [UNIT]...        what a unit does, and its last log lines (-n N); without a unit, the system
  show [UNIT]...          properties (-p NAME, --value, --all); without a unit, of PID 1
  cat UNIT...             a unit's files
  is-active, is-failed, is-enabled UNIT...
  is-system-running       running, degraded, ... (--wait: once the boot has ended)
  list-units [PATTERN]... the units that are loaded (--all, --failed, --type=TYPE, --state=STATE)
  list-sockets, list-jobs
  list-timers [PATTERN]...  when timers elapse next, and did last (--all)
  list-unit-files [PATTERN]...
  list-dependencies [UNIT]  as a tree (--reverse, --all, --after, --before, --plain)

  enable, disable, reenable, preset, mask, unmask UNIT...
  link PATH...            make a unit file outside the folders known
  preset-all              enable and disable all units as the image wants them
  get-default, set-default TARGET
  daemon-reload           read the unit files again
  reboot, poweroff, halt  end the system (-f: at once)

  --now                   with enable, disable, mask: start or stop, too
  --runtime               only until the next boot
  --root DIR              change the files of the system in DIR
  --dry-run               with preset, preset-all: say what would be changed
  --no-block              do not wait for the end of the job
  --wait                  with start, restart: wait until the units have ended
  -q, --quiet             say nothing, only exit with a code
  --no-legend, --plain, --no-pager, -l, --full

Without a type a name is a service's; * and ? stand for all loaded units that they match.
Exit codes are systemd's: is-active and status give 3 for a unit that is not active, 4 for one
that is not there; is-enabled gives 1 for one that is not enabled.

For example:
  systemctl status etcd
  systemctl enable --now my.service
  systemctl show -p MainPID --value etcd
  systemctl list-dependencies multi-user.target";

const KNOWN: [Opt; 38] = [
    long("after", Takes::Nothing),
    long("before", Takes::Nothing),
    long("dry-run", Takes::Nothing),
    long("kill-who", Takes::Value),
    long("kill-whom", Takes::Value),
    long("legend", Takes::Value),
    long("no-ask-password", Takes::Nothing),
    long("no-block", Takes::Nothing),
    long("no-legend", Takes::Nothing),
    long("no-pager", Takes::Nothing),
    long("no-reload", Takes::Nothing),
    long("no-wall", Takes::Nothing),
    long("now", Takes::Nothing),
    long("plain", Takes::Nothing),
    long("reverse", Takes::Nothing),
    long("root", Takes::Value),
    long("runtime", Takes::Nothing),
    long("state", Takes::Value),
    long("system", Takes::Nothing),
    long("value", Takes::Nothing),
    long("version", Takes::Nothing),
    long("wait", Takes::Nothing),
    long("what", Takes::Value),
    long("failed", Takes::Nothing),
    long("color", Takes::Maybe),
    both("all", 'a', Takes::Nothing),
    both("force", 'f', Takes::Nothing),
    both("full", 'l', Takes::Nothing),
    both("lines", 'n', Takes::Value),
    both("output", 'o', Takes::Value),
    both("property", 'p', Takes::Value),
    both("value-of", 'P', Takes::Value),
    both("quiet", 'q', Takes::Nothing),
    both("recursive", 'r', Takes::Nothing),
    both("signal", 's', Takes::Value),
    both("type", 't', Takes::Value),
    both("ignore-inhibitors", 'i', Takes::Nothing),
    long("check-inhibitors", Takes::Value),
];

/// Commands that systemd has and this has not.
const NOT_YET: [&str; 31] = [
    "add-requires",
    "add-wants",
    "bind",
    "cancel",
    "daemon-reexec",
    "freeze",
    "help",
    "hibernate",
    "hybrid-sleep",
    "import-environment",
    "kexec",
    "list-automounts",
    "list-machines",
    "list-paths",
    "log-level",
    "log-target",
    "mount-image",
    "revert",
    "service-log-level",
    "service-log-target",
    "service-watchdogs",
    "set-environment",
    "set-property",
    "show-environment",
    "sleep",
    "soft-reboot",
    "suspend",
    "switch-root",
    "thaw",
    "unset-environment",
    "whoami",
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
    let Some(mut parsed) = arguments::read(arguments, &KNOWN, USAGE)? else {
        return Ok(0);
    };
    if parsed.has("version") {
        println!("systemctl (berth) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let command = match parsed.words.is_empty() {
        true => "list-units".to_owned(),
        false => parsed.words.remove(0),
    };
    if parsed.has("dry-run") && !matches!(command.as_str(), "preset" | "preset-all") {
        bail!("--dry-run goes with preset and preset-all only");
    }
    match command.as_str() {
        "start" => jobs::run(&parsed, JobAction::Start),
        "stop" => jobs::run(&parsed, JobAction::Stop),
        "restart" => jobs::run(&parsed, JobAction::Restart),
        "try-restart" | "condrestart" => jobs::run(&parsed, JobAction::TryRestart),
        "reload" => jobs::run(&parsed, JobAction::Reload),
        "reload-or-restart" => jobs::run(&parsed, JobAction::ReloadOrRestart),
        "try-reload-or-restart" | "reload-or-try-restart" | "force-reload" | "condreload" => {
            jobs::run(&parsed, JobAction::TryReloadOrRestart)
        }
        "isolate" => jobs::isolate(&parsed, None),
        "rescue" | "emergency" | "default" => jobs::isolate(&parsed, Some(&command)),
        "kill" => jobs::kill(&parsed),
        "clean" => clean::run(&parsed),
        "reset-failed" => jobs::reset_failed(&parsed),
        "status" if parsed.words.is_empty() => overview::run(&parsed),
        "status" => status::run(&parsed),
        "show" => show::run(&parsed),
        "cat" => look::cat(&parsed),
        "is-active" => look::is_active(&parsed),
        "is-failed" => look::is_failed(&parsed),
        "is-enabled" => look::is_enabled(&parsed),
        "is-system-running" => look::is_system_running(&parsed),
        "list-units" => list::units(&parsed),
        "list-sockets" => list::sockets(&parsed),
        "list-timers" => list::timers(&parsed),
        "list-jobs" => list::jobs(&parsed),
        "list-unit-files" => list::unit_files(&parsed),
        "list-dependencies" => tree::run(&parsed),
        "enable" => enable::enable(&parsed),
        "disable" => enable::disable(&parsed),
        "reenable" => enable::reenable(&parsed),
        "preset" => enable::preset(&parsed),
        "preset-all" => enable::preset_all(&parsed),
        "mask" => enable::mask(&parsed),
        "unmask" => enable::unmask(&parsed),
        "link" => enable::link(&parsed),
        "get-default" => enable::get_default(&parsed),
        "set-default" => enable::set_default(&parsed),
        "daemon-reload" => client::order(&Request::Reload).map(|()| 0),
        "reboot" => power::shut_down(ShutdownKind::Reboot, parsed.has("force")),
        "poweroff" => power::shut_down(ShutdownKind::Poweroff, parsed.has("force")),
        "halt" => power::shut_down(ShutdownKind::Halt, parsed.has("force")),
        "edit" => bail!(
            "edit is not supported: write a drop-in with a text editor instead, \
             /etc/systemd/system/UNIT.d/override.conf, and run systemctl daemon-reload"
        ),
        other if NOT_YET.contains(&other) => bail!("{other} is not supported yet"),
        other => bail!("unknown command {other}\n{USAGE}"),
    }
}

/// The units that the command line names: at least one word.
fn units(parsed: &Parsed) -> Result<Vec<UnitName>> {
    if parsed.words.is_empty() {
        bail!("name a unit\n{USAGE}");
    }
    names::units(&parsed.words)
}

/// Whether a table has its heading and its last line.
fn has_legend(parsed: &Parsed) -> bool {
    let switched_off = parsed.value("legend").is_some_and(|value| matches!(value, "no" | "false" | "0"));
    !parsed.has("no-legend") && !switched_off && !parsed.has("quiet")
}

/// The words of a repeated option, and of its commas.
fn listed<'a>(parsed: &'a Parsed, option: &'a str) -> Vec<&'a str> {
    parsed.values(option).flat_map(|words| words.split(',')).filter(|word| !word.is_empty()).collect()
}
