//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

const USAGE: &str =
    "usage: netd [--run DIR] [--any-ethernet]\n       netd wait-online [--run DIR] [--timeout SECONDS]";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Configure the network until ended.
    Serve {
        /// Runtime folder: resolv.conf and the state are written there.
        run: PathBuf,
        /// Take every Ethernet link, also those without a device (virtual ones, as in tests).
        any_ethernet: bool,
    },
    /// Wait until the machine is online, or the time is over.
    WaitOnline {
        /// Runtime folder of the daemon.
        run: PathBuf,
        /// How long to wait.
        timeout: Duration,
    },
}

impl Command {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// An argument is unknown, or lacks its value.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut arguments = arguments.into_iter().peekable();
        let wait = arguments.next_if(|a| a == "wait-online").is_some();
        let (mut run, mut any_ethernet) = (PathBuf::from(layout::path::RUN), false);
        let mut timeout = Duration::from_secs(30);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} wants a value\n{USAGE}"));
            match argument.as_str() {
                "--run" => run = value()?.into(),
                "--any-ethernet" if !wait => any_ethernet = true,
                "--timeout" if wait => {
                    let text = value()?;
                    let seconds = text.parse().with_context(|| {
                        format!("--timeout {text:?} is not a whole number of seconds\n{USAGE}")
                    })?;
                    timeout = Duration::from_secs(seconds);
                }
                _ => bail!("unknown argument {argument:?}\n{USAGE}"),
            }
        }
        Ok(if wait { Self::WaitOnline { run, timeout } } else { Self::Serve { run, any_ethernet } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let serve = |run: &str, any_ethernet| Some(Command::Serve { run: run.into(), any_ethernet });
        let wait = |seconds| {
            let timeout = Duration::from_secs(seconds);
            Some(Command::WaitOnline { run: "/run/berth".into(), timeout })
        };
        let cases = [
            ("", serve("/run/berth", false)),
            ("--any-ethernet --run /x", serve("/x", true)),
            ("wait-online", wait(30)),
            ("wait-online --timeout 5", wait(5)),
            ("wait-online --timeout soon", None),
            ("wait-online --any-ethernet", None),
            ("--timeout 5", None),
            ("--run", None),
            ("--help", None),
        ];
        for (line, expected) in cases {
            let arguments = line.split_whitespace().map(str::to_owned);
            assert_eq!(Command::parse(arguments).ok(), expected, "{line}");
        }
    }
}
