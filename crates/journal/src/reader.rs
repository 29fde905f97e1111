//! Reading a journal back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::entries::{Entries, Start};
use crate::segment::{self, Segment};
use crate::stream::Stream;
use crate::{BootId, Cursor, DIR, Entry, Error, Filter, VOLATILE_DIR};

/// A file's time is that of a coarse clock; by so many microseconds it may be too early.
const COARSE_US: u64 = 1_000_000;

/// What to read. The default is everything that the journal holds, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only entries that this takes.
    pub filter: Filter,
    /// Only this boot.
    pub boot: Option<WhichBoot>,
    /// Only entries of this time or later, in microseconds since 1970.
    pub since_us: Option<u64>,
    /// Only entries of this time or earlier, in microseconds since 1970.
    pub until_us: Option<u64>,
    /// Only what comes after this place.
    pub after: Option<Cursor>,
    /// Only this place and what comes after it.
    pub from: Option<Cursor>,
    /// Only the last so many of what the rest selects.
    pub last: Option<usize>,
    /// Newest first.
    pub reverse: bool,
}

/// Names a boot, as `journalctl -b` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichBoot {
    /// The boot of this id, or the one so many after it (before it, if negative).
    Id(BootId, i64),
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

/// How a segment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its file.
    pub path: PathBuf,
    /// Whole entries in it.
    pub entries: u64,
    /// Bytes that are of no whole frame. They are passed over.
    pub damaged: u64,
}

/// Reads a journal, also while it is being written.
#[derive(Clone, Debug)]
pub struct Reader {
    dirs: Vec<PathBuf>,
}

/// A segment, and in which of the folders it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub dir: usize,
    pub segment: Segment,
}

