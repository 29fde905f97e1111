//! The parameters of a dm-verity target.

use crate::{BLOCK, RootHash, Superblock};

/// The parameters of a `verity` target over `data` and `hash` (paths or `major:minor`), as
/// DM_TABLE_LOAD takes them; the target's length is [`Superblock::data_size`] / 512 sectors.
/// `options` are the kernel's optional parameters without arguments, such as
/// `panic_on_corruption`.
pub fn target_params(
    superblock: &Superblock,
    root_hash: &RootHash,
    data: &str,
    hash: &str,
    options: &[&str],
) -> String {
    let salt = if superblock.salt.is_empty() { "-".to_owned() } else { hex::encode(&superblock.salt) };
    let blocks = superblock.data_blocks;
    let hash_start = superblock.top_block_offset() / BLOCK as u64;
    let mut params =
        format!("1 {data} {hash} {BLOCK} {BLOCK} {blocks} {hash_start} sha256 {root_hash} {salt}");
    if !options.is_empty() {
        params += &format!(" {} {}", options.len(), options.join(" "));
    }
    params
}
