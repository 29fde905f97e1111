//! What is remembered.

use layout::Slot;
use manifest::Version;
use serde::{Deserialize, Serialize};

/// The number of the record's format. A reader takes records of a higher number too, as far as it knows their fields:
/// after a fallback an older version reads what a newer one wrote, and what it does not know it leaves as it is.
pub const SCHEMA: u32 = 1;

/// All of it. Times are seconds since 1970 began in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Format of the record; [`SCHEMA`].
    pub schema: u32,
    /// The version that the machine goes to and not past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Version>,
    /// The highest security epoch of a version that was good here.
    pub epoch: u64,
    /// Versions that are not taken again by themselves.
    pub refused: Vec<Refused>,
    /// The last check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_check: Option<Check>,
    /// What is installed and boots next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<Staged>,
    /// What happened, the oldest first.
    pub history: Vec<Record>,
    /// What a newer version wrote.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

/// A version that is not taken again by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which.
    pub version: Version,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub at: u64,
}

/// A check for updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// When it ended.
    pub at: u64,
    /// Whether the repository was read and is sound.
    pub ok: bool,
    /// What came out, for people.
    pub outcome: String,
    /// The version that can be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<Version>,
}

/// What is installed and not booted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Its version.
    pub version: Version,
    /// Where it is.
    #[serde(with = "slot")]
    pub slot: Slot,
    /// Since when.
    pub at: u64,
    /// Its security epoch: the machine's, once it is good.
    #[serde(default)]
    pub epoch: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: u64,
    /// What.
    pub what: What,
    /// The version that it is about.
    pub version: Version,
    /// The version that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// More, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It was written to the other slot, and boots next.
    Installed,
    /// It could not be installed.
    InstallFailed,
    /// It booted and was good.
    Blessed,
    /// It did not get good here, and the version before runs again.
    Failed,
    /// Somebody had the machine go back to it.
    RolledBack,
    /// Somebody had the machine go no further than it.
    Pinned,
    /// Somebody took that back.
    Unpinned,
    /// Something that a newer version does.
    #[serde(other)]
    Other,
}

/// A text that is no record.
#[derive(Debug, thiserror::Error)]
#[error("this is not a record of updates: {0}")]
pub struct StateError(serde_json::Error);

impl Default for State {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            pinned: None,
            epoch: 0,
            refused: Vec::new(),
            last_check: None,
            staged: None,
            history: Vec::new(),
            unknown: serde_json::Map::new(),
        }
    }
}

impl State {
    /// Reads [`State::to_json`]'s text.
    ///
    /// # Errors
    /// It is not JSON of this shape.
    pub fn from_json(text: &str) -> Result<Self, StateError> {
        serde_json::from_str(text).map_err(StateError)
    }

    /// The record's text.
    pub fn to_json(&self) -> String {
        manifest::to_json(self)
    }
}

/// A slot by its letter.
mod slot {
    use layout::Slot;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(slot: &Slot, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(slot)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Slot, D::Error> {
        let letter = String::deserialize(deserializer)?;
        let slot = Slot::ALL.into_iter().find(|slot| slot.to_string() == letter);
        slot.ok_or_else(|| D::Error::custom(format!("{letter:?} is no slot; A and B are")))
    }
}
