//! Layer: effects. Asking PID 1.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use unit::UnitName;
use unit::control::{ManagerStatus, Reply, Request, UnitStatus};

/// Names another control socket: that of a PID 1 in a container.
const SOCKET_VARIABLE: &str = "BERTH_INIT_SOCKET";
/// How long PID 1 has for what it does at once.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Sends one request and waits for its reply.
///
/// # Errors
/// PID 1 cannot be reached, or answers nonsense.
pub fn ask(request: &Request) -> Result<Reply> {
    exchange(request, None)
}

/// The same, of what PID 1 answers at once; it has so long.
///
/// # Errors
/// PID 1 cannot be reached, answers nonsense, or not in that time.
pub fn ask_within(request: &Request, time: Duration) -> Result<Reply> {
    exchange(request, Some(time))
}

fn exchange(request: &Request, time: Option<Duration>) -> Result<Reply> {
    let path = std::env::var(SOCKET_VARIABLE).unwrap_or_else(|_| layout::path::INIT_SOCKET.to_owned());
    let doing = || format!("cannot reach PID 1 at {path}; is this a Berth machine?");
    let mut stream = UnixStream::connect(&path).with_context(doing)?;
    stream.set_read_timeout(time).and_then(|()| stream.set_write_timeout(time)).with_context(doing)?;
    let mut line = serde_json::to_vec(request).context("cannot write the request")?;
    line.push(b'\n');
    stream.write_all(&line).with_context(doing)?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).with_context(doing)?;
    if reply.is_empty() {
        bail!("PID 1 closed the connection without an answer");
    }
    serde_json::from_str(&reply).context("PID 1 answered something that this program does not know")
}

/// Turns an answer that is not the one asked for into an error.
///
/// # Errors
/// Always.
pub fn unexpected<T>(reply: Reply) -> Result<T> {
    match reply {
        Reply::Error { message, .. } => bail!(message),
        other => bail!("unexpected answer {other:?}"),
    }
}

/// Asks for something to be done.
///
/// # Errors
/// It is not done.
pub fn order(request: &Request) -> Result<()> {
    match ask(request)? {
        Reply::Done => Ok(()),
        other => unexpected(other),
    }
}

/// Has PID 1 tell an event, on the port that only it can write to, on the consoles and in the log.
///
/// # Errors
/// It is not told.
pub fn tell(event: event::Event) -> Result<()> {
    match ask_within(&Request::Tell { event }, AT_ONCE)? {
        Reply::Done => Ok(()),
        other => unexpected(other),
    }
}

/// What is known of a unit.
///
/// # Errors
/// PID 1 cannot be asked.
pub fn status(unit: &UnitName) -> Result<UnitStatus> {
    told(&Request::Status { unit: unit.to_string() })
}

/// What is known of a unit once nothing of it runs, however long that takes.
///
/// # Errors
/// PID 1 cannot be asked.
pub fn await_end(unit: &UnitName) -> Result<UnitStatus> {
    told(&Request::Await { unit: unit.to_string() })
}

fn told(request: &Request) -> Result<UnitStatus> {
    match ask(request)? {
        Reply::Status { unit } => Ok(*unit),
        other => unexpected(other),
    }
}

/// What is known of PID 1.
///
/// # Errors
/// It cannot be asked.
pub fn manager() -> Result<ManagerStatus> {
    match ask(&Request::Manager)? {
        Reply::Manager { manager } => Ok(*manager),
        other => unexpected(other),
    }
}
