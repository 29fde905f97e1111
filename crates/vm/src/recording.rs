//! A disk of which it is recorded what it was told, and the disks that a power cut would have left of it.
//!
//! QEMU's filter `blklogwrites` keeps the log, between the guest's virtio-blk device and a raw image. A write is in the
//! log once it is done. A flush of the guest's takes no time, since it goes no further than the filter: so what the
//! log has before it is what was answered before it. The filter keeps no record of FUA; virtio-blk has none, its
//! driver flushes instead. The buses whose disks have it are refused ([`crate::Setup::boot`]).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use write_log::{Contents, Cut, HEADER_SIZE, Header, Kind, Record, Superblock, left_by};

use crate::folder::Folder;
use crate::{Disk, Error, Format, Result, copy_range};

/// A disk whose writes and flushes are recorded.
#[derive(Clone, Debug)]
pub struct Recording {
    folder: Arc<Folder>,
    start: PathBuf,
    disk: PathBuf,
    log: PathBuf,
}

impl Recording {
    /// Of a raw disk as it is now. Writes go to a copy.
    ///
    /// # Errors
    /// The disk is no raw one, or cannot be copied.
    pub fn of(start: &Disk) -> Result<Self> {
        if start.format() != Format::Raw {
            return Err(Error::Unsupported {
                machine: "qcow2",
                what: "writes at known places: use Disk::raw",
            });
        }
        let folder = Folder::new()?;
        let [from, disk, log] = ["start.img", "disk.img", "writes.log"].map(|name| folder.path().join(name));
        let make = || -> io::Result<()> {
            copy_range(start.file(), 0..u64::MAX, &from)?;
            copy_range(start.file(), 0..u64::MAX, &disk)?;
            File::create_new(&log).map(drop)
        };
        make().map_err(Error::io("make a disk with a log in", folder.path()))?;
        Ok(Self { folder: Arc::new(folder), start: from, disk, log })
    }

    /// The disk for a machine to be started with, once: its log begins with the machine.
    pub fn disk(&self) -> Disk {
        Disk::within(&self.folder, self.disk.clone(), Format::Raw).logged(self.log.clone())
    }

    /// The disk as the machine has it, without a log.
    pub fn end(&self) -> Disk {
        Disk::within(&self.folder, self.disk.clone(), Format::Raw)
    }

    /// What the disk was told so far, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn records(&self) -> Result<Vec<Record>> {
        read_log(&self.log).map_err(Error::io("read the log of writes", &self.log))
    }

    /// What a record's write wrote; nothing for other records.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn data(&self, record: &Record) -> Result<Vec<u8>> {
        let Kind::Write { data } = record.kind else { return Ok(vec![]) };
        let mut bytes = vec![0; (record.bytes.end - record.bytes.start) as usize];
        let log = File::open(&self.log).and_then(|log| log.read_exact_at(&mut bytes, data));
        log.map_err(Error::io("read the log of writes", &self.log))?;
        Ok(bytes)
    }

    /// The disk that a power cut leaves, to be looked at without writing it anywhere. `records` are this recording's.
    ///
    /// # Errors
    /// The files cannot be opened.
    pub fn cut(&self, records: &[Record], cut: Cut) -> Result<CutDisk> {
        let open = |path: &Path| File::open(path).map_err(Error::io("open", path));
        let start = open(&self.start)?;
        let size = start.metadata().map_err(Error::io("look at", &self.start))?.len();
        Ok(CutDisk {
            contents: left_by(records, cut),
            log: open(&self.log)?,
            path: self.start.clone(),
            start,
            size,
            at: 0,
        })
    }
}

/// Reads the whole records of a log that may still be written to.
fn read_log(path: &Path) -> io::Result<Vec<Record>> {
    let invalid = |fault: write_log::Fault| io::Error::new(io::ErrorKind::InvalidData, fault);
    let log = File::open(path)?;
    let size = log.metadata()?.len();
    let mut bytes = [0; Superblock::SIZE];
    match log.read_exact_at(&mut bytes, 0) {
        // The superblock comes with the first flush.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(vec![]),
        other => other?,
    }
    if bytes == [0; Superblock::SIZE] {
        return Ok(vec![]);
    }
    let superblock = Superblock::parse(&bytes).map_err(invalid)?;
    let (mut records, mut at) = (Vec::new(), superblock.sector_size);
    while at + superblock.sector_size <= size {
        let mut bytes = [0; HEADER_SIZE];
        log.read_exact_at(&mut bytes, at)?;
        let data = at + superblock.sector_size;
        let header = Header::parse(&bytes, superblock, data).map_err(invalid)?;
        at = data + header.data;
        if at > size {
            break;
        }
        records.push(header.record);
    }
    Ok(records)
}

/// A disk that a power cut left: what it was at the start, and over it what the cut left of the writes.
#[derive(Debug)]
pub struct CutDisk {
    contents: Contents,
    log: File,
    path: PathBuf,
    start: File,
    size: u64,
    at: u64,
}

