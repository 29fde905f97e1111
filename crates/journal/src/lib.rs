//! Layer: effects. The log store.
//!
//! A journal is a folder of append-only segments, each of one boot, so that reading a boot, or
//! listing boots, opens only the files it needs. An [`Entry`] is a list of fields as systemd
//! knows them (systemd.journal-fields(7)); any program may add its own.
//!
//! A segment is a row of frames: length, CRC-32, payload. The first is the header ([`Origin`]);
//! then come contexts (fields that many entries share: who spoke) and entries, which name their
//! context by number. Why not a line of JSON an entry: the dozen fields that say who spoke would be
//! written out each time, ten times the message; a reader that looks for one unit would parse them
//! all; and a line whose middle a power cut took may still look whole. A frame is whole or it is
//! not: readers pass over what is damaged and go on with the next whole frame, and the writer cuts
//! a torn end off before it appends.
//!
//! A segment can be read from each 128 KiB on, since entries name only contexts that stand in the
//! same block as they: the last entries are found without reading those before.
//!
//! Segments that are no longer written are packed ([`pack`]) block by block with lz4, which costs
//! the log daemon 200 KB of memory for a moment. The size of a segment and of the folder is bounded
//! ([`Limits`]): the oldest segments go first.
//!
//! `logd` is the only writer ([`Writer`]); anybody who may read the folder reads it at any time
//! ([`Reader`]), a segment at a time, never all of it.

#![forbid(unsafe_code)]

mod entries;
mod entry;
mod error;
pub mod export;
mod fields;
mod filter;
mod frame;
mod id;
pub mod json;
mod limits;
mod pack;
mod priority;
mod reader;
mod segment;
mod send;
mod stream;
mod writer;

pub use entries::Entries;
pub use entry::{Cursor, Entry, Origin, Record};
pub use error::Error;
pub use fields::{FIELD_NAME_MAX, Fields, is_field_name};
pub use filter::Filter;
pub use id::BootId;
pub use limits::{FLOOR, Limits, vacuum};
pub use pack::pack;
pub use priority::Priority;
pub use reader::{Boot, Query, Reader, Verdict, WhichBoot};
pub use send::Sender;
pub use writer::Writer;

/// Where the machine's journal lies.
pub const DIR: &str = "/var/log/journal";
/// Where it lies if it is not to outlive the boot (`Storage=volatile`).
pub const VOLATILE_DIR: &str = "/run/log/journal";
/// The longest entry, all its fields together, in bytes.
pub const ENTRY_MAX: usize = 1 << 20;
