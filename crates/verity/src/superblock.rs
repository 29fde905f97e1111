//! The superblock at the start of a hash partition (cryptsetup, lib/verity/verity.c: `struct
//! verity_sb`): 512 bytes, little-endian.

use layout::Guid;

use crate::{BLOCK, MAX_SALT};

const MAGIC: &[u8; 8] = b"verity\0\0";
const VERSION: u32 = 1;
/// Hash type 1: the salt comes before the block.
const HASH_TYPE: u32 = 1;
const ALGORITHM: &[u8] = b"sha256";

/// What a hash partition says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Any name for the tree.
    pub uuid: Guid,
    /// Number of data blocks.
    pub data_blocks: u64,
    /// The salt, at most [`MAX_SALT`] bytes.
    pub salt: Vec<u8>,
}

/// Why bytes are not a superblock that this crate reads.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuperblockError {
    /// Fewer bytes than a superblock has.
    #[error("{0} bytes are too few for a verity superblock")]
    Short(usize),
    /// No signature: nothing was ever written there, or something else.
    #[error("there is no verity superblock")]
    NoSignature,
    /// A format that is not the one of this crate.
    #[error("verity {field} is {found}, and only {expected} is known here")]
    Unsupported {
        /// Field of the superblock.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What it must hold.
        expected: String,
    },
    /// A number that cannot be true.
    #[error("verity superblock with {field} {found}")]
    Impossible {
        /// Field of the superblock.
        field: &'static str,
        /// What it holds.
        found: u64,
    },
}

impl Superblock {
    /// Size in bytes.
    pub const SIZE: usize = 512;

    /// Reads the first [`Superblock::SIZE`] bytes of a hash partition.
    ///
    /// # Errors
    /// Where they are not a superblock of format 1, SHA-256, 4096-byte blocks.
    pub fn parse(bytes: &[u8]) -> Result<Self, SuperblockError> {
        let bytes: &[u8; Self::SIZE] = bytes.first_chunk().ok_or(SuperblockError::Short(bytes.len()))?;
        if &bytes[..8] != MAGIC {
            return Err(SuperblockError::NoSignature);
        }
        expect("version", u32_at(bytes, 8), VERSION)?;
        expect("hash type", u32_at(bytes, 12), HASH_TYPE)?;
        let algorithm = bytes[32..64].split(|&b| b == 0).next().unwrap_or_default();
        if algorithm != ALGORITHM {
            return Err(SuperblockError::Unsupported {
                field: "algorithm",
                found: String::from_utf8_lossy(algorithm).into_owned(),
                expected: String::from_utf8_lossy(ALGORITHM).into_owned(),
            });
        }
        expect("data block size", u32_at(bytes, 64), BLOCK as u32)?;
        expect("hash block size", u32_at(bytes, 68), BLOCK as u32)?;
        let data_blocks = u64::from_le_bytes(array_at(bytes, 72));
        // Beyond 2^51 blocks the byte offsets do not fit 64 bits; a tree of fewer than two blocks
        // has no hash block.
        if !(2..1 << 51).contains(&data_blocks) {
            return Err(SuperblockError::Impossible { field: "number of data blocks", found: data_blocks });
        }
        let salt_len = u16::from_le_bytes(array_at(bytes, 80));
        let salt = bytes[88..88 + MAX_SALT]
            .get(..salt_len.into())
            .ok_or(SuperblockError::Impossible { field: "salt length", found: salt_len.into() })?;
        Ok(Self { uuid: Guid::from_bytes(array_at(bytes, 16)), data_blocks, salt: salt.to_vec() })
    }

    /// The bytes, as `veritysetup format` writes them. A salt longer than [`MAX_SALT`] is cut;
    /// [`crate::HashTree`] never has one.
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let salt = &self.salt[..self.salt.len().min(MAX_SALT)];
        let mut bytes = [0; Self::SIZE];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &HASH_TYPE.to_le_bytes());
        put(16, &self.uuid.to_bytes());
        put(32, ALGORITHM);
        put(64, &(BLOCK as u32).to_le_bytes());
        put(68, &(BLOCK as u32).to_le_bytes());
        put(72, &self.data_blocks.to_le_bytes());
        put(80, &(salt.len() as u16).to_le_bytes());
        put(88, salt);
        bytes
    }

    /// Size of the data that the tree covers, in bytes.
    pub fn data_size(&self) -> u64 {
        self.data_blocks * BLOCK as u64
    }

    /// Where in the hash partition the top hash block begins, in bytes: the tree is written from
    /// the top down, right behind the superblock's block.
    pub fn top_block_offset(&self) -> u64 {
        BLOCK as u64
    }
}

fn expect(field: &'static str, found: u32, expected: u32) -> Result<(), SuperblockError> {
    if found == expected {
        return Ok(());
    }
    Err(SuperblockError::Unsupported { field, found: found.to_string(), expected: expected.to_string() })
}

fn u32_at(bytes: &[u8; Superblock::SIZE], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8; Superblock::SIZE], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}
