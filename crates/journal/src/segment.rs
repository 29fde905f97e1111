//! The files of a journal: `<number>.log`, the number growing, or `<number>.log.lz4` once packed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::Error;

/// A segment can be read from the beginning of each so many bytes on: an entry that begins among
/// them has its context there too. Each is packed by itself.
pub(crate) const BLOCK: u64 = 128 << 10;

const LIVE: &str = ".log";
const PACKED: &str = ".log.lz4";

/// One segment, as the folder's listing shows it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub number: u64,
    pub path: PathBuf,
    /// Its size in bytes when it was listed.
    pub size: u64,
    /// When it was last written, in microseconds since 1970.
    pub written_us: u64,
    /// Whether it is packed.
    pub is_packed: bool,
}

/// The path of segment `number` in `dir` while it is written.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}{LIVE}"))
}

/// The path of the same once it is packed.
pub(crate) fn packed_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}{PACKED}"))
}

/// The segments of `dir`, oldest first. A folder that does not exist has none; files of other
/// names are left alone.
pub(crate) fn list(dir: &Path) -> Result<Vec<Segment>, Error> {
    let listing = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("list", dir))?,
    };
    let mut segments = Vec::new();
    for item in listing {
        let item = item.map_err(Error::io("list", dir))?;
        let name = item.file_name();
        let Some((number, is_packed)) = name.to_str().and_then(number_of) else {
            continue;
        };
        // A segment may be removed by the writer between the listing and the look at it.
        if let Ok(meta) = item.metadata() {
            let written = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let written_us = written.map_or(0, |time| time.as_micros() as u64);
            segments.push(Segment { number, path: item.path(), size: meta.len(), written_us, is_packed });
        }
    }
    segments.sort_by_key(|s| (s.number, !s.is_packed));
    // Between the packing of a segment and the removal of the original both are there.
    segments.dedup_by_key(|s| s.number);
    Ok(segments)
}

fn number_of(name: &str) -> Option<(u64, bool)> {
    let (digits, is_packed) = match name.strip_suffix(PACKED) {
        Some(digits) => (digits, true),
        None => (name.strip_suffix(LIVE)?, false),
    };
    let number = digits.parse::<u32>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some((u64::from(number), is_packed))
}
