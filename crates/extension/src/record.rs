//! Which root hashes of an extension are trusted: what the signatures of a repository said, kept for boots.

use manifest::Version;
use serde::{Deserialize, Serialize};
use verity::RootHash;

/// The number of the record's format.
pub const SCHEMA: u32 = 1;

/// The record of one extension. Who runs as root on a machine can write one; whoever brings images in writes it
/// only after their signatures have held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Format; [`SCHEMA`].
    pub schema: u32,
    /// The images that are trusted.
    pub trusted: Vec<Trusted>,
}

/// A trusted image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// The extension's version.
    pub version: String,
    /// Root hash of its hash tree, in hexadecimal digits.
    pub root_hash: String,
    /// The version of the base that it is for.
    pub base: String,
}

/// Why a text is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON of the right shape.
    #[error("it is no record: {0}")]
    Json(serde_json::Error),
    /// It is newer than this program.
    #[error("its format is {0}, and only {SCHEMA} is known here")]
    Schema(u32),
}

impl Default for Record {
    fn default() -> Self {
        Self { schema: SCHEMA, trusted: Vec::new() }
    }
}

impl Record {
    /// Reads [`Record::to_json`]'s text.
    ///
    /// # Errors
    /// It is none, or of a newer format.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(text).map_err(RecordError::Json)?;
        if record.schema == SCHEMA { Ok(record) } else { Err(RecordError::Schema(record.schema)) }
    }

    /// The record as JSON.
    pub fn to_json(&self) -> String {
        manifest::to_json(self)
    }

    /// The trusted image with this root hash for a version of the base.
    pub fn find(&self, root_hash: &RootHash, base: &str) -> Option<&Trusted> {
        let is_it = |trusted: &&Trusted| trusted.base == base && trusted.root_hash.parse() == Ok(*root_hash);
        self.trusted.iter().find(is_it)
    }

    /// Trusts an image, and no other one for the same version of the base.
    pub fn trust(&mut self, version: &str, root_hash: &RootHash, base: &Version) {
        self.trusted.retain(|trusted| trusted.base != base.as_str());
        let (version, root_hash, base) = (version.to_owned(), root_hash.to_string(), base.to_string());
        self.trusted.push(Trusted { version, root_hash, base });
    }

    /// Forgets what is for other versions of the base than these.
    pub fn keep(&mut self, bases: &[Version]) {
        self.trusted.retain(|trusted| bases.iter().any(|base| base.as_str() == trusted.base));
    }
}
