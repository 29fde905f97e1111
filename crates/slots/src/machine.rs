//! What is there: the slots, and the entries on the ESP.

use layout::Slot;
use manifest::Version;
use verity::RootHash;

use crate::{EntryName, default_entry};

/// What a machine can boot, and what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What runs. None where `/usr` is in no slot of this disk.
    pub running: Option<Running>,
    /// What the hash partition of A and of B says that the slot holds. None where nothing is whole there: an
    /// installation writes a slot's superblock last, and erases it first.
    pub slots: [Option<RootHash>; 2],
    /// What is on the ESP.
    pub esp: Esp,
}

/// The `/usr` that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its slot.
    pub slot: Slot,
    /// Its root hash, which names the entry too: it is in the entry's command line.
    pub usrhash: RootHash,
}

/// What is on the ESP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Esp {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Files that were to become entries, or whose names a power cut mangled.
    pub strays: Vec<Stray>,
}

/// A file in the folder of the UKIs with the name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: EntryName,
    /// The `/usr` that its kernel is for (`usrhash=`). None where the file is not a whole UKI.
    pub usrhash: Option<RootHash>,
    /// Where its content begins on the disk: names with the same place are one file. None where it has none.
    pub place: Option<u64>,
}

/// A file that is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Path from the ESP's root.
    pub path: String,
    /// As for an entry.
    pub place: Option<u64>,
}

/// What is to be thought of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It was blessed.
    Good,
    /// It is being tried.
    Trying {
        /// Boots that it may still take.
        left: u32,
    },
    /// Its tries are used up, or it was condemned.
    Bad,
    /// It cannot boot: it is not a whole UKI, or no slot holds its `/usr`.
    Broken,
}

impl Machine {
    /// What a slot holds.
    pub fn content(&self, slot: Slot) -> Option<RootHash> {
        self.slots[slot as usize]
    }

    /// The slot that holds an entry's `/usr`.
    pub fn slot_of(&self, entry: &Entry) -> Option<Slot> {
        entry.usrhash.and_then(|usrhash| self.slot_with(usrhash))
    }

    /// The first slot with that content.
    pub fn slot_with(&self, usrhash: RootHash) -> Option<Slot> {
        Slot::ALL.into_iter().find(|slot| self.content(*slot) == Some(usrhash))
    }

    /// Whether the entry's UKI is whole, and its slot there.
    pub fn is_bootable(&self, entry: &Entry) -> bool {
        self.slot_of(entry).is_some()
    }

    /// What is to be thought of an entry.
    pub fn health(&self, entry: &Entry) -> Health {
        match entry.name.tries {
            _ if !self.is_bootable(entry) => Health::Broken,
            None => Health::Good,
            Some(tries) if tries.left == 0 => Health::Bad,
            Some(tries) => Health::Trying { left: tries.left },
        }
    }

    /// The entry of what runs. Where there are several, the one that the loader takes.
    pub fn running_entry(&self) -> Option<&Entry> {
        let usrhash = self.running?.usrhash;
        default_entry(self.esp.entries.iter().filter(|entry| entry.usrhash == Some(usrhash)))
    }

    /// The entry of a version. Where there are several, the one that the loader takes.
    pub fn entry(&self, version: &Version) -> Option<&Entry> {
        default_entry(self.esp.entries.iter().filter(|entry| entry.name.version == *version))
    }

    /// What the loader will boot next.
    pub fn next_entry(&self) -> Option<&Entry> {
        default_entry(&self.esp.entries)
    }

    /// The same machine after a change of names.
    pub(crate) fn renamed(&self, from: &EntryName, to: &EntryName) -> Self {
        let mut after = self.clone();
        for entry in after.esp.entries.iter_mut().filter(|entry| entry.name == *from) {
            entry.name = to.clone();
        }
        after
    }
}
