//! How large and how old a journal may become.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Error;
use crate::segment;

/// Bounds of a journal. A time span of `None` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A segment that has reached this many bytes is closed and the next one begun.
    pub segment_bytes: u64,
    /// All segments together, in bytes: the oldest are removed before this is passed.
    pub total_bytes: u64,
    /// So many bytes of the file system are left free for others: the journal does not grow beyond that. What is there
    /// is not removed for it, but for what is more than [`FLOOR`] and was not there when the journal was opened.
    pub keep_free: u64,
    /// Number of segments; each boot begins one, so this bounds the boots that are kept.
    pub segments: usize,
    /// Segments whose last entry is older, in microseconds, are removed.
    pub retention_us: Option<u64>,
    /// A segment that was begun longer ago, in microseconds, is closed and the next one begun.
    pub segment_us: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            total_bytes: 128 << 20,
            keep_free: 0,
            segments: 512,
            retention_us: None,
            segment_us: None,
        }
    }
}

/// A journal of at most so many bytes does not give way to what others write.
pub const FLOOR: u64 = 16 << 20;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Segments.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes the oldest segments until the rest is within the limits. The newest one is never
/// removed: it may be the one that is written.
///
/// # Errors
/// The folder cannot be listed, or a segment not be removed.
pub fn vacuum(dir: &Path, limits: &Limits) -> Result<Removed, Error> {
    make_room(dir, limits, 0, FLOOR)
}

/// The same, so that `reserve` more bytes fit. Where others have filled the file system, a journal of at most `floor`
/// bytes stays as it is, and in any case the segment that was closed last.
pub(crate) fn make_room(dir: &Path, limits: &Limits, reserve: u64, floor: u64) -> Result<Removed, Error> {
    let mut segments = segment::list(dir)?;
    let newest = segments.pop();
    let mut count = segments.len() + usize::from(newest.is_some());
    let closed: u64 = segments.iter().map(|s| s.size).sum();
    let last_closed = segments.last().map(|s| s.number);
    let newest = newest.map_or(0, |s| s.size);
    let mut used = newest + closed;
    let room = room(dir, used, limits.keep_free);
    let mut bytes = newest.max(reserve) + closed;
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_micros() as u64);
    let oldest_us = limits.retention_us.map_or(0, |span| now_us.saturating_sub(span));
    let mut removed = Removed::default();
    for old in segments {
        let is_too_much = bytes > limits.total_bytes || count > limits.segments || old.written_us < oldest_us;
        let gives_way = bytes > room && used > floor && last_closed != Some(old.number);
        if !is_too_much && !gives_way {
            break;
        }
        match fs::remove_file(&old.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &old.path)(e));
            }
            _ => {}
        }
        bytes -= old.size;
        used -= old.size;
        count -= 1;
        removed.segments += 1;
        removed.bytes += old.size;
    }
    Ok(removed)
}

/// How large the journal may be, for so many bytes to stay free. Where the file system does not
/// tell, it has room.
fn room(dir: &Path, used: u64, keep_free: u64) -> u64 {
    match rustix::fs::statvfs(dir) {
        Ok(stat) if keep_free > 0 => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            used.saturating_add(free).saturating_sub(keep_free)
        }
        _ => u64::MAX,
    }
}
