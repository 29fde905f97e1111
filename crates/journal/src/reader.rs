//! Reading a journal back.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::segment::{self, Segment};
use crate::{BootId, Entry, Error, Priority, Source};

/// What to read. The default is everything that the journal holds.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only these units, by full name; all messages where this is empty. An entry of the log
    /// store about a unit (lines dropped) counts as the unit's.
    pub units: Vec<String>,
    /// Only this boot.
    pub boot: Option<WhichBoot>,
    /// Only the kernel's messages.
    pub kernel: bool,
    /// Only messages at least this serious.
    pub priority: Option<Priority>,
    /// Only the last so many of what the rest selects.
    pub last: Option<usize>,
}

/// Names a boot, as `journalctl -b` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichBoot {
    /// The boot of this id.
    Id(BootId),
    /// 0 is the newest boot in the journal, -1 the one before; 1 is the oldest, 2 the next.
    Offset(i64),
}

/// A boot that the journal holds entries of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Its id.
    pub id: BootId,
    /// Wall-clock time of its first entry, in microseconds since 1970; 0 where it has none.
    pub first_us: u64,
    /// The same of its last entry.
    pub last_us: u64,
}

/// Reads a journal, also while it is being written.
#[derive(Clone, Debug)]
pub struct Reader {
    dir: PathBuf,
}

impl Reader {
    /// A reader of the journal in `dir` (see [`crate::DIR`]). A folder that does not exist is an
    /// empty journal.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The entries that `query` selects with the boot of each, oldest first.
    ///
    /// # Errors
    /// The journal cannot be read (most often: the caller is neither root nor in its group), or
    /// the query names a boot that it does not hold.
    pub fn entries(&self, query: &Query) -> Result<Vec<(BootId, Entry)>, Error> {
        let segments = self.select(query.boot.as_ref())?;
        let limit = query.last.unwrap_or(usize::MAX);
        let mut found: VecDeque<(BootId, Entry)> = VecDeque::new();
        // From the newest segment back, so that the last few entries cost one file, not all.
        for (boot, segment) in segments.iter().rev() {
            let missing = limit - found.len();
            if missing == 0 {
                break;
            }
            let mut part: VecDeque<Entry> = VecDeque::new();
            each_entry(&segment.path, |entry| {
                if query.takes(&entry) {
                    if part.len() == missing {
                        part.pop_front();
                    }
                    part.push_back(entry);
                }
            })?;
            for entry in part.into_iter().rev() {
                found.push_front((boot.clone(), entry));
            }
        }
        Ok(found.into())
    }

    /// Boots, oldest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn boots(&self) -> Result<Vec<Boot>, Error> {
        let mut boots: Vec<Boot> = Vec::new();
        for (id, segment) in self.select(None)? {
            let (mut first_us, mut last_us) = (0, 0);
            each_entry(&segment.path, |entry| {
                if first_us == 0 {
                    first_us = entry.realtime_us;
                }
                last_us = entry.realtime_us;
            })?;
            match boots.last_mut() {
                Some(boot) if boot.id == id => boot.last_us = last_us.max(boot.last_us),
                _ => boots.push(Boot { id, first_us, last_us }),
            }
        }
        Ok(boots)
    }

    /// Bytes that the segments take.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn disk_usage(&self) -> Result<u64, Error> {
        Ok(segment::list(&self.dir)?.iter().map(|s| s.size).sum())
    }

    /// Segments of the boot asked for, each with its boot, oldest first.
    fn select(&self, which: Option<&WhichBoot>) -> Result<Vec<(BootId, Segment)>, Error> {
        let mut segments: Vec<(BootId, Segment)> =
            segment::list(&self.dir)?.into_iter().filter_map(|s| Some((s.boot()?, s))).collect();
        let Some(which) = which else {
            return Ok(segments);
        };
        let mut ids: Vec<BootId> = segments.iter().map(|(id, _)| id.clone()).collect();
        ids.dedup();
        let wanted = match which {
            WhichBoot::Id(id) => {
                ids.contains(id).then(|| id.clone()).ok_or_else(|| Error::NoSuchBoot(id.to_string()))?
            }
            WhichBoot::Offset(offset) => usize::try_from(match *offset {
                n if n > 0 => n - 1,
                n => ids.len() as i64 - 1 + n,
            })
            .ok()
            .and_then(|i| ids.get(i).cloned())
            .ok_or_else(|| Error::NoSuchBoot(offset.to_string()))?,
        };
        segments.retain(|(id, _)| *id == wanted);
        Ok(segments)
    }
}

impl Query {
    fn takes(&self, entry: &Entry) -> bool {
        let unit = entry.unit.as_deref();
        (self.units.is_empty() || self.units.iter().any(|u| Some(u.as_str()) == unit))
            && (!self.kernel || entry.source == Source::Kernel)
            && self.priority.is_none_or(|p| entry.priority <= p)
    }
}

/// Calls `take` with each whole entry of a segment. A segment that the writer has just removed
/// has none.
fn each_entry(path: &Path, mut take: impl FnMut(Entry)) -> Result<(), Error> {
    let file = match File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(Error::io("open", path))?,
    };
    let mut lines = BufReader::with_capacity(64 << 10, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok(());
        }
        if let Some(entry) = Entry::decode(&line) {
            take(entry);
        }
    }
}
