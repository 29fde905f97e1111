//! Layer: effects. The log store.
//!
//! A journal is a folder of append-only segments. A segment is a header line, then an [`Entry`]
//! a line, each a JSON object. A segment belongs to one boot, so that reading a boot, or listing
//! boots, opens only the files it needs. The size of a segment and of the folder is bounded
//! ([`Limits`]): the oldest segments go first.
//!
//! `logd` is the only writer ([`Writer`]); anybody who may read the folder reads it at any time
//! ([`Reader`]). A power cut can tear the last line of a segment: readers skip a line that is not
//! whole, and the writer cuts it off before it appends.

#![forbid(unsafe_code)]

mod entry;
mod error;
mod reader;
mod segment;
mod writer;

pub use entry::{BootId, Entry, Priority, Source};
pub use error::Error;
pub use reader::{Boot, Query, Reader, WhichBoot};
pub use writer::{Limits, Writer};

/// Where the machine's journal lies.
pub const DIR: &str = "/var/log/journal";
