//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: netd [--run DIR] [--root DIR] [--cmdline TEXT]\n       netd wait-online [--run DIR] [--timeout SECONDS]";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Configure the network until ended.
    Serve {
        /// Runtime folder: resolv.conf and the state are written there.
        run: PathBuf,
        /// What the folders of configuration are below.
        root: PathBuf,
        /// A command line in the kernel's place.
        command_line: Option<String>,
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
        let (mut run, mut root) = (PathBuf::from(layout::path::RUN), PathBuf::from("/"));
        let mut command_line = None;
        let mut timeout = Duration::from_secs(30);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} wants a value\n{USAGE}"));
            match argument.as_str() {
                "--run" => run = value()?.into(),
                "--root" if !wait => root = value()?.into(),
                "--cmdline" if !wait => command_line = Some(value()?),
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
        Ok(if wait { Self::WaitOnline { run, timeout } } else { Self::Serve { run, root, command_line } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let serve = |run: &str, root: &str, line: Option<&str>| {
            let command_line = line.map(str::to_owned);
            Some(Command::Serve { run: run.into(), root: root.into(), command_line })
        };
        let wait = |seconds| {
            let timeout = Duration::from_secs(seconds);
            Some(Command::WaitOnline { run: "/run/berth".into(), timeout })
        };
        let cases = [
            ("", serve("/run/berth", "/", None)),
            ("--root /r --cmdline ip=dhcp --run /x", serve("/x", "/r", Some("ip=dhcp"))),
            ("wait-online", wait(30)),
            ("wait-online --timeout 5", wait(5)),
            ("wait-online --timeout soon", None),
            ("wait-online --root /x", None),
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
