//! From the configuration to where the journal is, and how large it may become.

use std::path::Path;

use journal::Limits;

use crate::config::{Config, Storage};
use crate::store::Settings;

/// Bytes of the journal where nothing says how many: on the disk, and in memory.
const SYSTEM_USE: u64 = 128 << 20;
const RUNTIME_USE: u64 = 16 << 20;
/// Bytes of a segment where nothing says how many, and the least.
const SEGMENT: u64 = 8 << 20;
const SEGMENT_LEAST: u64 = 64 << 10;
/// So many segments are kept where nothing says how many.
const SEGMENTS: usize = 512;

/// What is stored, and where.
pub fn settings(config: &Config, folder: Option<&Path>) -> Settings {
    let storage = match config.storage {
        Storage::Auto if Path::new(journal::DIR).is_dir() => Storage::Persistent,
        Storage::Auto => Storage::Volatile,
        stated => stated,
    };
    let (dir, bounds, max_use) = match storage {
        Storage::None => (None, config.system, SYSTEM_USE),
        Storage::Volatile => (Some(journal::VOLATILE_DIR), config.runtime, RUNTIME_USE),
        _ => (Some(journal::DIR), config.system, SYSTEM_USE),
    };
    let dir = dir.map(|dir| folder.unwrap_or(Path::new(dir)).to_owned());
    let total_bytes = bounds.max_use.unwrap_or(max_use);
    let segment_bytes = bounds.max_file_size.unwrap_or(SEGMENT.min(total_bytes / 8));
    let limits = Limits {
        segment_bytes: segment_bytes.max(SEGMENT_LEAST),
        total_bytes,
        keep_free: bounds.keep_free.unwrap_or(0),
        segments: bounds
            .max_files
            .map_or(SEGMENTS, |files| usize::try_from(files).unwrap_or(usize::MAX).max(1)),
        retention_us: config.retention_us,
        segment_us: config.file_us,
    };
    let states_free = bounds.keep_free.is_some();
    let Config { sync_us, compress, store_level: level, .. } = *config;
    Settings { dir, limits, states_free, level, sync_us, compress }
}
