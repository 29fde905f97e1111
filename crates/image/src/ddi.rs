//! The image of a system extension: a disk image with two partitions, a file system and its hash tree (UAPI group,
//! UAPI.2 "Discoverable Partitions"). Their GUIDs are the halves of the root hash, as the specification has it, so that
//! programs which are told the root hash find them by it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use gpt::partition::Partition as Entry;
use gpt::partition_types::{OperatingSystem, Type};
use layout::Guid;
use layout::disk::{MIB, SECTOR};
use layout::extension::{DATA_LABEL, DATA_TYPE, VERITY_LABEL, VERITY_TYPE};
use verity::{BLOCK, RootHash};

use crate::disk::{copy, uuid, write_table};
use crate::{Error, Result};

/// Where the first partition begins, in bytes.
const START: u64 = MIB;
/// Kept free behind the last one for the backup of the table, in bytes: it needs 33 sectors.
const TAIL: u64 = 5 * BLOCK as u64;
/// Attribute bit 60: read-only (UAPI.2).
const READ_ONLY: u64 = 1 << 60;

/// Writes the image of the file system `data` with its hash tree `hashes` to `out`.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(out: &Path, data: &Path, hashes: &Path, root_hash: &RootHash) -> Result<()> {
    write_all(out, data, hashes, root_hash).inspect_err(|_| {
        // Half an image would be taken for one; where it cannot be removed, the first error counts.
        let _ = fs::remove_file(out);
    })
}

fn write_all(out: &Path, data: &Path, hashes: &Path, root_hash: &RootHash) -> Result<()> {
    let length = |path: &Path| -> Result<u64> {
        let metadata = fs::metadata(path).map_err(Error::io("reading", path))?;
        Ok(metadata.len().next_multiple_of(BLOCK as u64))
    };
    let (data_size, hash_size) = (length(data)?, length(hashes)?);
    let hash_start = START + data_size;
    let size = hash_start + hash_size + TAIL;
    let (first, second) = halves(root_hash);
    let entries = BTreeMap::from([
        (1, entry(DATA_TYPE, DATA_LABEL, first, START, data_size)),
        (2, entry(VERITY_TYPE, VERITY_LABEL, second, hash_start, hash_size)),
    ]);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    let mut file = options.open(out).map_err(Error::io("writing", out))?;
    file.set_len(size).map_err(Error::io("writing", out))?;
    // The root hash names what is in the image: no other image is to have the same GUID.
    let disk_guid = Guid::from_random(first.to_bytes());
    write_table(&mut file, out, disk_guid, size, entries)?;
    copy(data, &file, out, START, data_size, DATA_LABEL)?;
    copy(hashes, &file, out, hash_start, hash_size, VERITY_LABEL)
}

/// The first and the last 128 bits of a root hash.
fn halves(root_hash: &RootHash) -> (Guid, Guid) {
    let half = |at: usize| Guid::from_bytes(std::array::from_fn(|i| root_hash.0[at + i]));
    (half(0), half(16))
}

fn entry(type_guid: Guid, name: &str, guid: Guid, start: u64, size: u64) -> Entry {
    Entry {
        part_type_guid: Type { guid: uuid(type_guid), os: OperatingSystem::None },
        part_guid: uuid(guid),
        first_lba: start / SECTOR,
        last_lba: (start + size) / SECTOR - 1,
        flags: READ_ONLY,
        name: name.to_owned(),
    }
}
