//! Layer: pure. What a release is.
//!
//! [`Manifest`] is the file beside an image that names every artifact and every component, and
//! what an update must know before it starts. [`channel::Channel`] is the index of releases that a machine
//! [chooses](channel::choose) from. [`Version`] is the one rule for version numbers.
//! [`spdx::document`] says the same as a bill of materials.
#![forbid(unsafe_code)]

pub mod channel;
mod hash;
mod model;
pub mod spdx;
mod version;

pub use hash::{InvalidSha256, Sha256};
pub use model::{Archive, Artifact, Component, Input, Manifest, ManifestError, SCHEMA, Update, Usr, to_json};
pub use version::{InvalidVersion, Version};
