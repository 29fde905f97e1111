//! An archive's header, which is signed: which chunks a file is made of, and where in the archive they are.
//!
//! What is signed may still be wrong. Nothing of it is used before all its numbers fit each other.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, bail, ensure};
use bitar::archive_reader::IoReader;
use bitar::chunker::Config;
use bitar::{Archive, HashSum};
use futures::FutureExt;

/// The largest chunk, in bytes: two of them, packed and not, are in memory.
const MOST_CHUNK: u64 = 8 << 20;
/// The fewest bytes of a chunk's hash.
const LEAST_HASH: usize = 16;

/// What a file is made of.
#[derive(Debug)]
pub struct Header {
    /// The chunks, each once, in the order in which they are in the archive.
    pub chunks: Vec<Chunk>,
    /// Size of the file.
    pub size: u64,
    /// How a file is cut into chunks, so that those of another one can be found.
    pub cutting: Config,
    /// Bytes of a chunk's hash.
    pub hash_length: usize,
}

/// A chunk.
#[derive(Debug)]
pub struct Chunk {
    /// What it hashes to.
    pub hash: HashSum,
    /// Its bytes.
    pub size: u64,
    /// Where it is in the file, sorted.
    pub places: Vec<u64>,
    /// Where it is in the archive.
    pub at: u64,
    /// Bytes that it has there; packed where these are fewer.
    pub packed: u64,
}

impl Header {
    /// Reads the header of an archive of so many bytes, of a file of so many bytes at most.
    ///
    /// # Errors
    /// It is none, or its numbers do not fit.
    pub fn read(bytes: &[u8], archive_size: u64, most: u64) -> Result<Self> {
        // Magic, size of the dictionary, dictionary, place of the chunks, hash of all that.
        let magic = bitar::header::ARCHIVE_MAGIC.len();
        let Some(stated) = bytes.get(magic..magic + 8).and_then(|size| size.first_chunk()) else {
            bail!("the header of the archive is cut short");
        };
        let fixed = magic as u64 + 8 + 8 + 64;
        ensure!(
            u64::from_le_bytes(*stated).checked_add(fixed) == Some(bytes.len() as u64),
            "the header of the archive has {} bytes, and speaks of {} and {fixed}",
            bytes.len(),
            u64::from_le_bytes(*stated)
        );
        // bitar takes the order of chunks for sound.
        let read = || read(bytes, archive_size, most);
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(result) => result,
            Err(_) => bail!("the header of the archive names chunks that it does not have"),
        }
    }

    /// The packed bytes of all chunks.
    pub fn packed(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.packed).sum()
    }
}

fn read(bytes: &[u8], archive_size: u64, most: u64) -> Result<Header> {
    let reader = IoReader::new(Cursor::new(bytes));
    let Some(archive) = Archive::try_init(reader).now_or_never() else {
        bail!("the header of the archive cannot be read at once");
    };
    let archive = match archive {
        Ok(archive) => archive,
        Err(bitar::ArchiveError::InvalidArchive(why)) => bail!("the header of the archive is damaged: {why}"),
        Err(bitar::ArchiveError::ReaderError(why)) => bail!("the header of the archive is cut short: {why}"),
    };
    let size = archive.total_source_size();
    ensure!(size <= most, "the file has {size} bytes, and there is room for {most}");
    if let Some(compression) = archive.chunk_compression() {
        // Its algorithm is told in words only.
        let name = compression.to_string();
        ensure!(
            name.starts_with("zstd "),
            "the archive is packed by {name}, which is not known here; zstd is"
        );
    }
    let hash_length = archive.chunk_hash_length();
    ensure!((LEAST_HASH..=64).contains(&hash_length), "chunks are told by {hash_length} bytes of their hash");
    match archive.chunker_config() {
        Config::BuzHash(filter) | Config::RollSum(filter) => {
            let (least, longest) = (filter.min_chunk_size, filter.max_chunk_size);
            let bits = filter.filter_bits.bits();
            ensure!(
                least <= longest
                    && longest as u64 <= MOST_CHUNK
                    && (1..=1 << 12).contains(&filter.window_size)
                    && bits < 32,
                "chunks of {least} to {longest} bytes are not taken"
            );
        }
        Config::FixedSize(size) => {
            ensure!((1..=MOST_CHUNK).contains(&(*size as u64)), "chunks of {size} bytes are not taken");
        }
    }
    let mut chunks = Vec::with_capacity(archive.chunk_descriptors().len());
    for (number, chunk) in archive.chunk_descriptors().iter().enumerate() {
        let (unpacked, packed) = (u64::from(chunk.source_size), chunk.archive_size as u64);
        let end = chunk.archive_offset.checked_add(packed);
        ensure!(
            (1..=MOST_CHUNK).contains(&unpacked) && (1..=unpacked).contains(&packed),
            "chunk {number} has {packed} bytes, and {unpacked} unpacked"
        );
        ensure!(
            chunk.archive_offset >= bytes.len() as u64 && end.is_some_and(|end| end <= archive_size),
            "chunk {number} is outside of the archive"
        );
        ensure!(chunk.checksum.len() == hash_length, "the hash of chunk {number} has another length");
        chunks.push(Chunk {
            hash: chunk.checksum.clone(),
            size: unpacked,
            places: Vec::new(),
            at: chunk.archive_offset,
            packed,
        });
    }
    let index: std::collections::HashMap<HashSum, usize> =
        chunks.iter().enumerate().map(|(number, chunk)| (chunk.hash.clone(), number)).collect();
    ensure!(index.len() == chunks.len(), "the archive has a chunk twice");
    let mut end = 0_u64;
    for (at, chunk) in archive.iter_source_chunks() {
        end = at + u64::from(chunk.source_size);
        ensure!(end <= size, "the chunks are more than the file's {size} bytes");
        let number = index.get(&chunk.checksum).copied();
        if let Some(chunk) = number.and_then(|number| chunks.get_mut(number)) {
            chunk.places.push(at);
        }
    }
    ensure!(end == size, "the chunks are {end} bytes, and the file has {size}");
    ensure!(
        chunks.iter().all(|chunk| !chunk.places.is_empty()),
        "the archive has a chunk that is nowhere in the file"
    );
    chunks.sort_by_key(|chunk| chunk.at);
    Ok(Header { chunks, size, cutting: archive.chunker_config().clone(), hash_length })
}
