//! The hash tree of a file, by as many threads as there are processors.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use layout::Guid;
use verity::{BLOCK, HashTree, RootHash, TreeError};

use crate::{Error, Result};

/// What a thread reads at once, in bytes.
const READ: u64 = 1 << 20;

/// Writes the hash tree of the file `data` to `out`, and gives its root hash.
///
/// # Errors
/// A file that cannot be read or written, or whose size is no whole number of blocks.
pub fn format(data: &Path, out: &Path, salt: &[u8], uuid: Guid) -> Result<RootHash> {
    let file = File::open(data).map_err(Error::io("reading", data))?;
    let size = file.metadata().map_err(Error::io("reading", data))?.len();
    let refused = |cause| Error::Verity { path: data.to_owned(), cause };
    if !size.is_multiple_of(BLOCK as u64) {
        return Err(refused(TreeError::PartialBlock(size as usize)));
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = size.div_ceil(threads).next_multiple_of(READ);
    let runs: Vec<Result<Vec<u8>>> = std::thread::scope(|scope| {
        let file = &file;
        let hashers: Vec<_> = (0..threads)
            .map(|i| (i * share, size.min((i + 1) * share)))
            .map(|(from, to)| scope.spawn(move || leaves(file, data, salt, from, to)))
            .collect();
        let fault = |_| Err(Error::io("hashing", data)(std::io::Error::other("a thread had a fault")));
        hashers.into_iter().map(|hasher| hasher.join().unwrap_or_else(fault)).collect()
    });
    let mut all = Vec::with_capacity((size / BLOCK as u64) as usize * verity::DIGEST);
    for run in runs {
        all.extend(run?);
    }
    let tree = HashTree::from_leaves(uuid, salt, &all).map_err(refused)?;
    fs::write(out, &tree.bytes).map_err(Error::io("writing", out))?;
    Ok(tree.root_hash)
}

/// Digests of the blocks in the bytes `from..to`.
fn leaves(file: &File, path: &Path, salt: &[u8], from: u64, to: u64) -> Result<Vec<u8>> {
    let mut digests = Vec::new();
    let mut buffer = vec![0; READ as usize];
    let mut at = from;
    while at < to {
        let part = &mut buffer[..READ.min(to - at) as usize];
        file.read_exact_at(part, at).map_err(Error::io("reading", path))?;
        let hashed = verity::leaves(salt, part);
        digests.extend(hashed.map_err(|cause| Error::Verity { path: path.to_owned(), cause })?);
        at += part.len() as u64;
    }
    Ok(digests)
}
