//! `systemd-notify`: a script tells the service manager of itself (sd_notify(3)).

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};
use sys::machine::monotonic;

use crate::arguments::{self, Parsed, Takes, long};

/// Where the service manager listens.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

const USAGE: &str = "\
usage: systemd-notify [OPTION]... [VARIABLE=VALUE]...
       systemd-notify --exec [OPTION]... [VARIABLE=VALUE]... ';' COMMAND...

Tells PID 1 of the service that this runs in. Unless the service sets NotifyAccess=all, it is only
believed when its main process runs this, as root.

      --ready         the start is done
      --reloading     the configuration is being read again
      --stopping      the end has begun
      --status=TEXT   what systemctl status shows
      --pid[=PID]     the main process: this one's parent, or PID
      --exec          afterwards become COMMAND
      --booted        exit code 0 if this is systemd: it is not
      --no-block      accepted; nothing is waited for in any case

For example:  systemd-notify --ready --status='serving 3 clients'";

/// Runs `systemd-notify`.
///
/// # Errors
/// The arguments make no sense, or nobody listens.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        long("ready", Takes::Nothing),
        long("reloading", Takes::Nothing),
        long("stopping", Takes::Nothing),
        long("status", Takes::Value),
        long("pid", Takes::Maybe),
        long("exec", Takes::Nothing),
        long("booted", Takes::Nothing),
        long("no-block", Takes::Nothing),
    ];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    if parsed.has("booted") {
        return Ok(1);
    }
    let end = parsed.words.iter().position(|word| parsed.has("exec") && word == ";");
    let (variables, command) = match end {
        Some(end) => (&parsed.words[..end], &parsed.words[end + 1..]),
        None => (&parsed.words[..], &[][..]),
    };
    if parsed.has("exec") && command.is_empty() {
        bail!("--exec needs ';' and a command\n{USAGE}");
    }
    let parent = std::os::unix::process::parent_id();
    let lines = lines(&parsed, variables, parent)?;
    if lines.is_empty() {
        bail!("there is nothing to tell\n{USAGE}");
    }
    let socket = std::env::var(SOCKET_VARIABLE)
        .with_context(|| format!("{SOCKET_VARIABLE} is not set: no service manager asked to be told"))?;
    send(&socket, &lines.join("\n"), parent)?;
    match command.split_first() {
        None => Ok(0),
        Some((program, arguments)) => {
            let error = Command::new(program).args(arguments).exec();
            Err(error).with_context(|| format!("cannot execute {program}"))
        }
    }
}

/// What is told, a line each.
fn lines(parsed: &Parsed, variables: &[String], parent: u32) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if parsed.has("ready") {
        lines.push("READY=1".to_owned());
    }
    if parsed.has("reloading") {
        lines.push("RELOADING=1".to_owned());
        lines.push(format!("MONOTONIC_USEC={}", monotonic().as_micros()));
    }
    if parsed.has("stopping") {
        lines.push("STOPPING=1".to_owned());
    }
    lines.extend(parsed.value("status").map(|text| format!("STATUS={}", text.replace('\n', " "))));
    if parsed.has("pid") {
        lines.push(match parsed.value("pid") {
            None | Some("auto" | "parent") => format!("MAINPID={parent}"),
            Some("self") => format!("MAINPID={}", std::process::id()),
            Some(pid) => {
                let pid: u32 = pid.parse().with_context(|| format!("--pid takes a number, not {pid}"))?;
                format!("MAINPID={pid}")
            }
        });
    }
    for variable in variables {
        if !variable.contains('=') || variable.contains('\n') {
            bail!("{variable} is no VARIABLE=VALUE");
        }
        lines.push(variable.clone());
    }
    Ok(lines)
}

/// Sends in the name of the caller, which is of the service for longer than this process is; in
/// this one's own where that is not allowed.
fn send(socket: &str, message: &str, parent: u32) -> Result<()> {
    let caller = i32::try_from(parent).ok().filter(|pid| *pid > 1);
    let as_caller = caller.map(|pid| sys::credentials::send_as(pid, socket, message.as_bytes()));
    if matches!(as_caller, Some(Ok(()))) {
        return Ok(());
    }
    let doing = || format!("cannot notify {socket}");
    let own = UnixDatagram::unbound().with_context(doing)?;
    match socket.strip_prefix('@') {
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name).with_context(doing)?;
            own.send_to_addr(message.as_bytes(), &address).with_context(doing)?;
        }
        None => {
            own.send_to(message.as_bytes(), socket).with_context(doing)?;
        }
    }
    Ok(())
}
