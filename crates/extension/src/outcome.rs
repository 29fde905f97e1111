//! What a boot made of the extensions.

use serde::{Deserialize, Serialize};

/// What a boot made of all extensions, as [`layout::extension::STATE`] keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The version of the base.
    pub base: String,
    /// The extensions, in the order of their layers, the lowest first.
    pub extensions: Vec<Outcome>,
}

/// What became of one extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// The image.
    pub path: String,
    /// Its version, where a record has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether it is merged.
    pub state: State,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether an extension is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is.
    Active,
    /// It is not.
    LeftOut,
}

impl State {
    /// The state as people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::LeftOut => "left out",
        }
    }
}
