//! A file as a bita archive.

use anyhow::{Context as _, Result, ensure};
use bitar::api::compress::{CreateArchiveOptions, create_archive};
use bitar::chunker::{Config, FilterBits, FilterConfig};
use bitar::header::{ARCHIVE_MAGIC, PRE_HEADER_SIZE};
use bitar::{Compression, CompressionAlgorithm};

/// Content-defined chunks of 32 KiB on average. What others cost is in docs/builder.md: with smaller ones the header,
/// which is fetched whole, outweighs what they save.
const CHUNKS: FilterConfig = FilterConfig {
    filter_bits: FilterBits(14),
    min_chunk_size: 8 << 10,
    max_chunk_size: 256 << 10,
    window_size: 64,
};
/// Bytes of a chunk's BLAKE2b that the header keeps: as many as of a SHA-256.
const HASH_LENGTH: usize = 32;
/// zstd's level: the next ones take minutes, for 3 % of an image that is compressed already.
const LEVEL: u32 = 9;

/// An archive.
pub(crate) struct Archive {
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    /// How much of it is the header.
    pub(crate) header: usize,
}

impl Archive {
    /// Of a file's content: the same bytes for the same content.
    pub(crate) fn of(content: &[u8]) -> Result<Self> {
        let options = CreateArchiveOptions {
            chunker_config: Config::RollSum(CHUNKS),
            chunk_hash_length: HASH_LENGTH,
            compression: Some(Compression::try_new(CompressionAlgorithm::Zstd, LEVEL)?),
            ..CreateArchiveOptions::default()
        };
        let mut bytes = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().context("starting a runtime")?;
        // From memory: a file that fails while bitar reads it is a panic there.
        runtime.block_on(create_archive(content, &mut bytes, &options)).context("cutting into chunks")?;
        let header = header_size(&bytes)?;
        Ok(Self { bytes, header })
    }

    /// The part that is signed.
    pub(crate) fn header(&self) -> &[u8] {
        &self.bytes[..self.header]
    }
}

/// The size of the header: magic, length of the dictionary, the dictionary, where chunks begin, a checksum.
fn header_size(archive: &[u8]) -> Result<usize> {
    let length = archive.get(ARCHIVE_MAGIC.len()..PRE_HEADER_SIZE).and_then(|bytes| bytes.try_into().ok());
    let dictionary: usize = u64::from_le_bytes(length.context("the archive has no header")?).try_into()?;
    let size = PRE_HEADER_SIZE + dictionary + 8 + 64;
    ensure!(size <= archive.len(), "the archive ends within its header");
    Ok(size)
}
