//! What is remembered.

use manifest::{Sha256, Version};
use serde::{Deserialize, Serialize};

use crate::Chain;

/// How many chains are refused at most: more have failed on no machine that anybody still updates.
const REFUSED_MAX: usize = 20;

/// All of it: [`layout::path::BOOT_CHAIN_STATE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The newest version whose chain was dealt with. An older one that somebody goes back to brings no older chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Version>,
    /// What is being tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// What failed here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Why the ESP does not have the chain of the version that was seen, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A chain that is being tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The version that brought it.
    pub version: Version,
    /// What it is.
    pub chain: Chain<Sha256>,
    /// The id of the boot in which it was prepared.
    pub boot: String,
    /// Which attempt to prepare it this is, from 1.
    pub attempt: u32,
    /// How far it is.
    pub stage: Stage,
}

/// How far a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Files and variables are being written.
    Preparing,
    /// Firmware is told: the next boot is by it.
    Armed,
    /// A boot by it was good: it takes the kept one's place.
    Proven,
}

/// A chain that failed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The version that brought it.
    pub version: Version,
    /// What it is.
    pub chain: Chain<Sha256>,
}

/// A text that is no record.
#[derive(Debug, thiserror::Error)]
#[error("this is not a record of the boot chain: {0}")]
pub struct RecordError(serde_json::Error);

impl Record {
    /// Reads [`Record::to_json`]'s text.
    ///
    /// # Errors
    /// It is not JSON of this shape.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        serde_json::from_str(text).map_err(RecordError)
    }

    /// The record's text.
    pub fn to_json(&self) -> String {
        manifest::to_json(self)
    }

    /// Whether there is something to be done once a boot of this version was good. Once a version was seen there is not.
    pub fn is_due(&self, version: &Version) -> bool {
        self.trial.is_some() || self.seen.as_ref().is_none_or(|seen| seen < version)
    }

    /// What there is to say of it, for people; nothing where the chain is the one that it should be.
    pub fn summary(&self) -> Option<String> {
        match &self.trial {
            Some(trial) if trial.stage == Stage::Proven => {
                Some(format!("the boot loader of {} is proven, and takes its place", trial.version))
            }
            Some(trial) => Some(format!("the boot loader of {} is tried at the next start", trial.version)),
            None => self.note.clone(),
        }
    }

    pub(crate) fn is_refused(&self, chain: &Chain<Sha256>) -> bool {
        self.refused.iter().any(|refused| refused.chain == *chain)
    }

    pub(crate) fn refuse(&mut self, trial: &Trial) {
        self.refused.push(Refused { version: trial.version.clone(), chain: trial.chain });
        let over = self.refused.len().saturating_sub(REFUSED_MAX);
        self.refused.drain(..over);
    }

    /// The version's chain is dealt with.
    pub(crate) fn settle(&mut self, version: &Version, note: Option<String>) {
        self.trial = None;
        self.note = note;
        if self.seen.as_ref().is_none_or(|seen| seen < version) {
            self.seen = Some(version.clone());
        }
    }
}
