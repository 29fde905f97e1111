//! Mending what crate fatfs 0.3.6 leaves wrong in a new FAT32 volume (Microsoft, FAT Specification,
//! sections 3 to 7). It gives `.` and `..` of a directory long names, so that they are not the first
//! two entries, and lets `..` name the root directory's cluster, which must be 0. It does not count
//! the free clusters, so that a system that mounts the volume has to.

use std::io::{self, Read, Seek, SeekFrom, Write};

const ENTRY: usize = 32;
const ATTRIBUTES: usize = 11;
const DIRECTORY: u8 = 0x10;
const LONG_NAME: u8 = 0x0f;
const END: u8 = 0x00;
const DELETED: u8 = 0xe5;
const DOT: &[u8; 11] = b".          ";
const DOT_DOT: &[u8; 11] = b"..         ";
const FREE_CLUSTERS: u64 = 488; // fields of the FSInfo sector
const NEXT_FREE: u64 = 492;
/// FAT entries from here on end a chain.
const END_OF_CHAIN: u32 = 0x0fff_fff8;

struct Volume<'a, T> {
    disk: &'a mut T,
    fat: u64,
    data: u64,
    cluster_size: usize,
}

/// Mends the first two entries of every directory but the root's, and the count of free clusters.
pub(crate) fn mend<T: Read + Write + Seek>(disk: &mut T) -> io::Result<()> {
    let mut boot = [0; 512];
    disk.seek(SeekFrom::Start(0))?;
    disk.read_exact(&mut boot)?;
    let sector = u64::from(u16_at(&boot, 11));
    let fat = u64::from(u16_at(&boot, 14)) * sector;
    let fats = u64::from(boot[16]) * u64::from(u32_at(&boot, 36)) * sector;
    let root = u32_at(&boot, 44);
    let cluster_size = usize::from(boot[13]) * sector as usize;
    let mut volume = Volume { disk, fat, data: fat + fats, cluster_size };

    let mut directories = vec![root];
    while let Some(directory) = directories.pop() {
        if directory != root {
            volume.mend_dots(directory, root)?;
        }
        directories.extend(volume.subdirectories(directory)?);
    }
    let clusters = (u64::from(u32_at(&boot, 32)) * sector - volume.data) / cluster_size as u64;
    volume.count_free(clusters as usize, u64::from(u16_at(&boot, 48)) * sector)
}

impl<T: Read + Write + Seek> Volume<'_, T> {
    fn mend_dots(&mut self, directory: u32, root: u32) -> io::Result<()> {
        let mut cluster = self.read(directory)?;
        let [_, dot, _, dot_dot, ..] = cluster.as_chunks_mut::<ENTRY>().0 else { return Ok(()) };
        if !dot.starts_with(DOT) || !dot_dot.starts_with(DOT_DOT) {
            return Ok(());
        }
        if cluster_of(dot_dot) == root {
            set_cluster(dot_dot, 0);
        }
        let entries: Vec<u8> = [*dot, *dot_dot].concat();
        cluster[..2 * ENTRY].copy_from_slice(&entries);
        for entry in cluster[2 * ENTRY..4 * ENTRY].chunks_mut(ENTRY) {
            entry.fill(0);
            entry[0] = DELETED;
        }
        self.disk.seek(SeekFrom::Start(self.offset(directory)))?;
        self.disk.write_all(&cluster)
    }

    fn count_free(&mut self, clusters: usize, info: u64) -> io::Result<()> {
        let mut table = vec![0; (2 + clusters) * 4];
        self.disk.seek(SeekFrom::Start(self.fat))?;
        self.disk.read_exact(&mut table)?;
        // The first two entries are no clusters.
        let free = |entry: &[u8; 4]| u32::from_le_bytes(*entry) & 0x0fff_ffff == 0;
        let entries = &table.as_chunks::<4>().0[2..];
        let count = entries.iter().filter(|entry| free(entry)).count() as u32;
        let next = entries.iter().position(free).map_or(u32::MAX, |i| i as u32 + 2);
        for (field, value) in [(FREE_CLUSTERS, count), (NEXT_FREE, next)] {
            self.disk.seek(SeekFrom::Start(info + field))?;
            self.disk.write_all(&value.to_le_bytes())?;
        }
        Ok(())
    }

    fn subdirectories(&mut self, directory: u32) -> io::Result<Vec<u32>> {
        let mut found = Vec::new();
        let mut cluster = directory;
        while (2..END_OF_CHAIN).contains(&cluster) {
            for entry in self.read(cluster)?.as_chunks::<ENTRY>().0 {
                let attributes = entry[ATTRIBUTES];
                match entry[0] {
                    END => return Ok(found),
                    DELETED | b'.' => {}
                    _ if attributes == LONG_NAME || attributes & DIRECTORY == 0 => {}
                    _ => found.push(cluster_of(entry)),
                }
            }
            cluster = self.next(cluster)?;
        }
        Ok(found)
    }

    fn next(&mut self, cluster: u32) -> io::Result<u32> {
        let mut entry = [0; 4];
        self.disk.seek(SeekFrom::Start(self.fat + u64::from(cluster) * 4))?;
        self.disk.read_exact(&mut entry)?;
        Ok(u32::from_le_bytes(entry) & 0x0fff_ffff)
    }

    fn read(&mut self, cluster: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.cluster_size];
        self.disk.seek(SeekFrom::Start(self.offset(cluster)))?;
        self.disk.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn offset(&self, cluster: u32) -> u64 {
        self.data + u64::from(cluster.saturating_sub(2)) * self.cluster_size as u64
    }
}

fn cluster_of(entry: &[u8; ENTRY]) -> u32 {
    u32::from(u16_at(entry, 20)) << 16 | u32::from(u16_at(entry, 26))
}

fn set_cluster(entry: &mut [u8; ENTRY], cluster: u32) {
    entry[20..22].copy_from_slice(&((cluster >> 16) as u16).to_le_bytes());
    entry[26..28].copy_from_slice(&(cluster as u16).to_le_bytes());
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at + 2)) << 16 | u32::from(u16_at(bytes, at))
}
