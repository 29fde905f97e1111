//! Why the harness could not do what it was asked.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the harness could not do what it was asked. Whatever concerns a running machine carries
/// the last lines of its console.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or socket of the harness.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        cause: io::Error,
    },
    /// A build's folder that lacks something.
    #[error("{} is not a finished build: {why}. Run `cargo xtask build --format disk,qcow2`", dir.display())]
    Images {
        /// The folder.
        dir: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Neither the tools tree nor the host has OVMF.
    #[error("no UEFI firmware: the tools tree has no package `ovmf`, and neither has this machine")]
    NoFirmware,
    /// A combination that no machine has.
    #[error("a {machine} machine has no {what}")]
    Unsupported {
        /// The machine.
        machine: &'static str,
        /// What it has not.
        what: &'static str,
    },
    /// A tool of the tools tree failed.
    #[error("{command} failed ({status}): {stderr}")]
    Tool {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// A test's Ignition config that nothing can be added to.
    #[error("the config that the machine was to be given is none:\n{report}")]
    Config {
        /// What is wrong with it.
        report: String,
    },
    /// Something did not happen in time.
    #[error("waited {limit:?} for {what}, in vain\n{state}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// The machine's state: events and last lines of the console.
        state: String,
    },
    /// The machine ended, or said that it cannot go on, before what was waited for.
    #[error("while waiting for {what}: {how}\n{state}")]
    Lost {
        /// What was waited for.
        what: String,
        /// What happened instead.
        how: String,
        /// The machine's state: events and last lines of the console.
        state: String,
    },
    /// A command in the machine's shell did not do what it should.
    #[error("`{command}` in the machine: {how}\n--- its output so far:\n{output}\n{state}")]
    Shell {
        /// The command.
        command: String,
        /// What went wrong.
        how: String,
        /// What it had written by then.
        output: String,
        /// The machine's state.
        state: String,
    },
    /// QEMU refused a command of its monitor.
    #[error("QEMU's monitor: `{command}`: {why}")]
    Monitor {
        /// The command.
        command: String,
        /// The reason.
        why: String,
    },
}

impl Error {
    /// For `map_err` on an IO call: what was being done, to what.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { doing, path, cause }
    }
}
