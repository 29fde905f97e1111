//! Changes, each in an order in which a power cut does no harm.

use std::io::Read;
use std::ops::Range;

use crate::folder::{
    DELETED, ENDS, Entry, FOLDER, Folder, FreeSlot, LETTERS, LONG_NAME, NOTHING_MORE, SLOT, checksum, split,
};
use crate::volume::{Disk, Error, LAST, Result, Volume, free, is_in_use};

/// Attribute of a file that nobody has saved yet; what new files have.
const ARCHIVE: u8 = 0x20;
/// Where, in a short name's slot, what it stands for is: the first cluster, when it was changed, and its size.
const CONTENT: Range<usize> = 20..32;
/// The first of January 1980: the volume has no clock.
const DATE: u16 = 0x21;
/// The longest name, in letters.
const LONGEST: usize = 255;

impl<D: Disk> Volume<D> {
    /// Writes a file of `size` bytes. It is whole when it gets its name, and on the disk when this returns.
    ///
    /// # Errors
    /// Its folder is not there, something of its name is, there is no room, or the content is shorter.
    pub fn create(&self, path: &str, size: u32, mut content: impl Read) -> Result<()> {
        self.must_be_free(path)?;
        let mut table = self.entries()?;
        let clusters = self.pick(&table, u64::from(size).div_ceil(self.cluster_size))?;
        let mut left = u64::from(size);
        for cluster in &clusters {
            let mut bytes = vec![0; left.min(self.cluster_size) as usize];
            content.read_exact(&mut bytes)?;
            left -= bytes.len() as u64;
            self.disk.write(self.offset(*cluster), &bytes)?;
        }
        self.disk.flush()?;
        self.set_entries(&mut table, &as_chain(&clusters))?;
        self.disk.flush()?;
        let short = new_slot(ARCHIVE, clusters.first().copied(), size);
        self.add_name(path, short)
    }

