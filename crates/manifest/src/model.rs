//! The manifest.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Sha256, Version};

/// The number of the manifest's format. A reader takes manifests up to its own number, and fields
/// that it does not know are left alone, so that an old machine can read a newer release.
pub const SCHEMA: u32 = 1;

/// What a release is. Fields stand in the JSON in the order in which they stand here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the manifest; [`SCHEMA`].
    pub schema: u32,
    /// The product's name; a machine takes updates of its own product only.
    pub product: String,
    /// Architecture, as `uname -m` names it.
    pub architecture: String,
    /// Channel that the release is meant for.
    pub channel: String,
    /// The release's version.
    pub version: Version,
    /// Raised when older releases must never boot again.
    pub security_epoch: u64,
    /// The oldest version that can be updated to this one in one step.
    pub minimum_version: Version,
    /// SOURCE_DATE_EPOCH of the build, in seconds.
    pub source_date_epoch: u64,
    /// The `/usr` of the release.
    pub usr: Usr,
    /// SHA-256 of the unified kernel image.
    pub uki_sha256: Sha256,
    /// Everything that the release is made of, by name.
    pub components: Vec<Component>,
    /// The files of the release, by name.
    pub artifacts: Vec<Artifact>,
    /// Inputs that were not the locked ones. Empty in a build that can be made again.
    pub inputs_not_as_locked: Vec<Input>,
    /// How a machine fetches the release: in the manifests of a repository only, not in those of builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
}

/// What a repository has of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The content of the slot ([`Usr::size`] bytes).
    pub usr: Archive,
    /// Salt of the slot's hash tree, which the machine makes itself.
    pub usr_salt: Sha256,
    /// The unified kernel image ([`Manifest::uki_sha256`]).
    pub uki: Archive,
}

/// A file cut into chunks (a bita archive), of which a machine fetches those that it does not have. The archive
/// begins with a header that has the hash of each chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The target that is the archive's header: its first bytes, up to its chunks. It alone is signed.
    pub header: String,
    /// Path of the whole archive, header included, below the repository's URL.
    pub path: String,
    /// Size of the whole archive, in bytes.
    pub size: u64,
}

/// A release's `/usr`, as a slot holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usr {
    /// Size of the erofs, in bytes.
    pub size: u64,
    /// Size of the hash tree, in bytes.
    pub verity_size: u64,
    /// The smallest slot that the release is meant for, in bytes.
    pub slot_size: u64,
    /// The verity root hash, in hexadecimal: the kernel argument `usrhash`.
    pub root_hash: Sha256,
}

/// Something that the release is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Component {
    /// Name.
    pub name: String,
    /// Its maker's version.
    pub version: String,
    /// Licence as an SPDX expression; empty where it is not known.
    pub licence: String,
    /// Where its source came from: a package URL (`pkg:golang/...`, `pkg:deb/debian/...`), or text.
    pub source: String,
}

/// A file of the release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Artifact {
    /// File name.
    pub name: String,
    /// What it is: `disk`, `qcow2`, `uki`, `usr`, `verity`, `kernel`, `initramfs`, ...
    pub kind: String,
    /// Size, in bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: Sha256,
}

/// An input that was not the locked one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input {
    /// Name.
    pub name: String,
    /// The version that the lock names.
    pub locked: String,
    /// The version that was taken.
    pub used: String,
}

/// Why a text is not a manifest that this program can use.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON of the right shape.
    #[error("this is not {what}: {error}")]
    Shape {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// It was made for a newer reader.
    #[error("the format of {what} is {schema}, and this program knows formats up to {known}; update it")]
    Newer {
        /// What was expected.
        what: &'static str,
        /// The text's format.
        schema: u32,
        /// The newest that is known.
        known: u32,
    },
}

impl Manifest {
    /// The manifest as JSON: the same text for the same manifest, with lists in order of name.
    pub fn to_json(&self) -> String {
        let mut sorted = self.clone();
        sorted.components.sort();
        sorted.artifacts.sort();
        sorted.inputs_not_as_locked.sort();
        to_json(&sorted)
    }

    /// Reads [`Manifest::to_json`]'s text.
    ///
    /// # Errors
    /// Where it is not JSON, a field is missing or wrong, or the format is newer than [`SCHEMA`].
    pub fn from_json(text: &str) -> Result<Self, ManifestError> {
        read("a manifest", SCHEMA, text)
    }

    /// The artifact of a kind.
    pub fn artifact(&self, kind: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|a| a.kind == kind)
    }
}

/// Reads JSON of a format up to `known`. The format is looked at first, since a newer one may have another shape.
pub(crate) fn read<T: DeserializeOwned>(
    what: &'static str,
    known: u32,
    text: &str,
) -> Result<T, ManifestError> {
    #[derive(Deserialize)]
    struct Format {
        schema: u32,
    }
    let shape = |error| ManifestError::Shape { what, error };
    let Format { schema } = serde_json::from_str(text).map_err(shape)?;
    if schema > known {
        return Err(ManifestError::Newer { what, schema, known });
    }
    serde_json::from_str(text).map_err(shape)
}

/// Pretty JSON with a newline at its end, of types that hold nothing that JSON cannot (no map with
/// other keys than text, no failing serializer), so that there is no error to give.
pub fn to_json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
