//! Making a hash tree, and checking its top.

use layout::Guid;
use sha2::{Digest, Sha256};

use crate::{BLOCK, DIGEST, MAX_SALT, RootHash, Superblock};

const DIGESTS_A_BLOCK: usize = BLOCK / DIGEST;

/// Why there can be no tree.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The data ends within a block.
    #[error("the data is {0} bytes, which is no whole number of {BLOCK}-byte blocks")]
    PartialBlock(usize),
    /// With fewer than two data blocks there is no hash block.
    #[error("{0} data block(s) are too few for a hash tree")]
    TooSmall(usize),
    /// The salt does not fit the superblock.
    #[error("a salt of {0} bytes is longer than {MAX_SALT}")]
    SaltTooLong(usize),
}

/// A finished tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashTree {
    /// What names the tree.
    pub root_hash: RootHash,
    /// What the hash partition holds from its first byte: superblock, then the levels, top first.
    pub bytes: Vec<u8>,
}

/// How much of the data is read at a time, in bytes.
const PART: usize = 1 << 20;

/// The digests of all blocks of data of `size` bytes, joined. `read` fills a part of it from an offset in bytes.
///
/// # Errors
/// Those of `read`, and where the data is not a whole number of blocks.
pub fn read_leaves<E: From<TreeError>>(
    salt: &[u8],
    size: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let mut digests = Vec::with_capacity((size / BLOCK as u64) as usize * DIGEST);
    let mut part = vec![0; PART];
    for offset in (0..size).step_by(PART) {
        let part = &mut part[..PART.min((size - offset) as usize)];
        read(offset, part)?;
        digests.extend(leaves(salt, part)?);
    }
    Ok(digests)
}

/// The digests of some data blocks, joined. Runs hashed apart (by several threads) and joined in
/// order give the same as one run.
///
/// # Errors
/// Where `data` is not a whole number of blocks.
pub fn leaves(salt: &[u8], data: &[u8]) -> Result<Vec<u8>, TreeError> {
    let (blocks, rest) = data.as_chunks::<BLOCK>();
    if !rest.is_empty() {
        return Err(TreeError::PartialBlock(data.len()));
    }
    let salted = Sha256::new_with_prefix(salt);
    let mut digests = Vec::with_capacity(blocks.len() * DIGEST);
    for block in blocks {
        digests.extend_from_slice(&salted.clone().chain_update(block).finalize());
    }
    Ok(digests)
}

/// The root hash of the tree whose top hash block is `block`. Equal to the `usrhash` wanted, it
/// proves the block and the salt; the kernel then proves the rest as it is read.
pub fn root_hash_of_top(block: &[u8; BLOCK], superblock: &Superblock) -> RootHash {
    RootHash(salted_hash(&superblock.salt, block))
}

impl HashTree {
    /// The tree over data blocks whose digests are `leaves` (of [`leaves`]).
    ///
    /// # Errors
    /// Where there are fewer than two blocks, or the salt is too long.
    pub fn from_leaves(uuid: Guid, salt: &[u8], leaves: &[u8]) -> Result<Self, TreeError> {
        if salt.len() > MAX_SALT {
            return Err(TreeError::SaltTooLong(salt.len()));
        }
        let data_blocks = leaves.len() / DIGEST;
        if data_blocks < 2 {
            return Err(TreeError::TooSmall(data_blocks));
        }
        let mut levels = vec![padded(leaves)];
        let mut top = &levels[0];
        while top.len() > BLOCK {
            let above: Vec<u8> =
                top.as_chunks::<BLOCK>().0.iter().flat_map(|block| salted_hash(salt, block)).collect();
            levels.push(padded(&above));
            top = &levels[levels.len() - 1];
        }
        let root_hash = RootHash(salted_hash(salt, top));

        let superblock = Superblock { uuid, data_blocks: data_blocks as u64, salt: salt.to_vec() };
        let mut bytes = vec![0; BLOCK];
        bytes[..Superblock::SIZE].copy_from_slice(&superblock.to_bytes());
        for level in levels.iter().rev() {
            bytes.extend_from_slice(level);
        }
        Ok(Self { root_hash, bytes })
    }

    /// Size of what a hash partition must hold for `data_size` bytes of data, in bytes.
    pub fn size_for(data_size: u64) -> u64 {
        let mut blocks = data_size.div_ceil(BLOCK as u64);
        let mut total = 1;
        while blocks > 1 {
            blocks = blocks.div_ceil(DIGESTS_A_BLOCK as u64);
            total += blocks;
        }
        total * BLOCK as u64
    }
}

fn padded(digests: &[u8]) -> Vec<u8> {
    let mut level = digests.to_vec();
    level.resize(digests.len().next_multiple_of(BLOCK), 0);
    level
}

fn salted_hash(salt: &[u8], block: &[u8]) -> [u8; DIGEST] {
    Sha256::new_with_prefix(salt).chain_update(block).finalize().into()
}
