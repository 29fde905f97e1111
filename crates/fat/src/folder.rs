//! Folders: the slots of 32 bytes that names are made of.

use crate::volume::{Disk, Error, Result, Volume, u16_at, u32_at};

/// Bytes of a slot.
pub(crate) const SLOT: usize = 32;
/// First byte of a slot that nothing comes after.
pub(crate) const NOTHING_MORE: u8 = 0x00;
/// First byte of a slot that was given up.
pub(crate) const DELETED: u8 = 0xe5;
const ATTRIBUTES: usize = 11;
/// Attributes of a slot that is a part of a long name.
pub(crate) const LONG_NAME: u8 = 0x0f;
/// Attribute of a folder.
pub(crate) const FOLDER: u8 = 0x10;
const VOLUME_LABEL: u8 = 0x08;
/// Letters of a long name in a slot, and where they are.
pub(crate) const LETTERS: [usize; 13] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
/// Added to the number of the slot that ends a long name.
pub(crate) const ENDS: u8 = 0x40;

/// A file or a folder, by one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its first cluster: names with the same one are one file. None of an empty file.
    pub cluster: Option<u32>,
    /// Its size in bytes.
    pub size: u32,
    /// Its short name's slot.
    pub(crate) short: [u8; SLOT],
    /// Where its slots are on the disk; the short name's is the last.
    pub(crate) slots: Vec<u64>,
}

/// A folder as it is on the disk.
pub(crate) struct Folder {
    pub(crate) entries: Vec<Entry>,
    /// All slots that can be used, in order.
    pub(crate) free: Vec<FreeSlot>,
    pub(crate) clusters: Vec<u32>,
}

/// A slot that can be used.
#[derive(Clone, Copy)]
pub(crate) struct FreeSlot {
    /// Its number in the folder.
    pub(crate) number: usize,
    /// Where it is on the disk.
    pub(crate) offset: u64,
    /// Whether it lies behind the end of the folder as it is.
    pub(crate) is_behind_end: bool,
}

impl<D: Disk> Volume<D> {
    /// What is in a folder, by path from the root (`EFI/Linux`; an empty one is the root).
    ///
    /// # Errors
    /// There is no such folder, or it cannot be read.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>> {
        let folder = self.folder(path)?;
        Ok(folder.entries.into_iter().filter(|entry| entry.name != "." && entry.name != "..").collect())
    }

    /// What is there of this path.
    ///
    /// # Errors
    /// There is nothing, or it cannot be read.
    pub fn find(&self, path: &str) -> Result<Entry> {
        let (folder, name) = split(path);
        let entries = self.list(folder)?;
        let found = entries.into_iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::NotFound(path.to_owned()))
    }

    /// Bytes of a file. Less where it ends before.
    ///
    /// # Errors
    /// Its chain is shorter than its size says, or it cannot be read.
    pub fn read(&self, entry: &Entry, offset: u64, length: usize) -> Result<Vec<u8>> {
        let end = offset.saturating_add(length as u64).min(entry.size.into());
        let mut bytes = vec![0; end.saturating_sub(offset) as usize];
        if bytes.is_empty() {
            return Ok(bytes);
        }
        let chain = self.chain_of(entry)?;
        let (mut at, mut done) = (offset, 0);
        while at < end {
            let within = at % self.cluster_size;
            let part = (self.cluster_size - within).min(end - at) as usize;
            let cluster = chain[(at / self.cluster_size) as usize];
            self.disk.read(self.offset(cluster) + within, &mut bytes[done..done + part])?;
            (at, done) = (at + part as u64, done + part);
        }
        Ok(bytes)
    }

    /// The clusters of a file, as many as its size asks for at least.
    pub(crate) fn chain_of(&self, entry: &Entry) -> Result<Vec<u32>> {
        let chain = entry.cluster.map_or_else(|| Ok(Vec::new()), |first| self.chain(first))?;
        if (chain.len() as u64) * self.cluster_size < u64::from(entry.size) {
            return Err(Error::Damaged(format!("{} has less content than its size", entry.name)));
        }
        Ok(chain)
    }

    pub(crate) fn folder(&self, path: &str) -> Result<Folder> {
        let mut folder = self.folder_at(self.root)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let is_it = |entry: &&Entry| entry.is_folder && entry.name.eq_ignore_ascii_case(name);
            let found = folder.entries.iter().find(is_it);
            let entry = found.ok_or_else(|| Error::NotFound(format!("folder {path}")))?;
            folder = self.folder_at(entry.cluster.unwrap_or(self.root))?;
        }
        Ok(folder)
    }

    pub(crate) fn folder_at(&self, first: u32) -> Result<Folder> {
        let clusters = self.chain(first)?;
        let mut slots = Vec::new();
        for cluster in &clusters {
            let mut bytes = vec![0; self.cluster_size as usize];
            let offset = self.offset(*cluster);
            self.disk.read(offset, &mut bytes)?;
            slots.extend(
                bytes
                    .as_chunks::<SLOT>()
                    .0
                    .iter()
                    .zip(0..)
                    .map(|(slot, i)| (*slot, offset + i * SLOT as u64)),
            );
        }
        let (entries, free) = read_slots(&slots);
        Ok(Folder { entries, free, clusters })
    }
}