impl CutDisk {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads the bytes from `offset` on.
    ///
    /// # Errors
    /// They are not all on the disk, or the files cannot be read.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.start.read_exact_at(buffer, offset)?;
        let end = offset + buffer.len() as u64;
        for piece in self.contents.within(offset..end) {
            let (from, to) = (piece.bytes.start.max(offset), piece.bytes.end.min(end));
            if from >= to {
                continue;
            }
            let part = &mut buffer[(from - offset) as usize..(to - offset) as usize];
            match piece.from {
                Some(data) => self.log.read_exact_at(part, data + (from - piece.bytes.start))?,
                None => part.fill(0),
            }
        }
        Ok(())
    }

    /// It as a raw disk that a machine can start from.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn to_disk(&self) -> Result<Disk> {
        let folder = Folder::new()?;
        let file = folder.path().join("disk.img");
        self.write_to(&file).map_err(Error::io("write a cut disk to", &file))?;
        Ok(Disk::within(&Arc::new(folder), file, Format::Raw))
    }

    fn write_to(&self, file: &Path) -> io::Result<()> {
        copy_range(&self.path, 0..u64::MAX, file)?;
        let disk = OpenOptions::new().write(true).open(file)?;
        let mut buffer = Vec::new();
        for piece in self.contents.pieces() {
            buffer.resize((piece.bytes.end - piece.bytes.start) as usize, 0);
            match piece.from {
                Some(data) => self.log.read_exact_at(&mut buffer, data)?,
                None => buffer.fill(0),
            }
            disk.write_all_at(&buffer, piece.bytes.start)?;
        }
        Ok(())
    }
}

impl Read for CutDisk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.size.saturating_sub(self.at).min(buffer.len() as u64) as usize;
        self.read_exact_at(&mut buffer[..count], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for CutDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Readers of file systems ask for this too; nothing is ever written to what a cut left.
impl Write for CutDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use write_log::Policy;

    /// A log as QEMU writes it, of writes and flushes: (sector, bytes), or None.
    fn log(records: &[Option<(u64, &[u8; 512])>]) -> Vec<u8> {
        let mut log = vec![0; 512];
        log[..8].copy_from_slice(&0x006a_7366_7773_6872_u64.to_le_bytes());
        log[8] = 1;
        log[24..28].copy_from_slice(&512_u32.to_le_bytes());
        for record in records {
            let (sector, count, flags) = record.map_or((0, 0, 1), |(sector, _)| (sector, 1, 0));
            let words = [sector, count, flags, 0_u64].map(u64::to_le_bytes).concat();
            log.extend([&words[..], &[0; 480]].concat());
            log.extend(record.iter().flat_map(|(_, data)| data.iter()));
        }
        log
    }

    fn recording(records: &[Option<(u64, &[u8; 512])>]) -> Recording {
        let folder = Folder::new().unwrap();
        let start = folder.path().join("start");
        fs::write(&start, [7; 2048]).unwrap();
        let recording = Recording::of(&Disk::existing(&start, Format::Raw)).unwrap();
        fs::write(&recording.log, log(records)).unwrap();
        recording
    }

    #[test]
    fn what_a_cut_leaves_reads_the_same_from_the_view_and_from_the_disk_made_of_it() {
        let recording = recording(&[Some((1, &[1; 512])), None, Some((2, &[2; 512])), Some((1, &[3; 512]))]);
        let records = recording.records().unwrap();
        assert_eq!(records.len(), 4);
        for (policy, expected) in [(Policy::Lost, [7, 1, 7, 7]), (Policy::Kept, [7, 3, 2, 7])] {
            let mut cut = recording.cut(&records, Cut { after: 4, policy }).unwrap();
            let mut all = Vec::new();
            cut.read_to_end(&mut all).unwrap();
            assert!(all == expected.map(|byte| [byte; 512]).concat(), "{policy:?}");
            let disk = cut.to_disk().unwrap();
            assert!(fs::read(disk.file()).unwrap() == all, "{policy:?}");
            let mut odd = [0; 700];
            cut.read_exact_at(&mut odd, 300).unwrap();
            assert!(odd == all[300..1000]);
            assert!(cut.write(&[0]).is_err());
        }
    }

    #[test]
    fn a_log_that_is_being_written_has_its_whole_records_and_one_that_is_none_is_refused() {
        let recording = recording(&[Some((1, &[1; 512])), Some((2, &[2; 512]))]);
        let whole = fs::read(&recording.log).unwrap();
        for (length, count) in [(0, 0), (512, 0), (1000, 0), (1024, 0), (1536, 1), (2559, 1), (2560, 2)] {
            fs::write(&recording.log, &whole[..length]).unwrap();
            assert_eq!(recording.records().unwrap().len(), count, "{length} bytes");
        }
        fs::write(&recording.log, [9; 512]).unwrap();
        recording.records().unwrap_err();
    }
}
