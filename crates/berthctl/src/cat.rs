//! `systemd-cat`: a command's output, or standard input, into the log.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use journal::Priority;

use crate::arguments::{self, Takes, both, long};

/// Where logd takes messages (syslog(3)); another one for tests.
const SOCKET: &str = layout::path::SYSLOG_SOCKET;
const SOCKET_VARIABLE: &str = "BERTH_LOG_SOCKET";
/// The longest line; what is longer is cut into several.
const LINE_MAX: u64 = 8192;

const USAGE: &str = "\
usage: systemd-cat [OPTION]... [COMMAND [ARGUMENT]...]

Sends the output of COMMAND, or standard input, to the log.

  -t, --identifier=NAME       who says it (the command's name)
  -p, --priority=LEVEL        how serious it is: 0 to 7, emerg to debug (info)
      --stderr-priority=LEVEL accepted only where it is the same
      --level-prefix=BOOL     whether a line may begin with <LEVEL> (yes)

For example:  systemd-cat -t backup -p warning /usr/local/bin/backup";

/// Runs `systemd-cat`.
///
/// # Errors
/// The arguments make no sense, or the command cannot be run. Its exit code is this one's.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        both("identifier", 't', Takes::Value),
        both("priority", 'p', Takes::Value),
        long("stderr-priority", Takes::Value),
        long("level-prefix", Takes::Value),
    ];
    // What follows the command's name is the command's.
    let (own, command) = arguments::split_command(arguments, &known);
    let Some(parsed) = arguments::read(own, &known, USAGE)? else {
        return Ok(0);
    };
    let level = parsed.value("priority").map(priority).transpose()?.unwrap_or(Priority::INFO);
    if let Some(other) = parsed.value("stderr-priority") {
        anyhow::ensure!(
            priority(other)? == level,
            "--stderr-priority other than --priority is not supported yet"
        );
    }
    let prefix = parsed.value("level-prefix").map(unit::text::value::boolean).transpose()?.unwrap_or(true);
    let program = command.first().map(|program| program.rsplit('/').next().unwrap_or(program));
    let log = Log {
        socket: connect(),
        name: parsed.value("identifier").or(program).unwrap_or("cat").to_owned(),
        level,
        prefix,
    };
    let Some((program, arguments)) = command.split_first() else {
        log.copy(io::stdin().lock(), std::process::id())?;
        return Ok(0);
    };
    let doing = || format!("cannot run {program}");
    let mut run = Command::new(program);
    run.args(arguments);
    if log.socket.is_none() {
        // Where there is no log to speak to, what this one's output goes to is.
        return Err(run.exec()).with_context(doing);
    }
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    let error = writer.try_clone().context("cannot make a pipe")?;
    run.stdout(Stdio::from(writer)).stderr(Stdio::from(error));
    let mut child = run.spawn().with_context(doing)?;
    // The ends for writing are the command's now.
    drop(run);
    log.copy(reader, child.id())?;
    let status = child.wait().with_context(doing)?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

fn priority(level: &str) -> Result<Priority> {
    level.parse().map_err(anyhow::Error::msg)
}

fn connect() -> Option<UnixDatagram> {
    let path = std::env::var(SOCKET_VARIABLE).unwrap_or_else(|_| SOCKET.to_owned());
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect(path).ok()?;
    Some(socket)
}

struct Log {
    socket: Option<UnixDatagram>,
    name: String,
    level: Priority,
    prefix: bool,
}

impl Log {
    /// Sends each line; without a log, prints it.
    fn copy(&self, from: impl Read, pid: u32) -> Result<()> {
        let mut lines = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            let read = lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).context("cannot read")?;
            if read == 0 {
                return Ok(());
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            if text.is_empty() {
                continue;
            }
            let (level, text) = level_of(text).filter(|_| self.prefix).unwrap_or((self.level.number(), text));
            match &self.socket {
                Some(socket) => {
                    let mut message = format!("<{level}>{}[{pid}]: ", self.name).into_bytes();
                    message.extend_from_slice(text);
                    socket.send(&message).context("cannot send to the log")?;
                }
                None => {
                    let mut out = io::stdout().lock();
                    let written = out.write_all(format!("<{level}>").as_bytes());
                    written
                        .and_then(|()| out.write_all(text))
                        .and_then(|()| out.write_all(b"\n"))
                        .context("cannot write")?;
                }
            }
        }
    }
}

/// Splits `<N>text`, N from 0 to 7.
fn level_of(line: &[u8]) -> Option<(u8, &[u8])> {
    match line {
        [b'<', digit @ b'0'..=b'7', b'>', text @ ..] => Some((digit - b'0', text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::level_of;

    #[test]
    fn a_line_may_begin_with_its_level() {
        for (line, expected) in [
            (&b"<3>bad"[..], Some((3, &b"bad"[..]))),
            (b"<8>x", None),
            (b"<30>x", None),
            (b"plain", None),
            (b"<", None),
        ] {
            assert_eq!(level_of(line), expected);
        }
    }
}
