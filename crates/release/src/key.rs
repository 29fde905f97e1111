//! A private key in a file.

use crate::role::Role;
use crate::store;
use anyhow::{Context as _, Result, bail};
use aws_lc_rs::signature::Ed25519KeyPair;
use std::fs;
use std::path::{Path, PathBuf};
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::sign::Sign;

/// The tag of a private key's PEM (RFC 7468, section 10).
const TAG: &str = "PRIVATE KEY";

/// An Ed25519 key pair, and the id by which metadata names it.
pub(crate) struct PrivateKey {
    pub(crate) id: Decoded<Hex>,
    pair: Ed25519KeyPair,
}

impl PrivateKey {
    /// A new one.
    pub(crate) fn generate() -> Result<Self> {
        let pair = Ed25519KeyPair::generate().context("making an Ed25519 key")?;
        Self::new(pair)
    }

    fn new(pair: Ed25519KeyPair) -> Result<Self> {
        let id = pair.tuf_key().key_id().context("naming a key")?;
        Ok(Self { id, pair })
    }

    /// What metadata says of it.
    pub(crate) fn public(&self) -> Key {
        self.pair.tuf_key()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let signature = self.pair.try_sign(message).context("signing")?;
        Ok(signature.as_ref().to_vec())
    }

    /// The name of its file: the role for people, the start of the id so that an old and a new one do not collide.
    pub(crate) fn file_name(&self, role: Role) -> String {
        format!("{role}-{}.pem", &hex::encode(&self.id)[..8])
    }

    /// Writes it into a folder, for its owner only.
    pub(crate) fn save(&self, directory: &Path, role: Role) -> Result<PathBuf> {
        let path = directory.join(self.file_name(role));
        let document = self.pair.to_pkcs8v1().context("writing a key as PKCS #8")?;
        let text = pem::encode(&pem::Pem::new(TAG, document.as_ref()));
        store::place_private(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Reads a file that [`PrivateKey::save`] wrote, or `openssl genpkey -algorithm ed25519` did.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("reading the key {}", path.display()))?;
        let expected =
            || format!("{} is no key of ours: expected an Ed25519 key as PEM (PKCS #8)", path.display());
        let pem = pem::parse(text).with_context(expected)?;
        if pem.tag() != TAG {
            bail!("{}; it is a {}", expected(), pem.tag());
        }
        Self::new(Ed25519KeyPair::from_pkcs8(pem.contents()).with_context(expected)?)
    }
}