    /// Makes a folder, and those that it is in, where they are not there.
    ///
    /// # Errors
    /// There is no room, or a file has the name.
    pub fn make_folders(&self, path: &str) -> Result<()> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for path in ends.map(|end| &path[..end]) {
            match self.folder(path) {
                Err(Error::NotFound(_)) => self.make_folder(path)?,
                other => _ = other?,
            }
        }
        Ok(())
    }

    fn make_folder(&self, path: &str) -> Result<()> {
        self.must_be_free(path)?;
        let mut table = self.entries()?;
        let clusters = self.pick(&table, 1)?;
        let cluster = clusters[0];
        let parent = self.folder(split(path).0)?.clusters[0];
        let mut bytes = vec![0; self.cluster_size as usize];
        // The root is called 0 there.
        for (i, (name, of)) in
            [(b".          ", cluster), (b"..         ", if parent == self.root { 0 } else { parent })]
                .into_iter()
                .enumerate()
        {
            let mut slot = new_slot(FOLDER, Some(of), 0);
            slot[..11].copy_from_slice(name);
            bytes[i * SLOT..(i + 1) * SLOT].copy_from_slice(&slot);
        }
        self.disk.write(self.offset(cluster), &bytes)?;
        self.set_entries(&mut table, &as_chain(&clusters))?;
        self.disk.flush()?;
        self.add_name(path, new_slot(FOLDER, Some(cluster), 0))
    }

    /// Gives a file a second name. One of the two is to be taken away soon: who writes to the file by one of them, or
    /// removes it, does not know of the other.
    ///
    /// # Errors
    /// Something of that name is there, its folder is not, or is full.
    pub fn link(&self, entry: &Entry, path: &str) -> Result<()> {
        self.must_be_free(path)?;
        self.add_name(path, entry.short)
    }

    /// Takes a name away. Nothing else of the file goes with it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn unlink(&self, entry: &Entry) -> Result<()> {
        // The parts of a long name mean nothing without the short one.
        let Some((short, long)) = entry.slots.split_last() else { return Ok(()) };
        self.disk.write(*short, &[DELETED])?;
        self.disk.flush()?;
        for slot in long {
            self.disk.write(*slot, &[DELETED])?;
        }
        self.disk.flush()?;
        Ok(())
    }

    /// Has a file's name stand for another file from one write on. That other file keeps its own name as well, which is to
    /// be taken away soon ([`Volume::link`]); the one before loses this name.
    ///
    /// # Errors
    /// One of them is a folder, or it cannot be written.
    pub fn repoint(&self, entry: &Entry, to: &Entry) -> Result<()> {
        if let Some(folder) = [entry, to].into_iter().find(|entry| entry.is_folder) {
            return Err(Error::Name(folder.name.clone()));
        }
        let Some(slot) = entry.slots.last() else { return Ok(()) };
        // A slot lies within a sector.
        self.disk.write(*slot + CONTENT.start as u64, &to.short[CONTENT])?;
        Ok(self.disk.flush()?)
    }

    /// Frees the clusters that no name leads to. Says how many.
    ///
    /// # Errors
    /// A folder cannot be read: then nothing is freed.
    pub fn reclaim(&self) -> Result<usize> {
        let mut table = self.entries()?;
        let mut is_named = vec![false; table.len()];
        self.mark(self.root, &mut is_named, &table);
        let mut folders = vec![self.root];
        while let Some(folder) = folders.pop() {
            for entry in self.folder_at(folder)?.entries {
                let Some(first) = entry.cluster else { continue };
                if entry.name == "." || entry.name == ".." {
                    continue;
                }
                let is_new = self.mark(first, &mut is_named, &table);
                if entry.is_folder && is_new {
                    folders.push(first);
                }
            }
        }
        let lost: Vec<(u32, u32)> = (2..)
            .zip(table.iter().zip(&is_named).skip(2))
            .filter(|(_, (entry, is_named))| is_in_use(**entry) && !**is_named)
            .map(|(cluster, _)| (cluster, 0))
            .collect();
        if !lost.is_empty() {
            self.set_entries(&mut table, &lost)?;
            self.disk.flush()?;
        }
        Ok(lost.len())
    }

    /// Marks a chain as far as it goes. Says whether its first cluster was not marked yet.
    fn mark(&self, first: u32, is_named: &mut [bool], table: &[u32]) -> bool {
        let is_new = self.is_cluster(first) && !is_named[first as usize];
        let mut next = first;
        while self.is_cluster(next) && !is_named[next as usize] {
            is_named[next as usize] = true;
            next = table[next as usize] & crate::volume::MASK;
        }
        is_new
    }

    fn must_be_free(&self, path: &str) -> Result<()> {
        match self.find(path) {
            Err(Error::NotFound(_)) => Ok(()),
            Ok(_) => Err(Error::Exists(path.to_owned())),
            Err(other) => Err(other),
        }
    }

    /// Free clusters.
    fn pick(&self, table: &[u32], count: u64) -> Result<Vec<u32>> {
        let clusters: Vec<u32> = free(table).take(count as usize).collect();
        if (clusters.len() as u64) < count {
            let (wanted, free) = (count * self.cluster_size, free(table).count() as u64 * self.cluster_size);
            return Err(Error::Full { wanted, free });
        }
        Ok(clusters)
    }

    /// Puts a name into its folder: the long one first, which means nothing without the short one.
    fn add_name(&self, path: &str, mut short: [u8; SLOT]) -> Result<()> {
        let (folder, name) = split(path);
        let mut folder = self.folder(folder)?;
        short[..11].copy_from_slice(&short_name(&folder, name)?);
        short[12] = 0;
        let long = long_slots(name, checksum(&short))?;
        let count = long.len() + 1;
        let run = match find_run(&folder.free, count) {
            Some(run) => run,
            None => {
                folder = self.extend(&folder)?;
                find_run(&folder.free, count)
                    .ok_or_else(|| Error::Damaged("a folder does not grow".into()))?
            }
        };
        let run = run.to_vec();
        self.end_behind(&folder, &run)?;
        for (slot, place) in long.iter().zip(&run) {
            self.disk.write(place.offset, slot)?;
        }
        self.disk.flush()?;
        self.disk.write(run[count - 1].offset, &short)?;
        Ok(self.disk.flush()?)
    }

    /// Where slots behind the end of a folder come into use, the one behind them becomes its end.
    fn end_behind(&self, folder: &Folder, run: &[FreeSlot]) -> Result<()> {
        let Some(last) = run.last().filter(|slot| slot.is_behind_end) else { return Ok(()) };
        if let Some(next) = folder.free.iter().find(|slot| slot.number == last.number + 1) {
            self.disk.write(next.offset, &[NOTHING_MORE])?;
            self.disk.flush()?;
        }
        Ok(())
    }

    /// Lets a folder grow by a cluster.
    fn extend(&self, folder: &Folder) -> Result<Folder> {
        let mut table = self.entries()?;
        let clusters = self.pick(&table, 1)?;
        self.disk.write(self.offset(clusters[0]), &vec![0; self.cluster_size as usize])?;
        self.disk.flush()?;
        self.set_entries(&mut table, &as_chain(&clusters))?;
        self.disk.flush()?;
        let last = folder.clusters.last().copied().unwrap_or(self.root);
        self.set_entries(&mut table, &[(last, clusters[0])])?;
        self.disk.flush()?;
        self.folder_at(folder.clusters.first().copied().unwrap_or(self.root))
    }
}

