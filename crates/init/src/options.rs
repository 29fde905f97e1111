//! What PID 1 was asked to do: by its arguments, and by the kernel's.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use layout::args;
use unit::UnitName;

/// What is started where nothing says otherwise: on a machine, what the link of this name says.
pub const DEFAULT_TARGET: &str = unit::install::DEFAULT_TARGET;
/// Words of the kernel's command line that name a target (systemd(1)).
const TARGET_WORDS: [(&str, &str); 8] = [
    ("1", "rescue.target"),
    ("S", "rescue.target"),
    ("s", "rescue.target"),
    ("single", "rescue.target"),
    ("rescue", "rescue.target"),
    ("emergency", "emergency.target"),
    ("-b", "emergency.target"),
    ("3", "multi-user.target"),
];
/// The folder of transient units, in the runtime folder.
const TRANSIENT: &str = "transient";
/// That of devices.
const DEVICES: &str = "devices";

const USAGE: &str = "\
usage: init [--container] [--unit-path DIR]... [--target NAME] [--runtime-dir DIR] [--devices DIR]

Without --container this must be process 1 of a machine. With it, process 1 of a PID namespace:
  unshare -Urpfm --mount-proc init --container --unit-path DIR --target NAME
runs the units in DIR, mounts nothing, and exits when it is told to shut down (SIGTERM, SIGINT).

  --unit-path DIR    a folder of unit files; the first named wins
  --target NAME      the unit to start (default.target)
  --runtime-dir DIR  the folder of the control and notification sockets
  --devices DIR      the folder in which devd tells of devices (devices, in the runtime folder)";

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
    /// Where devd tells of devices; none for the usual place.
    pub devices: Option<PathBuf>,
    /// Where a root shell was asked for: a terminal or a virtio-serial port.
    pub shell: Option<String>,
    /// How long an emergency is shown before the machine restarts.
    pub emergency_timeout: Duration,
    /// What the kernel's command line says that cannot be followed.
    pub warnings: Vec<String>,
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
        let mut devices = None;
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
                "--devices" => devices = Some(PathBuf::from(value()?)),
                // The kernel hands PID 1 the words of its command line that it does not know.
                _ if !name.starts_with("--") => {}
                _ => bail!("unknown option {name}\n{USAGE}"),
            }
        }
        let target = target.as_deref().unwrap_or(DEFAULT_TARGET);
        let mut target = UnitName::parse(target).context("the unit to start")?;
        let mut shell = None;
        let mut warnings = Vec::new();
        let command_line = if container { "" } else { command_line };
        for (name, value) in args::words(command_line) {
            match (name.as_str(), value) {
                ("systemd.unit" | args::TARGET, Some(value)) => match UnitName::parse(&value) {
                    Ok(asked) => target = asked,
                    Err(error) => {
                        warnings.push(format!("kernel argument {name}={value}: {error}; {target} starts"))
                    }
                },
                (args::SHELL, Some(value)) => shell = Some(value),
                (word, None) => {
                    let named = TARGET_WORDS.iter().find(|(known, _)| *known == word);
                    if let Some(asked) = named.and_then(|(_, target)| UnitName::parse(target).ok()) {
                        target = asked;
                    }
                }
                _ => {}
            }
        }
        if unit_path.is_empty() {
            unit_path = [layout::path::ETC_UNITS, layout::path::RUN_UNITS, layout::path::UNITS]
                .map(PathBuf::from)
                .to_vec();
        }
        Ok(Options {
            container,
            unit_path,
            target,
            runtime: runtime.unwrap_or_else(|| layout::path::RUN.into()),
            devices,
            shell,
            emergency_timeout: args::emergency_timeout(command_line),
            warnings,
            help,
        })
    }

    /// The folder of units that last until they end.
    pub fn transient(&self) -> PathBuf {
        self.runtime.join(TRANSIENT)
    }

    /// The folder in which devd tells of devices.
    pub fn devices(&self) -> PathBuf {
        self.devices.clone().unwrap_or_else(|| self.runtime.join(DEVICES))
    }

    /// The folder of timers' stamp files; a container keeps nothing.
    pub fn stamps(&self) -> PathBuf {
        match self.container {
            true => self.runtime.join("timers"),
            false => layout::path::TIMERS.into(),
        }
    }

    /// The file of the time zone; a container has one of its own.
    pub fn localtime(&self) -> PathBuf {
        match self.container {
            true => self.runtime.join("localtime"),
            false => layout::path::LOCALTIME.into(),
        }
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
        for (command_line, target) in [
            ("quiet single", "rescue.target"),
            ("emergency", "emergency.target"),
            ("rescue berth.target=a.target", "a.target"),
            ("a=\"1 rescue\"", DEFAULT_TARGET),
            ("-- 1", DEFAULT_TARGET),
        ] {
            assert_eq!(read(&[], command_line).unwrap().target.as_str(), target, "{command_line}");
        }
        let options = read(&["splash"], "").unwrap();
        assert_eq!(options.target.as_str(), DEFAULT_TARGET);
        assert_eq!(options.transient(), PathBuf::from(layout::path::RUN_TRANSIENT));
        assert_eq!(options.devices(), PathBuf::from(layout::path::DEVICES));
    }

    #[test]
    fn a_kernel_argument_that_is_no_unit_is_told_and_passed_over() {
        let options = read(&[], "systemd.unit=nonsense berth.emergency_timeout=5").unwrap();
        assert_eq!(options.target.as_str(), DEFAULT_TARGET);
        assert!(options.warnings[0].contains("systemd.unit=nonsense"), "{:?}", options.warnings);
        assert_eq!(options.emergency_timeout.as_secs(), 5);
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