/// Splits a path into its folder and its name.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn read_slots(slots: &[([u8; SLOT], u64)]) -> (Vec<Entry>, Vec<FreeSlot>) {
    let (mut entries, mut free) = (Vec::new(), Vec::new());
    let mut long: Vec<usize> = Vec::new();
    let mut is_behind_end = false;
    // Parts of a long name without a short one behind them mean nothing: a cut left them.
    let give_up = |long: &mut Vec<usize>, free: &mut Vec<FreeSlot>| {
        free.extend(long.drain(..).map(|number| FreeSlot {
            number,
            offset: slots[number].1,
            is_behind_end: false,
        }));
    };
    for (number, (slot, offset)) in slots.iter().enumerate() {
        is_behind_end |= slot[0] == NOTHING_MORE;
        if is_behind_end || slot[0] == DELETED {
            give_up(&mut long, &mut free);
            free.push(FreeSlot { number, offset: *offset, is_behind_end });
        } else if slot[ATTRIBUTES] & 0x3f == LONG_NAME {
            if slot[0] & ENDS != 0 {
                give_up(&mut long, &mut free);
            }
            long.push(number);
        } else if slot[ATTRIBUTES] & VOLUME_LABEL != 0 {
            give_up(&mut long, &mut free);
        } else {
            let parts: Vec<&[u8; SLOT]> = long.iter().map(|number| &slots[*number].0).collect();
            let name = long_name(&parts, checksum(slot));
            if name.is_none() {
                give_up(&mut long, &mut free);
            }
            let cluster = u32::from(u16_at(slot, 20)) << 16 | u32::from(u16_at(slot, 26));
            entries.push(Entry {
                name: name.unwrap_or_else(|| short_name(slot)),
                is_folder: slot[ATTRIBUTES] & FOLDER != 0,
                cluster: (cluster != 0).then_some(cluster),
                size: u32_at(slot, 28),
                short: *slot,
                slots: long.drain(..).chain([number]).map(|number| slots[number].1).collect(),
            });
        }
    }
    give_up(&mut long, &mut free);
    free.sort_by_key(|slot| slot.number);
    (entries, free)
}

/// The long name that the parts, in the order of the disk, are of; none where they do not belong together.
fn long_name(parts: &[&[u8; SLOT]], checksum: u8) -> Option<String> {
    let mut letters = Vec::new();
    for (part, number) in parts.iter().rev().zip(1_u8..) {
        let ends = usize::from(number) == parts.len();
        if part[0] != number | if ends { ENDS } else { 0 } || part[13] != checksum {
            return None;
        }
        letters.extend(LETTERS.iter().map(|at| u16_at(&part[..], *at)));
    }
    let length = letters.iter().position(|letter| *letter == 0).unwrap_or(letters.len());
    (length > 0).then(|| String::from_utf16(&letters[..length]).ok()).flatten()
}

fn short_name(slot: &[u8; SLOT]) -> String {
    let text = |bytes: &[u8], small: bool| {
        let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
        if small { text.to_ascii_lowercase() } else { text }
    };
    // Bits of Windows NT: the base or the extension is in small letters.
    let (base, extension) = (text(&slot[..8], slot[12] & 8 != 0), text(&slot[8..11], slot[12] & 16 != 0));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

/// What ties the parts of a long name to their short one.
pub(crate) fn checksum(slot: &[u8; SLOT]) -> u8 {
    slot[..11].iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}