fn as_chain(clusters: &[u32]) -> Vec<(u32, u32)> {
    let next = clusters.iter().skip(1).copied().chain([LAST]);
    clusters.iter().copied().zip(next).collect()
}

fn new_slot(attributes: u8, cluster: Option<u32>, size: u32) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[11] = attributes;
    for at in [16, 18, 24] {
        slot[at..at + 2].copy_from_slice(&DATE.to_le_bytes());
    }
    let cluster = cluster.unwrap_or(0).to_le_bytes();
    slot[20..22].copy_from_slice(&cluster[2..]);
    slot[26..28].copy_from_slice(&cluster[..2]);
    slot[28..32].copy_from_slice(&size.to_le_bytes());
    slot
}

/// So many slots in a row.
fn find_run(free: &[FreeSlot], count: usize) -> Option<&[FreeSlot]> {
    free.windows(count).find(|run| run.windows(2).all(|pair| pair[1].number == pair[0].number + 1))
}

/// A short name that nothing in the folder has: the first letters and a number.
fn short_name(folder: &Folder, name: &str) -> Result<[u8; 11]> {
    let letters = |text: &str, most: usize| -> String {
        let known = text.chars().filter(char::is_ascii_alphanumeric).take(most);
        known.collect::<String>().to_ascii_uppercase()
    };
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let extension = letters(extension, 3);
    for number in 1..100_000_u32 {
        let tail = format!("~{number}");
        let base = letters(base, 8 - tail.len());
        let mut short = [b' '; 11];
        let text = format!("{:8}{extension:3}", format!("{base}{tail}"));
        short.copy_from_slice(&text.as_bytes()[..11]);
        if folder.entries.iter().all(|entry| entry.short[..11] != short) {
            return Ok(short);
        }
    }
    Err(Error::Name(name.to_owned()))
}

/// The parts of a long name, in the order of the disk: the last one first.
fn long_slots(name: &str, checksum: u8) -> Result<Vec<[u8; SLOT]>> {
    let is_letter = |letter: char| !letter.is_control() && !"\"*/:<>?\\|".contains(letter);
    let mut letters: Vec<u16> = name.encode_utf16().collect();
    if letters.is_empty()
        || letters.len() > LONGEST
        || !name.chars().all(is_letter)
        || name.ends_with(['.', ' '])
    {
        return Err(Error::Name(name.to_owned()));
    }
    let count = letters.len().div_ceil(LETTERS.len());
    if letters.len() < count * LETTERS.len() {
        letters.push(0);
        letters.resize(count * LETTERS.len(), 0xffff);
    }
    let slots = letters.chunks(LETTERS.len()).zip(1_u8..).map(|(letters, number)| {
        let mut slot = [0; SLOT];
        slot[0] = number | if usize::from(number) == count { ENDS } else { 0 };
        slot[11] = LONG_NAME;
        slot[13] = checksum;
        for (at, letter) in LETTERS.iter().zip(letters) {
            slot[*at..at + 2].copy_from_slice(&letter.to_le_bytes());
        }
        slot
    });
    let mut slots: Vec<_> = slots.collect();
    slots.reverse();
    Ok(slots)
}
