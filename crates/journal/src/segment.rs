//! The files of a journal: `<number>.jsonl`, the number growing.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{BootId, Error};

/// The version of the format that this code writes and reads.
const FORMAT: u32 = 1;

/// The first line of a segment.
#[derive(Serialize, Deserialize)]
pub(crate) struct Header {
    journal: u32,
    pub(crate) boot: BootId,
}

impl Header {
    pub(crate) fn new(boot: BootId) -> Self {
        Self { journal: FORMAT, boot }
    }

    /// The header as a line, its line feed included.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// One segment, as the folder's listing shows it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    /// Its size in bytes when it was listed.
    pub(crate) size: u64,
}

impl Segment {
    /// The boot it belongs to; `None` where its header is not whole or of another format.
    pub(crate) fn boot(&self) -> Option<BootId> {
        let mut line = Vec::new();
        let file = File::open(&self.path).ok()?;
        BufReader::with_capacity(256, file).read_until(b'\n', &mut line).ok()?;
        let header: Header = serde_json::from_slice(&line).ok()?;
        (header.journal == FORMAT).then_some(header.boot)
    }
}

/// The path of segment `number` in `dir`.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}.jsonl"))
}

/// The segments of `dir`, oldest first. A folder that does not exist has none; files of other
/// names are left alone.
pub(crate) fn list(dir: &Path) -> Result<Vec<Segment>, Error> {
    let listing = match fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("list", dir))?,
    };
    let mut segments = Vec::new();
    for item in listing {
        let item = item.map_err(Error::io("list", dir))?;
        let name = item.file_name();
        let number = name.to_str().and_then(|n| n.strip_suffix(".jsonl")).and_then(|n| n.parse().ok());
        // A segment may be removed by the writer between the listing and the look at it.
        if let (Some(number), Ok(meta)) = (number, item.metadata()) {
            segments.push(Segment { number, path: item.path(), size: meta.len() });
        }
    }
    segments.sort_by_key(|s| s.number);
    Ok(segments)
}
