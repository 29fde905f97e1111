//! What PID 1 was asked to do: by its arguments, and by the kernel's.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use unit::UnitName;

/// What is started where nothing says otherwise: on a machine, what the link of this name says.
pub const DEFAULT_TARGET: &str = unit::install::DEFAULT_TARGET;
/// The folder of transient units, in the runtime folder.
const TRANSIENT: &str = "transient";

const USAGE: &str = "\
usage: init [--container] [--unit-path DIR]... [--target NAME] [--runtime-dir DIR]

Without --container this must be process 1 of a machine. With it, process 1 of a PID namespace:
  unshare -Urpfm --mount-proc init --container --unit-path DIR --target NAME
runs the units in DIR, mounts nothing, and exits when it is told to shut down (SIGTERM, SIGINT).

  --unit-path DIR    a folder of unit files; the first named wins
  --target NAME      the unit to start (default.target)
  --runtime-dir DIR  the folder of the control and notification sockets";

/// Options.
#[derive(Debug, Clone)]
pub struct Options {
    /// Process 1 of a namespace, not of a machine.
    pub container: bool,
    /// Folders of unit files, the first wins.
    pub unit_path: Vec<PathBuf>,
    /// What to start.
    pub target: UnitName,
    /// Where the sockets are.
    pub runtime: PathBuf,
    /// Where a root shell was asked for: a terminal or a virtio-serial port.
    pub shell: Option<String>,
    /// Whether `--help` was given.
    pub help: bool,
}

impl Options {
    /// Reads the arguments and the kernel command line.
    ///
    /// # Errors
    /// An argument is unknown or lacks its value.
    pub fn read(arguments: impl Iterator<Item = String>, command_line: &str) -> Result<Options> {
        let mut container = false;
        let mut help = false;
        let mut unit_path = Vec::new();
        let mut target = None;
        let mut runtime = None;
        let mut rest = arguments.peekable();
        while let Some(argument) = rest.next() {
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value =
                || inline.clone().or_else(|| rest.next()).with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--container" => container = true,
                "--help" | "-h" => help = true,
                "--unit-path" => unit_path.push(PathBuf::from(value()?)),
                "--target" => target = Some(value()?),
                "--runtime-dir" => runtime = Some(PathBuf::from(value()?)),
                // The kernel hands PID 1 the words of its command line that it does not know.
                _ if !name.starts_with("--") => {}
                _ => bail!("unknown option {name}\n{USAGE}"),
            }
        }
        let mut shell = None;
        if !container {
            for word in command_line.split_whitespace() {
                match word.split_once('=') {
                    Some(("systemd.unit" | "berth.target", name)) => target = Some(name.to_owned()),
                    Some((layout::args::SHELL, name)) => shell = Some(name.to_owned()),
                    _ => {}
                }
            }
        }
        if unit_path.is_empty() {
            unit_path = [layout::path::ETC_UNITS, layout::path::RUN_UNITS, layout::path::UNITS]
                .map(PathBuf::from)
                .to_vec();
        }
        let target = target.as_deref().unwrap_or(DEFAULT_TARGET);
        Ok(Options {
            container,
            unit_path,
            target: UnitName::parse(target).context("the unit to start")?,
            runtime: runtime.unwrap_or_else(|| layout::path::RUN.into()),
            shell,
            help,
        })
    }

    /// The folder of units that last until they end.
    pub fn transient(&self) -> PathBuf {
        self.runtime.join(TRANSIENT)
    }

    /// The help text.
    pub fn usage() -> &'static str {
        USAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], command_line: &str) -> Result<Options> {
        Options::read(arguments.iter().map(|argument| (*argument).to_owned()), command_line)
    }

    #[test]
    fn the_kernel_command_line_names_target_and_shell() {
        let options = read(&[], "quiet berth.shell=ttyS0 systemd.unit=rescue.target").unwrap();
        assert_eq!(options.target.as_str(), "rescue.target");
        assert_eq!(options.shell.as_deref(), Some("ttyS0"));
        let options = read(&["splash"], "").unwrap();
        assert_eq!(options.target.as_str(), DEFAULT_TARGET);
        assert_eq!(options.transient(), PathBuf::from(layout::path::RUN_TRANSIENT));
    }

    #[test]
    fn a_container_does_not_obey_the_kernel_command_line() {
        let arguments = ["--container", "--unit-path", "/u", "--target=a.target"];
        let options = read(&arguments, "systemd.unit=b.target berth.shell=x").unwrap();
        assert_eq!(options.target.as_str(), "a.target");
        assert_eq!(options.shell, None);
        assert_eq!(options.unit_path, [PathBuf::from("/u")]);
    }

    #[test]
    fn bad_arguments_are_named() {
        for arguments in [&["--bogus"][..], &["--target"], &["--target", "nonsense"]] {
            let error = format!("{:#}", read(arguments, "").unwrap_err());
            assert!(error.contains("bogus") || error.contains("--target") || error.contains("nonsense"));
        }
    }
}
