//! Going through what a query selects.

use std::collections::VecDeque;

use crate::reader::{Place, Query, Reader};
use crate::stream::Stream;
use crate::{Entry, Error};

/// Entries, one after the other. At the end more may come, see [`Entries::refresh`].
pub struct Entries {
    reader: Reader,
    query: Query,
    /// Segments that were not begun yet, in the order in which they are read.
    places: VecDeque<Place>,
    /// The number of the newest segment that was listed, of each folder.
    newest: Vec<u64>,
    stream: Option<Stream>,
    /// Newest first, so many blocks of the segment are not read yet.
    blocks: u64,
    /// Newest first, what is wanted of the block that was read.
    turned: Vec<Entry>,
    start: Start,
    left: usize,
}

/// Where to begin in the first segment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    /// At this block.
    pub block: u64,
    /// After so many of what is selected.
    pub skip: usize,
}

impl Entries {
    /// Of segments in the order of their age. Those with a number of at most `newest` in each
    /// folder were there when they were listed.
    pub(crate) fn new(
        reader: Reader,
        query: Query,
        mut places: Vec<Place>,
        newest: Vec<u64>,
        start: Start,
    ) -> Self {
        if query.reverse {
            places.reverse();
        }
        let left = query.last.filter(|_| query.reverse).unwrap_or(usize::MAX);
        let (stream, turned) = (None, Vec::new());
        Self { reader, query, places: places.into(), newest, stream, blocks: 0, turned, start, left }
    }

    /// Looks for segments that were begun since, after which there may be entries again.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn refresh(&mut self) -> Result<(), Error> {
        for place in self.reader.list()? {
            let newest = &mut self.newest[place.dir];
            if place.segment.number > *newest {
                *newest = place.segment.number;
                self.places.push_back(place);
            }
        }
        Ok(())
    }

    /// The next one, oldest first.
    fn forth(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            if let Some(stream) = &mut self.stream {
                while let Some(entry) = stream.next()? {
                    if !self.query.takes(&entry) {
                        continue;
                    }
                    match self.start.skip {
                        0 => return Ok(Some(entry)),
                        _ => self.start.skip -= 1,
                    }
                }
            }
            let Some(place) = self.places.pop_front() else {
                return Ok(None);
            };
            match self.reader.open(&place)? {
                Some(mut stream) => {
                    let block = std::mem::take(&mut self.start.block);
                    if block > 0 {
                        stream.seek(block)?;
                    }
                    self.stream = Some(stream);
                }
                // The newest one is being begun: its header is written by the next time.
                None if self.places.is_empty() => {
                    self.places.push_front(place);
                    return Ok(None);
                }
                None => {}
            }
        }
    }

    /// The next one, newest first: block by block.
    fn back(&mut self) -> Result<Option<Entry>, Error> {
        while self.left > 0 {
            if let Some(entry) = self.turned.pop() {
                self.left -= 1;
                return Ok(Some(entry));
            }
            match &mut self.stream {
                Some(stream) if self.blocks > 0 => {
                    self.blocks -= 1;
                    stream.seek(self.blocks)?;
                    while let Some(entry) = stream.next_in(self.blocks)? {
                        if self.query.takes(&entry) {
                            self.turned.push(entry);
                        }
                    }
                }
                _ => {
                    let Some(place) = self.places.pop_front() else {
                        return Ok(None);
                    };
                    self.stream = self.reader.open(&place)?;
                    self.blocks = self.stream.as_mut().map_or(Ok(0), Stream::blocks)?;
                }
            }
        }
        Ok(None)
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = if self.query.reverse { self.back() } else { self.forth() };
        entry.transpose()
    }
}
