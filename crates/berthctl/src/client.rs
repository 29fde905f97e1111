//! Asking PID 1.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail};
use unit::control::{Reply, Request};

/// Names another control socket: that of a PID 1 in a container.
const SOCKET_VARIABLE: &str = "BERTH_INIT_SOCKET";

/// Sends one request and waits for its reply.
///
/// # Errors
/// PID 1 cannot be reached, or answers nonsense.
pub fn ask(request: &Request) -> Result<Reply> {
    let path = std::env::var(SOCKET_VARIABLE).unwrap_or_else(|_| layout::path::INIT_SOCKET.to_owned());
    let doing = || format!("cannot reach PID 1 at {path}; is this a Berth machine?");
    let mut stream = UnixStream::connect(&path).with_context(doing)?;
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
