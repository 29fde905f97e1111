//! What the program that provisions a machine and stage 1, which runs it, say to each other: a line each.
//!
//! Stage 1 starts it on a first boot. It gets the config, makes the disks, and says [`Progress::Disks`]; stage 1
//! mounts ROOT and says [`ROOT_IS_MOUNTED`]; it writes the files, and says how it ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stage 1 says once ROOT, with `/etc`, is where the files go.
pub const ROOT_IS_MOUNTED: &str = "root is mounted\n";

/// What the program says, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// The disks are as the config wants them.
    Disks,
    /// All is done, and marked so.
    Done,
    /// Nothing is done yet: the kernel is to have other arguments first, and has them when the machine starts again.
    Restart,
    /// The machine is not what its config says.
    Failed(Failure),
}

/// Why a machine was not provisioned, for a person who is to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// JSON path of the part of the config, such as `$.storage.files.0.contents`; empty where it is none's.
    pub path: String,
    /// What was being done, and what came in the way.
    pub cause: String,
    /// What to do about it.
    #[serde(rename = "try")]
    pub next_step: String,
}

impl Failure {
    /// A failure at a part of the config.
    pub fn new(path: impl Into<String>, cause: impl Into<String>, next_step: impl Into<String>) -> Failure {
        Failure { path: path.into(), cause: cause.into(), next_step: next_step.into() }
    }

    /// Where, and what came in the way.
    pub fn whole_cause(&self) -> String {
        let at = if self.path.is_empty() { "" } else { ": " };
        format!("{}{at}{}", self.path, self.cause)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; try: {}", self.whole_cause(), self.next_step)
    }
}

impl Progress {
    /// As a line, with its end.
    pub fn line(&self) -> String {
        // A value of these types is always JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// What a line says; None where it says nothing of this.
    pub fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for (progress, line) in [
            (Progress::Disks, "\"disks\"\n"),
            (Progress::Done, "\"done\"\n"),
            (Progress::Restart, "\"restart\"\n"),
            (
                Progress::Failed(Failure::new("$.storage", "no disk", "plug one in")),
                "{\"failed\":{\"path\":\"$.storage\",\"cause\":\"no disk\",\"try\":\"plug one in\"}}\n",
            ),
        ] {
            assert_eq!(progress.line(), line);
            assert_eq!(Progress::read(line), Some(progress));
        }
        assert_eq!(Progress::read("disks"), None);
    }

    #[test]
    fn a_failure_says_where_what_and_what_to_do() {
        let failure = Failure::new("$.storage.files.0", "cannot write /a", "another path");
        assert_eq!(failure.to_string(), "$.storage.files.0: cannot write /a; try: another path");
        let failure = Failure::new("", "no network", "a cable");
        assert_eq!(failure.to_string(), "no network; try: a cable");
    }
}
