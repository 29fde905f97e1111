//! What the updater is asked, and what it answers: a JSON line each, on [`layout::path::UPDATER_SOCKET`].
//!
//! A client sends one request. Any number of [`Answer::Progress`] follow, and one other answer, which is the last.

use manifest::Version;
use serde::{Deserialize, Serialize};

use crate::{Check, Record, Refused, Staged};

/// The longest request, in bytes.
pub const REQUEST_MAX: usize = 1024;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Tell how things are.
    Status,
    /// Look for an update.
    Check,
    /// Install an update.
    Apply {
        /// The version to go to, also if it failed here before; the newest one where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<Version>,
        /// Whether to restart the machine then, whatever its strategy.
        #[serde(default)]
        restart: bool,
    },
    /// Boot the other version from the next boot on.
    Rollback {
        /// Whether to restart the machine then.
        #[serde(default)]
        restart: bool,
    },
    /// Tell what happened.
    History,
    /// Go to that version and not past it.
    Pin {
        /// Which; the running one where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<Version>,
    },
    /// Go as far as the channel goes again.
    Unpin,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// How far it is.
    Progress(Progress),
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Check`].
    Checked {
        /// The version that can be installed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        available: Option<Version>,
        /// In words.
        message: String,
    },
    /// To [`Request::Apply`].
    Applied {
        /// The version that boots next; none where there is nothing newer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<Version>,
        /// Whether it was there already.
        #[serde(default)]
        already: bool,
        /// In words.
        message: String,
    },
    /// To [`Request::History`].
    History {
        /// The oldest first.
        records: Vec<Record>,
    },
    /// It is done.
    Done {
        /// In words.
        message: String,
    },
    /// It is not done.
    Error {
        /// Why.
        message: String,
    },
}

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// To which version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// How many bytes of it are done.
    #[serde(default)]
    pub done: u64,
    /// Of how many; 0 where that is not known.
    #[serde(default)]
    pub total: u64,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The repository is read and proven.
    Checking,
    /// What is there is looked through for chunks of the new version.
    Scanning,
    /// Chunks come over the network.
    Downloading,
    /// The hash tree is made.
    Sealing,
    /// The slot is read back.
    Verifying,
    /// The boot entry is made.
    Publishing,
}

impl Stage {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Checking => "reading the repository",
            Self::Scanning => "looking for what is there already",
            Self::Downloading => "downloading",
            Self::Sealing => "making the hash tree",
            Self::Verifying => "reading it back",
            Self::Publishing => "making the boot entry",
        }
    }
}

/// How things are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The product.
    pub product: String,
    /// The version that runs.
    pub version: Version,
    /// The slot that it is in; none where it is in none, and nothing can be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The version that boots next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Version>,
    /// Whether a restart is wanted, for an update that is installed.
    pub restart_wanted: bool,
    /// When the machine restarts by itself, in seconds since 1970; none where it does not, or not yet known when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_at: Option<u64>,
    /// Whether updates are looked for.
    pub enabled: bool,
    /// The channel.
    pub channel: String,
    /// The strategy's word.
    pub strategy: String,
    /// The repository's URLs.
    pub urls: Vec<String>,
    /// The version that it goes to and not past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Version>,
    /// The last check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_check: Option<Check>,
    /// What is installed and not booted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<Staged>,
    /// Versions that are not taken again by themselves.
    pub refused: Vec<Refused>,
    /// What the updater does at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Progress>,
    /// What is wrong: in the settings, or with the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
