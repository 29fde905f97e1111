//! `berthctl update`: asks the updater.

mod show;

use std::io::{BufRead, BufReader, IsTerminal, Write, stderr};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail};
use manifest::Version;
use update_state::protocol::{Answer, Request};

use crate::arguments::{self, Takes, both, long};

const USAGE: &str = "\
usage: berthctl update COMMAND [OPTION]...

  status           what runs, what boots next, and what the last check found
  check            look for an update now; exit code 3 where there is none
  apply [VERSION]  install the newest update, or that version, also if it failed here before
  rollback         boot the other version from the next boot on; where an update waits for a restart, drop it
  history          what happened
  pin [VERSION]    go to that version (that which runs, where none is named) and not past it
  unpin            take that back

      --json       the updater's own words, a JSON object a line
      --restart    after apply and rollback: restart the machine

For example:  berthctl update apply --restart";

/// That there is nothing to install.
const NOTHING: u8 = 3;

/// Runs `berthctl update`.
///
/// # Errors
/// The arguments make no sense, the updater cannot be asked, or it refuses.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known =
        [both("help", 'h', Takes::Nothing), long("json", Takes::Nothing), long("restart", Takes::Nothing)];
    let parsed = arguments::parse(arguments, &known)?;
    if parsed.has("help") {
        println!("{USAGE}");
        return Ok(0);
    }
    let words: Vec<&str> = parsed.words.iter().map(String::as_str).collect();
    let request = request(&words, parsed.has("restart"))?;
    let is_json = parsed.has("json");
    let answer = ask(&request, is_json)?;
    let code = match &answer {
        Answer::Checked { available: None, .. } => NOTHING,
        Answer::Error { .. } => 1,
        _ => 0,
    };
    if is_json {
        println!("{}", serde_json::to_string(&answer)?);
        return Ok(code);
    }
    match answer {
        Answer::Error { message } => bail!(message),
        Answer::Progress(_) => bail!("the updater broke off; journalctl -u updater tells why"),
        Answer::Status(status) => print!("{}", show::status(&status)),
        Answer::History { records } => print!("{}", show::history(&records)),
        Answer::Checked { message, .. } | Answer::Applied { message, .. } | Answer::Done { message } => {
            println!("{message}");
        }
    }
    Ok(code)
}

fn request(words: &[&str], restart: bool) -> Result<Request> {
    let version = |text: &str| text.parse::<Version>().map_err(anyhow::Error::from);
    let request = match words {
        ["status"] => Request::Status,
        ["check"] => Request::Check,
        ["apply"] => Request::Apply { version: None, restart },
        ["apply", text] => Request::Apply { version: Some(version(text)?), restart },
        ["rollback"] => Request::Rollback { restart },
        ["history"] => Request::History,
        ["pin"] => Request::Pin { version: None },
        ["pin", text] => Request::Pin { version: Some(version(text)?) },
        ["unpin"] => Request::Unpin,
        [] => bail!("a command is needed\n{USAGE}"),
        [other, ..] => bail!("{other}: unknown command, or too many words\n{USAGE}"),
    };
    match &request {
        Request::Apply { .. } | Request::Rollback { .. } => Ok(request),
        _ if restart => bail!("--restart is for apply and rollback\n{USAGE}"),
        _ => Ok(request),
    }
}

/// Sends a request, shows what is told on the way, and gives the answer.
fn ask(request: &Request, is_json: bool) -> Result<Answer> {
    let path = layout::path::UPDATER_SOCKET;
    let doing = || format!("ask the updater at {path} (as root; systemctl status updater.socket tells more)");
    let mut stream = UnixStream::connect(path).with_context(doing)?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).with_context(doing)?;
    let is_terminal = stderr().is_terminal();
    let mut shown = false;
    for line in BufReader::new(stream).lines() {
        let line = line.with_context(doing)?;
        let answer =
            serde_json::from_str(&line).context("the updater answered something that is not known")?;
        match answer {
            Answer::Progress(_) if is_json => println!("{line}"),
            Answer::Progress(progress) => {
                if is_terminal {
                    eprint!("\r\x1b[K{}", show::progress(&progress));
                    shown = true;
                }
            }
            answer => {
                if shown {
                    eprint!("\r\x1b[K");
                }
                return Ok(answer);
            }
        }
    }
    bail!("the updater broke off without an answer; journalctl -u updater tells why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_requests() {
        let version = || Some("0.2.0".parse().unwrap());
        for (words, restart, expected) in [
            (&["status"][..], false, Some(Request::Status)),
            (&["apply"], true, Some(Request::Apply { version: None, restart: true })),
            (&["apply", "0.2.0"], false, Some(Request::Apply { version: version(), restart: false })),
            (&["rollback"], true, Some(Request::Rollback { restart: true })),
            (&["pin", "0.2.0"], false, Some(Request::Pin { version: version() })),
            (&["pin"], false, Some(Request::Pin { version: None })),
            (&["unpin"], false, Some(Request::Unpin)),
            (&[], false, None),
            (&["apply", "../x"], false, None),
            (&["check", "0.2.0"], false, None),
            (&["check"], true, None),
            (&["install"], false, None),
        ] {
            assert_eq!(request(words, restart).ok(), expected, "{words:?}");
        }
    }
}
