//! Images of any content, for tests: no kernel mounts one.

use disk_table::{Geometry, Loaded, Partition};
use layout::Guid;
use layout::disk::SECTOR;
use layout::extension::{DATA_TYPE, VERITY_TYPE};
use verity::{BLOCK, HashTree, RootHash, TreeError, leaves};

/// Where in an image of [`image`] its content begins, in bytes.
pub const DATA_START: u64 = 1 << 20;
const SALT: [u8; 32] = [1; 32];

/// An image whose file system is these bytes, with zeros to whole blocks, two at least; and its root hash.
///
/// # Errors
/// It would be too large.
pub fn image(content: &[u8]) -> Result<(Vec<u8>, RootHash), TreeError> {
    let mut data = content.to_vec();
    data.resize(data.len().next_multiple_of(BLOCK).max(2 * BLOCK), 0);
    let guid = Guid::from_random([9; 16]);
    let tree = HashTree::from_leaves(guid, &SALT, &leaves(&SALT, &data)?)?;
    let hash_start = DATA_START + data.len() as u64;
    let size = hash_start + tree.bytes.len() as u64 + DATA_START;
    let geometry = Geometry::new(size, SECTOR);
    let mut bytes = vec![0; size as usize];
    let mut put = |at: u64, part: &[u8]| bytes[at as usize..at as usize + part.len()].copy_from_slice(part);
    if let Some(loaded) = Loaded::empty(geometry, guid) {
        let mut table = loaded.table.clone();
        for (number, type_guid, start, length) in [
            (1, DATA_TYPE, DATA_START, data.len() as u64),
            (2, VERITY_TYPE, hash_start, tree.bytes.len() as u64),
        ] {
            table.insert(&Partition {
                number,
                type_guid,
                guid: Guid::from_random([number as u8; 16]),
                first: start / SECTOR,
                last: (start + length) / SECTOR - 1,
                attributes: 0,
                name: String::new(),
            });
        }
        for write in loaded.writes(&table, geometry).into_iter().flatten() {
            put(write.offset, &write.bytes);
        }
    }
    put(DATA_START, &data);
    put(hash_start, &tree.bytes);
    Ok((bytes, tree.root_hash))
}