impl Reader {
    /// A reader of the journal in `dir`. A folder that does not exist is an empty journal.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dirs: vec![dir.into()] }
    }

    /// A reader of the machine's journal, wherever it is stored, below `root`.
    pub fn of_machine(root: &Path) -> Self {
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        Self { dirs: vec![below(DIR), below(VOLATILE_DIR)] }
    }

    /// The folders that it reads.
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// The entries that `query` selects.
    ///
    /// # Errors
    /// The journal cannot be read (most often: the caller is neither root nor in its group), or
    /// the query names a boot that it does not hold.
    pub fn entries(&self, query: &Query) -> Result<Entries, Error> {
        let mut places = self.list()?;
        let mut newest = vec![0; self.dirs.len()];
        places.iter().for_each(|place| newest[place.dir] = place.segment.number.max(newest[place.dir]));
        if let Some(which) = &query.boot {
            places = self.of_boot(places, which)?;
        }
        if let Some(since) = query.since_us {
            places.retain(|place| place.segment.written_us.saturating_add(COARSE_US) >= since);
        }
        let mut query = query.clone();
        if let Some(cursor) = query.after.as_ref().or(query.from.as_ref()) {
            self.seek(&mut places, &cursor.clone(), &mut query)?;
        }
        let mut start = Start::default();
        if let Some(last) = query.last.filter(|_| !query.reverse) {
            (places, start) = self.tail(places, &query, last)?;
        }
        Ok(Entries::new(self.clone(), query, places, newest, start))
    }

    /// The last so many entries of the newest boot that a filter takes, oldest first: as many as are found in a time,
    /// which is passed by no more than the reading of one block takes.
    pub fn last_within(&self, filter: &Filter, count: usize, limit: Duration) -> Vec<Entry> {
        let begun = Instant::now();
        let query = Query { boot: Some(WhichBoot::Offset(0)), reverse: true, ..Query::default() };
        let entries = self.entries(&query).into_iter().flatten().map_while(Result::ok);
        // Filtered here, so that the time is looked at also where nothing is found.
        let entries = entries.take_while(|_| begun.elapsed() < limit);
        let mut found: Vec<Entry> = entries.filter(|entry| filter.takes(entry)).take(count).collect();
        found.reverse();
        found
    }

    /// The boot that was written last, by the look at one segment; none in an empty journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn newest_boot(&self) -> Result<Option<BootId>, Error> {
        for place in self.list()?.iter().rev() {
            if let Some(stream) = self.open(place)? {
                return Ok(Some(stream.header.origin.boot));
            }
        }
        Ok(None)
    }

    /// Boots, oldest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn boots(&self) -> Result<Vec<Boot>, Error> {
        let mut boots: Vec<Boot> = Vec::new();
        for place in self.list()? {
            let Some(mut stream) = self.open(&place)? else {
                continue;
            };
            let id = stream.header.origin.boot;
            let (mut first_us, mut last_us) = (0, 0);
            if let Some(entry) = stream.next()? {
                first_us = entry.record.realtime_us;
            }
            let mut blocks = stream.blocks()?;
            while last_us == 0 && blocks > 0 {
                blocks -= 1;
                stream.seek(blocks)?;
                while let Some(entry) = stream.next()? {
                    last_us = entry.record.realtime_us;
                }
            }
            match boots.last_mut() {
                Some(boot) if boot.id == id => boot.last_us = last_us.max(boot.last_us),
                _ => boots.push(Boot { id, first_us, last_us }),
            }
        }
        Ok(boots)
    }

    /// Reads everything, and tells of each segment how much of it is damaged.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn verify(&self) -> Result<Vec<Verdict>, Error> {
        let mut verdicts = Vec::new();
        for place in self.list()? {
            let (path, size) = (place.segment.path.clone(), place.segment.size);
            let mut verdict = Verdict { path, entries: 0, damaged: size };
            if let Some(mut stream) = self.open(&place)? {
                while stream.next()?.is_some() {
                    verdict.entries += 1;
                }
                verdict.damaged = stream.damaged();
            }
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }

    /// Bytes that the segments take.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn disk_usage(&self) -> Result<u64, Error> {
        Ok(self.list()?.iter().map(|place| place.segment.size).sum())
    }

    /// All segments, oldest first.
    pub(crate) fn list(&self) -> Result<Vec<Place>, Error> {
        let mut places = Vec::new();
        let mut used = 0;
        for (dir, path) in self.dirs.iter().enumerate() {
            let found = segment::list(path)?;
            used += usize::from(!found.is_empty());
            places.extend(found.into_iter().map(|segment| Place { dir, segment }));
        }
        if used > 1 {
            places.sort_by_key(|place| place.segment.written_us);
        }
        Ok(places)
    }

    pub(crate) fn open(&self, place: &Place) -> Result<Option<Stream>, Error> {
        Stream::open(&self.dirs[place.dir], &place.segment)
    }

    /// Segments of one boot.
    fn of_boot(&self, places: Vec<Place>, which: &WhichBoot) -> Result<Vec<Place>, Error> {
        let unknown = |text: String| Error::NoSuchBoot(text);
        let mut boots: Vec<(BootId, Vec<Place>)> = Vec::new();
        // From the newest back, so that the last boot costs no look at those before it.
        for place in places.into_iter().rev() {
            let Some(stream) = self.open(&place)? else {
                continue;
            };
            let id = stream.header.origin.boot;
            match boots.last_mut() {
                Some((last, places)) if *last == id => places.push(place),
                _ => {
                    let enough = matches!(which, WhichBoot::Offset(n @ ..=0) if boots.len() as i64 > -n);
                    if enough {
                        break;
                    }
                    boots.push((id, vec![place]));
                }
            }
        }
        let mut found = match which {
            WhichBoot::Id(id, offset) => {
                let place = boots.iter().position(|(known, _)| known == id);
                let at = place.and_then(|at| usize::try_from(at as i64 - offset).ok());
                let at = at.filter(|at| *at < boots.len());
                boots.swap_remove(at.ok_or_else(|| unknown(id.to_string()))?).1
            }
            WhichBoot::Offset(offset) => {
                let at = match *offset {
                    n if n > 0 => boots.len() as i64 - n,
                    n => -n,
                };
                let at = usize::try_from(at).ok().filter(|at| *at < boots.len());
                boots.swap_remove(at.ok_or_else(|| unknown(offset.to_string()))?).1
            }
        };
        found.reverse();
        Ok(found)
    }

    /// Leaves out the segments before a cursor. In a journal that does not hold it the time counts.
    fn seek(&self, places: &mut Vec<Place>, cursor: &Cursor, query: &mut Query) -> Result<(), Error> {
        let number = cursor.seq >> 32;
        let found = places.iter().position(|place| place.segment.number == number);
        if let Some(at) = found
            && let Some(stream) = self.open(&places[at])?
            && stream.header.origin.boot == cursor.boot
        {
            places.drain(..at);
            return Ok(());
        }
        let inclusive = query.after.is_none();
        (query.after, query.from) = (None, None);
        let since = cursor.realtime_us + u64::from(!inclusive);
        query.since_us = Some(query.since_us.unwrap_or(0).max(since));
        Ok(())
    }

    /// The segments that hold the last so many, and where in the first of them to begin.
    fn tail(&self, places: Vec<Place>, query: &Query, last: usize) -> Result<(Vec<Place>, Start), Error> {
        let (mut kept, mut count, mut block) = (Vec::new(), 0, 0);
        for place in places.into_iter().rev() {
            // The newest is kept in any case: what is written to it later comes after the last.
            if count >= last && !kept.is_empty() {
                break;
            }
            block = 0;
            if let Some(mut stream) = self.open(&place)? {
                for number in (0..stream.blocks()?).rev() {
                    block = number;
                    stream.seek(block)?;
                    while let Some(entry) = stream.next_in(block)? {
                        count += usize::from(query.takes(&entry));
                    }
                    if count >= last {
                        break;
                    }
                }
            }
            kept.push(place);
        }
        kept.reverse();
        Ok((kept, Start { block, skip: count.saturating_sub(last) }))
    }
}

impl Query {
    pub(crate) fn takes(&self, entry: &Entry) -> bool {
        let time = entry.record.realtime_us;
        self.since_us.is_none_or(|since| time >= since)
            && self.until_us.is_none_or(|until| time <= until)
            && self.after.as_ref().is_none_or(|cursor| entry.seq > cursor.seq)
            && self.from.as_ref().is_none_or(|cursor| entry.seq >= cursor.seq)
            && self.filter.takes(entry)
    }
}
