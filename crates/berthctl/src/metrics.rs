//! `berthctl metrics`: the machine in numbers, as OpenMetrics text; once on standard output, or as the
//! answer to one scrape on the socket that standard input is.

mod http;
mod kernel;
mod own;
mod text;

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use observe::Root;

use crate::arguments::{self, Takes, long};
use text::Text;

const USAGE: &str = "\
usage: berthctl metrics [--serve]

The machine in numbers: OpenMetrics text, with the names that node_exporter gives what it has too.

      --serve   answers one HTTP request on standard input; berth-metrics.socket has this run

For example:  curl --unix-socket /run/berth/metrics.sock http://localhost/metrics";

/// How long a client has to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `berthctl metrics`.
///
/// # Errors
/// The arguments make no sense, or the client is gone.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [long("serve", Takes::Nothing)];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    if let Some(word) = parsed.words.first() {
        bail!(arguments::Usage(format!("unexpected argument {word}")));
    }
    if !parsed.has("serve") {
        print!("{}", collect());
        return Ok(0);
    }
    let doing = "cannot answer a scrape";
    let socket = std::io::stdin().as_fd().try_clone_to_owned().context(doing)?;
    let mut stream = UnixStream::from(socket);
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .context("--serve answers on a socket that is standard input")?;
    let answer = http::answer(&http::request(&mut stream), collect);
    stream.write_all(&answer).and_then(|()| stream.flush()).context(doing)?;
    Ok(0)
}

/// All that there is to tell.
fn collect() -> String {
    let root = Root::of_machine();
    let mut text = Text::default();
    kernel::collect(&root, &mut text);
    own::collect(&root, &own::ask(), &mut text);
    text.finish()
}
