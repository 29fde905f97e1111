//! The end of the system.

use anyhow::{Result, bail};
use event::ShutdownKind;
use unit::control::{Reply, Request};

use crate::arguments::{self, Takes, both, long};
use crate::client;

const USAGE: &str = "\
usage: reboot | poweroff | halt [-f]

Stops all services, releases the file systems, and restarts the machine, switches it off, or
stops it with the power left on.

  -f, --force   at once: services are not stopped
  --no-wall     accepted; nobody is told in any case";

/// Runs `reboot`, `poweroff` or `halt`.
///
/// # Errors
/// The arguments make no sense, or PID 1 refuses.
pub fn run(name: &str, arguments: Vec<String>) -> Result<u8> {
    let known = [
        both("force", 'f', Takes::Nothing),
        long("no-wall", Takes::Nothing),
        both("poweroff", 'p', Takes::Nothing),
    ];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    if let Some(word) = parsed.words.first() {
        bail!("unexpected argument {word}\n{USAGE}");
    }
    let kind = match name {
        "reboot" => ShutdownKind::Reboot,
        "halt" if !parsed.has("poweroff") => ShutdownKind::Halt,
        _ => ShutdownKind::Poweroff,
    };
    shut_down(kind, parsed.has("force"))
}

/// Asks PID 1 for a shutdown.
pub fn shut_down(kind: ShutdownKind, force: bool) -> Result<u8> {
    match client::ask(&Request::Shutdown { kind, force })? {
        Reply::Done => Ok(0),
        Reply::Error { message, .. } => bail!(message),
        other => bail!("unexpected answer {other:?}"),
    }
}
