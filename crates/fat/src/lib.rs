//! Layer: pure. A FAT32 whose changes are safe against power cuts (Microsoft, FAT Specification).
//!
//! A FAT has no journal, and the drivers and libraries that there are change it in whatever order suits them: a rename
//! that is cut may leave a file without a name, a removal a name without its file. The boot entries of a machine must
//! survive that, so here each change is a few writes with a flush after each that the next one depends on. A file is
//! there from the one write on that puts its short name into the folder, and gone from the one on that takes it away;
//! a rename gives the second name before it takes the first ([`Volume::link`], [`Volume::unlink`]), and a
//! file takes the place of another by one write ([`Volume::repoint`]). What a cut leaves
//! besides is clusters without a name, which [`Volume::reclaim`] frees.
//!
//! The disk is behind a trait, so that tests can cut the power at every write.
#![forbid(unsafe_code)]

mod change;
mod folder;
mod volume;

pub use folder::Entry;
pub use volume::{Disk, Error, Volume};
