//! The digest that names a whole tree.

use std::fmt;
use std::str::FromStr;

use crate::DIGEST;

/// A verity root hash. Its text, in `usrhash=` too, is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootHash(pub [u8; DIGEST]);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a verity root hash is 64 hexadecimal digits, not {0:?}")]
pub struct InvalidRootHash(pub String);

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for RootHash {
    type Err = InvalidRootHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; DIGEST];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidRootHash(text.to_owned()))?;
        Ok(Self(bytes))
    }
}
