//! What the effects do.

use std::fmt;

use layout::Slot;
use layout::esp::{STAGING_DIR, UKI_DIR};
use manifest::Version;
use verity::RootHash;

use crate::EntryName;

/// A step of a change. Each is on the disk before the next begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Takes an entry away, and its file's clusters with it.
    RemoveEntry(EntryName),
    /// Takes away a file of this path from the ESP's root.
    RemoveFile(String),
    /// Takes away a name (a path from the ESP's root) of a file that has another one: no cluster of it is freed.
    Unlink(String),
    /// Gives an entry another name. A power cut may leave both.
    Rename {
        /// Its name.
        from: EntryName,
        /// Its name then.
        to: EntryName,
    },
    /// Erases a slot's superblock: what it holds is not whole from here on.
    Invalidate(Slot),
    /// Writes a slot's `/usr` and its hash tree, the superblock last.
    WriteSlot(Slot, RootHash),
    /// Reads the slot back from the disk, and compares all of it with its root hash.
    VerifySlot(Slot, RootHash),
    /// Writes the UKI to this path from the ESP's root.
    WriteUki(String),
    /// Reads it back from the disk, and compares it with its SHA-256.
    VerifyUki(String),
    /// Makes the file an entry of that name.
    Publish {
        /// Path from the ESP's root.
        temp: String,
        /// The entry's name.
        name: EntryName,
    },
}

/// Path, from the ESP's root, of an entry.
pub fn entry_path(name: &EntryName) -> String {
    format!("{UKI_DIR}/{name}")
}

/// Path, from the ESP's root, of a version's UKI while it is not whole.
pub fn staging_path(version: &Version) -> String {
    format!("{STAGING_DIR}/{version}.new")
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveEntry(name) => write!(f, "remove {name}"),
            Self::RemoveFile(path) => write!(f, "remove {path}"),
            Self::Unlink(path) => write!(f, "remove the second name {path}"),
            Self::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Self::Invalidate(slot) => write!(f, "give slot {slot} up"),
            Self::WriteSlot(slot, _) => write!(f, "write slot {slot}"),
            Self::VerifySlot(slot, _) => write!(f, "verify slot {slot}"),
            Self::WriteUki(temp) => write!(f, "write {temp}"),
            Self::VerifyUki(temp) => write!(f, "verify {temp}"),
            Self::Publish { name, .. } => write!(f, "publish {name}"),
        }
    }
}
