//! Signed metadata as bytes.

use crate::key::PrivateKey;
use crate::role::{Lifetimes, Role};
use anyhow::{Context as _, Result};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};
use tough::schema::{Hashes, Metafile, Signature, Signed};

/// Version of the TUF specification that the metadata follows.
pub(crate) const SPEC_VERSION: &str = "1.0.0";

/// A role's statement with its signatures.
#[derive(Clone)]
pub(crate) struct Document<T> {
    pub(crate) signed: Signed<T>,
    pub(crate) bytes: Vec<u8>,
}

impl<T: tough::schema::Role + serde::de::DeserializeOwned> Document<T> {
    /// Reads one. The signatures are not looked at.
    pub(crate) fn read(bytes: Vec<u8>, name: &str) -> Result<Self> {
        let signed = serde_json::from_slice(&bytes).with_context(|| format!("{name} is no metadata"))?;
        Ok(Self { signed, bytes })
    }
}

impl<T: tough::schema::Role> Document<T> {
    /// Signs a statement with all of `keys`.
    pub(crate) fn sign<'a>(role: T, keys: impl IntoIterator<Item = &'a PrivateKey>) -> Result<Self> {
        let message = role.canonical_form().context("writing metadata as canonical JSON")?;
        let mut signatures = Vec::new();
        for key in keys {
            signatures.push(Signature { keyid: key.id.clone(), sig: key.sign(&message)?.into() });
        }
        let signed = Signed { signed: role, signatures };
        // By way of a value, whose maps are in order: the same statement is the same text.
        let value = serde_json::to_value(&signed).context("writing metadata as JSON")?;
        let mut bytes = serde_json::to_vec_pretty(&value).context("writing metadata as JSON")?;
        bytes.push(b'\n');
        Ok(Self { signed, bytes })
    }

    /// What the metadata that names this says of it.
    pub(crate) fn metafile(&self) -> Metafile {
        Metafile {
            length: Some(self.bytes.len() as u64),
            hashes: Some(hashes(&self.bytes)),
            version: self.signed.signed.version(),
            _extra: HashMap::new(),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.signed.signed.version().get()
    }

    /// Until when its word counts.
    pub(crate) fn expires(&self) -> SystemTime {
        self.signed.signed.expires().into()
    }
}

pub(crate) fn hashes(bytes: &[u8]) -> Hashes {
    Hashes { sha256: Sha256::digest(bytes).to_vec().into(), _extra: HashMap::new() }
}

/// When what is signed now expires, in whole seconds, as other clients want it.
pub(crate) fn expiry(role: Role, lifetimes: &Lifetimes, now: SystemTime) -> Result<jiff::Timestamp> {
    let until = now + lifetimes.of(role);
    let seconds = until.duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .with_context(|| format!("{role} would expire after the year 9999: set the clock"))
}

/// The version after another.
pub(crate) fn next(version: u64) -> Result<NonZeroU64> {
    version.checked_add(1).and_then(NonZeroU64::new).context("there are no more version numbers")
}
