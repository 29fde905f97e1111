//! Layer: pure. The dm-verity hash tree.
//!
//! Format 1 with SHA-256 and blocks of 4096 bytes, as `veritysetup format` writes it and the
//! kernel reads it (Linux, Documentation/admin-guide/device-mapper/verity.rst; cryptsetup's
//! DMVerity page). The caller does the reading and the threads: [`leaves`] hashes any run of whole
//! data blocks by itself, and [`HashTree::from_leaves`] makes the tree of the joined result.
#![forbid(unsafe_code)]

mod root_hash;
mod superblock;
mod table;
mod tree;

pub use root_hash::{InvalidRootHash, RootHash};
pub use superblock::{Superblock, SuperblockError};
pub use table::target_params;
pub use tree::{HashTree, TreeError, leaves, read_leaves, root_hash_of_top};

/// Size of a data block and of a hash block, in bytes.
pub const BLOCK: usize = 4096;
/// Size of a digest, in bytes.
pub const DIGEST: usize = 32;
/// Longest salt that a superblock holds, in bytes.
pub const MAX_SALT: usize = 256;
