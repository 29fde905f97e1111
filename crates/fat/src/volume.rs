//! The volume: its geometry, its table and the chains in it.

use std::io;

/// What a volume lies on.
pub trait Disk {
    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes `bytes` at `offset`. They need not be on the disk yet.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written is on the disk.
    ///
    /// # Errors
    /// The disk does not take it.
    fn flush(&self) -> io::Result<()>;
}

/// Why a volume cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk's answer.
    #[error("the disk: {0}")]
    Disk(io::Error),
    /// It is something else.
    #[error("it holds no FAT32: {0}")]
    NotFat32(&'static str),
    /// It contradicts itself.
    #[error("the FAT is damaged: {0}")]
    Damaged(String),
    /// There is no such file or folder.
    #[error("there is no {0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0} is there already")]
    Exists(String),
    /// No room is left.
    #[error("no room: {wanted} bytes are needed, and {free} are free")]
    Full {
        /// Bytes that are needed.
        wanted: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A name that cannot be given.
    #[error("{0:?} cannot be the name of a file here")]
    Name(String),
}

// By hand, since `#[from]` would hand on a cause that the message has told of already.
impl From<io::Error> for Error {
    fn from(answer: io::Error) -> Self {
        Self::Disk(answer)
    }
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Entries of the table from here on end a chain.
const END: u32 = 0x0fff_fff8;
/// What ends a chain that is written here.
pub(crate) const LAST: u32 = 0x0fff_ffff;
/// A cluster that cannot be used.
const BAD: u32 = 0x0fff_fff7;
/// More than any ESP has: the table of so many takes 64 MiB of memory.
const MOST_CLUSTERS: u32 = 1 << 24;
/// The upper four bits of an entry are not part of it.
pub(crate) const MASK: u32 = 0x0fff_ffff;
/// Fields of the FSInfo sector.
const INFO_FREE: u64 = 488;
const INFO_SIGNATURE: u32 = 0x4161_5252;

/// A FAT32.
#[derive(Debug)]
pub struct Volume<D> {
    pub(crate) disk: D,
    pub(crate) cluster_size: u64,
    pub(crate) root: u32,
    table: u64,
    table_size: u64,
    tables: u64,
    data: u64,
    /// The first cluster that is not there. The first that is has number 2.
    end: u32,
    info: u64,
}

impl<D: Disk> Volume<D> {
    /// Looks at what lies on a disk.
    ///
    /// # Errors
    /// It is no FAT32, or cannot be read.
    pub fn open(disk: D) -> Result<Self> {
        let mut boot = [0; 512];
        disk.read(0, &mut boot)?;
        if boot[510..] != [0x55, 0xaa] {
            return Err(Error::NotFat32("it does not begin with a boot sector"));
        }
        let sector = u64::from(u16_at(&boot, 11));
        let cluster_size = sector * u64::from(boot[13]);
        if !sector.is_power_of_two() || !(512..=4096).contains(&sector) || !cluster_size.is_power_of_two() {
            return Err(Error::NotFat32("its sectors or clusters have an impossible size"));
        }
        let (small_root, small_table) = (u16_at(&boot, 17), u16_at(&boot, 22));
        let (table_sectors, sectors) = (u64::from(u32_at(&boot, 36)), u64::from(u32_at(&boot, 32)));
        let tables = u64::from(boot[16]);
        if small_root != 0 || small_table != 0 || table_sectors == 0 || tables == 0 {
            return Err(Error::NotFat32("it is a FAT12 or FAT16"));
        }
        // One table that counts, the others being left behind: nothing makes such a volume by itself.
        if u16_at(&boot, 40) & 0x80 != 0 {
            return Err(Error::NotFat32("its tables are not mirrored"));
        }
        let table = u64::from(u16_at(&boot, 14)) * sector;
        let table_size = table_sectors * sector;
        let data = table + tables * table_size;
        let clusters = (sectors * sector).saturating_sub(data) / cluster_size;
        let end = clusters.saturating_add(2).min(table_size / 4);
        let end = u32::try_from(end).ok().filter(|end| *end <= MOST_CLUSTERS);
        let end = end.ok_or(Error::NotFat32("it has too many clusters"))?;
        let info = u64::from(u16_at(&boot, 48)) * sector;
        let root = u32_at(&boot, 44);
        Ok(Self { disk, cluster_size, root, table, table_size, tables, data, end, info })
    }

    /// What it lies on.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Where a cluster begins, in bytes.
    pub(crate) fn offset(&self, cluster: u32) -> u64 {
        self.data + u64::from(cluster - 2) * self.cluster_size
    }

    pub(crate) fn is_cluster(&self, number: u32) -> bool {
        (2..self.end).contains(&number)
    }

    /// The clusters of a chain, in order.
    pub(crate) fn chain(&self, first: u32) -> Result<Vec<u32>> {
        let mut clusters = Vec::new();
        let mut cached = (u64::MAX, [0; 4096]);
        let mut next = first;
        while next < END {
            if !self.is_cluster(next) || clusters.len() >= self.end as usize {
                return Err(Error::Damaged(format!("a chain from cluster {first} leads to {next}")));
            }
            clusters.push(next);
            let at = u64::from(next) * 4;
            let (block, within) = (at / 4096, (at % 4096) as usize);
            if cached.0 != block {
                let length = (self.table_size - block * 4096).min(4096) as usize;
                self.disk.read(self.table + block * 4096, &mut cached.1[..length])?;
                cached.0 = block;
            }
            next = u32_at(&cached.1, within) & MASK;
        }
        Ok(clusters)
    }

    /// The whole table: what each cluster is followed by.
    pub(crate) fn entries(&self) -> Result<Vec<u32>> {
        let mut bytes = vec![0; self.end as usize * 4];
        self.disk.read(self.table, &mut bytes)?;
        Ok(bytes.chunks_exact(4).map(|entry| u32_at(entry, 0)).collect())
    }

    /// Writes entries of the table, in all its copies, and how many are free then. The disk has them when it is flushed.
    pub(crate) fn set_entries(&self, table: &mut [u32], changes: &[(u32, u32)]) -> Result<()> {
        for (cluster, value) in changes {
            let entry = &mut table[*cluster as usize];
            *entry = *entry & !MASK | value;
        }
        let mut clusters: Vec<u32> = changes.iter().map(|change| change.0).collect();
        clusters.sort_unstable();
        for run in clusters.chunk_by(|a, b| b - a <= 1) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let entries = &table[*first as usize..=*last as usize];
            let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
            for copy in 0..self.tables {
                self.disk.write(self.table + copy * self.table_size + u64::from(*first) * 4, &bytes)?;
            }
        }
        self.note_free(free(table).count() as u32)
    }

    /// The count is a hint; one that a cut leaves wrong is counted anew by those who trust none.
    fn note_free(&self, count: u32) -> Result<()> {
        let mut signature = [0; 4];
        self.disk.read(self.info, &mut signature)?;
        if self.info > 0 && u32_at(&signature, 0) == INFO_SIGNATURE {
            self.disk.write(self.info + INFO_FREE, &count.to_le_bytes())?;
        }
        Ok(())
    }
}

/// The clusters that are free.
pub(crate) fn free(table: &[u32]) -> impl Iterator<Item = u32> {
    (2..).zip(table.iter().skip(2)).filter(|(_, entry)| **entry & MASK == 0).map(|(cluster, _)| cluster)
}

/// Whether an entry of the table says that its cluster is part of a chain.
pub(crate) fn is_in_use(entry: u32) -> bool {
    !matches!(entry & MASK, 0 | BAD)
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at + 2)) << 16 | u32::from(u16_at(bytes, at))
}
