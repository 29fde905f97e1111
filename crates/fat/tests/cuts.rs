//! The power is cut at every write of every change, and what was not flushed is on the disk or not, as it happens:
//! nothing of other files changes, and the changed one is there as it was or as it was to be. What is left is read by
//! this crate and by another one.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use fat::{Disk, Error, Volume};
use proptest::prelude::*;

const SECTOR: usize = 512;

type Sectors = BTreeMap<u64, [u8; SECTOR]>;

/// A disk over an image that stays as it is.
#[derive(Clone, Debug)]
struct Overlay {
    base: Rc<Vec<u8>>,
    sectors: Sectors,
}

impl Overlay {
    fn sector(&self, number: u64) -> [u8; SECTOR] {
        let at = number as usize * SECTOR;
        self.sectors.get(&number).copied().unwrap_or_else(|| self.base[at..at + SECTOR].try_into().unwrap())
    }

    fn read(&self, offset: u64, bytes: &mut [u8]) {
        let start = offset as usize;
        let length = bytes.len();
        bytes.copy_from_slice(&self.base[start..start + length]);
        for (number, sector) in self.sectors.range(offset / 512..(offset + length as u64).div_ceil(512)) {
            let at = *number as usize * SECTOR;
            let (from, to) = (at.max(start), (at + SECTOR).min(start + length));
            bytes[from - start..to - start].copy_from_slice(&sector[from - at..to - at]);
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) {
        for (byte, at) in bytes.iter().zip(offset..) {
            let mut sector = self.sector(at / 512);
            sector[(at % 512) as usize] = *byte;
            self.sectors.insert(at / 512, sector);
        }
    }
}

/// A disk that notes what is written, up to each flush, a sector at a time.
#[derive(Clone, Debug)]
struct Recorder {
    disk: Rc<RefCell<Overlay>>,
    epochs: Rc<RefCell<Vec<Sectors>>>,
}

impl Recorder {
    fn on(disk: &Overlay) -> Self {
        Self {
            disk: Rc::new(RefCell::new(disk.clone())),
            epochs: Rc::new(RefCell::new(vec![BTreeMap::new()])),
        }
    }
}

impl Disk for Recorder {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let disk = self.disk.borrow();
        if offset + bytes.len() as u64 > disk.base.len() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        disk.read(offset, bytes);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.borrow_mut();
        disk.write(offset, bytes);
        let mut epochs = self.epochs.borrow_mut();
        for number in offset / 512..(offset + bytes.len() as u64).div_ceil(512) {
            epochs.last_mut().unwrap().insert(number, disk.sector(number));
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.epochs.borrow_mut().push(BTreeMap::new());
        Ok(())
    }
}

/// What another implementation reads and writes.
struct Plain {
    disk: Overlay,
    at: u64,
}

impl Read for Plain {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.disk.read(self.at, bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(self.at, bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Plain {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self.at.wrapping_add_signed(by),
            SeekFrom::End(by) => (self.disk.base.len() as u64).wrapping_add_signed(by),
        };
        Ok(self.at)
    }
}

type Files = BTreeMap<String, Vec<u8>>;

/// All files, by this crate.
fn files(disk: &Overlay) -> Files {
    let volume = Volume::open(Recorder::on(disk)).unwrap();
    let mut files = Files::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in volume.list(&folder).unwrap() {
            let path = format!("{folder}/{}", entry.name).trim_start_matches('/').to_owned();
            if entry.is_folder {
                folders.push(path);
            } else {
                files.insert(path, volume.read(&entry, 0, usize::MAX).unwrap());
            }
        }
    }
    files
}

/// All files, by crate fatfs.
fn files_of_another(disk: &Overlay) -> Files {
    fn walk<T: Read + Write + Seek>(folder: fatfs::Dir<T>, path: &str, files: &mut Files) {
        for entry in folder.iter() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let path = format!("{path}/{name}").trim_start_matches('/').to_owned();
            if name == "." || name == ".." {
            } else if entry.is_dir() {
                walk(entry.to_dir(), &path, files);
            } else {
                let mut content = Vec::new();
                entry.to_file().read_to_end(&mut content).unwrap();
                files.insert(path, content);
            }
        }
    }
    let fs = fatfs::FileSystem::new(Plain { disk: disk.clone(), at: 0 }, fatfs::FsOptions::new()).unwrap();
    let mut files = Files::new();
    walk(fs.root_dir(), "", &mut files);
    files
}

fn content(letter: u8, size: usize) -> Vec<u8> {
    (0..size).map(|i| letter ^ (i / 97) as u8).collect()
}

/// As an image's ESP, made by the other implementation, with two entries.
fn esp() -> Overlay {
    let mut image = Cursor::new(vec![0; 40 << 20]);
    let options = fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat32).bytes_per_cluster(512);
    fatfs::format_volume(&mut image, options).unwrap();
    let base = Rc::new(image.into_inner());
    let mut plain = Plain { disk: Overlay { base, sectors: BTreeMap::new() }, at: 0 };
    {
        let fs = fatfs::FileSystem::new(&mut plain, fatfs::FsOptions::new()).unwrap();
        let efi = fs.root_dir().create_dir("EFI").unwrap();
        let linux = efi.create_dir("Linux").unwrap();
        for (name, letter, size) in [("berth_1.0.0.efi", b'a', 3000), ("berth_2.0.0+2-1.efi", b'b', 5001)] {
            linux.create_file(name).unwrap().write_all(&content(letter, size)).unwrap();
        }
        fs.root_dir().create_file("empty").unwrap();
    }
    plain.disk
}

/// Does a change; gives the disk after it, and all disks that a cut may leave.
fn cut(disk: &Overlay, change: impl FnOnce(&Volume<Recorder>)) -> (Overlay, Vec<Overlay>) {
    let recorder = Recorder::on(disk);
    change(&Volume::open(recorder.clone()).unwrap());
    let mut before = disk.clone();
    let mut left = vec![before.clone()];
    for epoch in recorder.epochs.borrow().iter() {
        let sectors: Vec<_> = epoch.iter().collect();
        // All that may be there of few sectors; of many, each alone, each missing, and all up to each.
        let masks: Vec<u128> = match sectors.len() {
            0..=6 => (0..1 << sectors.len()).collect(),
            many => {
                let all = (1_u128 << many.min(127)) - 1;
                (0..many.min(127)).flat_map(|i| [1 << i, all & !(1 << i), (1 << i) - 1]).collect()
            }
        };
        for mask in masks {
            let mut torn = before.clone();
            let there = sectors.iter().enumerate().filter(|(i, _)| mask >> i.min(&127) & 1 == 1);
            torn.sectors.extend(there.map(|(_, (number, sector))| (**number, **sector)));
            left.push(torn);
        }
        before.sectors.extend(epoch.iter().map(|(number, sector)| (*number, *sector)));
    }
    let after = recorder.disk.borrow().clone();
    assert!(after.sectors == before.sectors, "the last write is flushed");
    (after, left)
}

/// Each disk holds one of these sets of files, for both readers; and none is lost when lost clusters are freed.
fn assert_files(left: &[Overlay], allowed: &[&Files]) {
    for disk in left {
        let (ours, others) = (files(disk), files_of_another(disk));
        assert_eq!(ours, others);
        assert!(allowed.contains(&&ours), "{:?}", ours.keys());
        let (after, _) = cut(disk, |volume| _ = volume.reclaim().unwrap());
        assert_eq!(files(&after), ours);
        let (_, _) = cut(&after, |volume| assert_eq!(volume.reclaim().unwrap(), 0));
    }
}

fn with(files: &Files, name: &str, content: Vec<u8>) -> Files {
    let mut files = files.clone();
    files.insert(name.to_owned(), content);
    files
}

fn without(files: &Files, name: &str) -> Files {
    let mut files = files.clone();
    assert!(files.remove(name).is_some(), "{name}");
    files
}

const NEW: &str = "EFI/berth/3.0.0.new";
const ENTRY: &str = "EFI/Linux/berth_3.0.0+3.efi";

#[test]
fn a_file_is_written_published_blessed_and_removed() {
    let disk = esp();
    let before = files(&disk);
    assert_eq!(before.len(), 3);
    let (disk, left) = cut(&disk, |volume| volume.make_folders("EFI/berth").unwrap());
    assert_files(&left, &[&before]);

    let bytes = content(b'c', 40_000);
    let (disk, left) = cut(&disk, |volume| volume.create(NEW, 40_000, bytes.as_slice()).unwrap());
    let staged = with(&before, NEW, bytes.clone());
    assert_files(&left, &[&before, &staged]);
    assert_eq!(files(&disk), staged);

    let (disk, left) = cut(&disk, |volume| {
        volume.link(&volume.find(NEW).unwrap(), ENTRY).unwrap();
        volume.unlink(&volume.find(NEW).unwrap()).unwrap();
    });
    let both = with(&staged, ENTRY, bytes.clone());
    let published = without(&both, NEW);
    assert_files(&left, &[&staged, &both, &published]);
    assert_eq!(files(&disk), published);

    let blessed = "EFI/Linux/berth_3.0.0.efi";
    let (disk, left) = cut(&disk, |volume| {
        volume.link(&volume.find(ENTRY).unwrap(), blessed).unwrap();
        volume.unlink(&volume.find(ENTRY).unwrap()).unwrap();
    });
    let both = with(&published, blessed, bytes);
    let good = without(&both, ENTRY);
    assert_files(&left, &[&published, &both, &good]);

    let gone = "EFI/Linux/berth_2.0.0+2-1.efi";
    let (disk, left) = cut(&disk, |volume| {
        volume.unlink(&volume.find(gone).unwrap()).unwrap();
        assert_eq!(volume.reclaim().unwrap(), 10);
    });
    assert_files(&left, &[&good, &without(&good, gone)]);
    assert_eq!(
        files(&disk).keys().map(String::as_str).collect::<Vec<_>>(),
        ["EFI/Linux/berth_1.0.0.efi", blessed, "empty"]
    );
}

#[test]
fn a_file_takes_the_place_of_another() {
    let (kept, new) = ("EFI/Linux/berth_1.0.0.efi", "EFI/Linux/berth_2.0.0+2-1.efi");
    for (from, to, clusters) in [(kept, new, 6), (new, kept, 10), (kept, "empty", 6), ("empty", new, 0)] {
        let disk = esp();
        let before = files(&disk);
        let (disk, left) = cut(&disk, |volume| {
            volume.repoint(&volume.find(from).unwrap(), &volume.find(to).unwrap()).unwrap();
        });
        let both = with(&before, from, before[to].clone());
        assert_files(&left, &[&before, &both]);
        assert_eq!(files(&disk), both);

        let (disk, left) = cut(&disk, |volume| {
            volume.unlink(&volume.find(to).unwrap()).unwrap();
            assert_eq!(volume.reclaim().unwrap(), clusters);
        });
        assert_files(&left, &[&both, &without(&both, to)]);
        assert_eq!(files(&disk), without(&both, to));
    }
}

#[test]
fn names_come_and_go_without_the_folder_growing_for_ever() {
    let mut disk = esp();
    let mut table = Vec::new();
    for round in 0..100 {
        (disk, _) = cut(&disk, |volume| {
            volume
                .create(&format!("EFI/Linux/berth_{round}.0.0.dev1+3.efi"), 700, &content(b'x', 700)[..])
                .unwrap();
            if round >= 20 {
                volume
                    .unlink(&volume.find(&format!("EFI/Linux/berth_{}.0.0.dev1+3.efi", round - 20)).unwrap())
                    .unwrap();
                volume.reclaim().unwrap();
            }
        });
        table.push(files(&disk).len());
    }
    assert_eq!(table[99], 3 + 20);
    assert_eq!(files(&disk), files_of_another(&disk));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let disk = esp();
    let recorder = Recorder::on(&disk);
    let volume = Volume::open(recorder.clone()).unwrap();
    let create = |path: &str, size: u32, content: &[u8]| volume.create(path, size, content).unwrap_err();
    assert!(matches!(create("EFI/Linux/BERTH_1.0.0.EFI", 1, b"x"), Error::Exists(_)));
    assert!(matches!(create("EFI/none/x", 1, b"x"), Error::NotFound(_)));
    assert!(matches!(create("EFI/a:b", 1, b"x"), Error::Name(_)));
    assert!(matches!(create("EFI/a.", 1, b"x"), Error::Name(_)));
    assert!(matches!(create("EFI/x", 1 << 30, b"x"), Error::Full { .. }));
    assert!(matches!(create("EFI/x", 1000, b"short"), Error::Disk(_)));
    let entry = volume.find("efi/linux/BERTH_1.0.0.efi").unwrap();
    assert!(matches!(volume.link(&entry, "EFI/Linux/berth_2.0.0+2-1.efi"), Err(Error::Exists(_))));
    assert!(matches!(volume.find("EFI/Linux/x"), Err(Error::NotFound(_))));
    let folder = volume.find("EFI/Linux").unwrap();
    assert!(matches!(volume.repoint(&entry, &folder), Err(Error::Name(_))));
    assert!(matches!(volume.repoint(&folder, &entry), Err(Error::Name(_))));
    assert_eq!(files(&recorder.disk.borrow()), files(&disk));
    for (image, reason) in [(vec![0; 4096], "boot sector"), (vec![0xff; 4096], "boot sector")] {
        let disk = Overlay { base: Rc::new(image), sectors: BTreeMap::new() };
        let error = Volume::open(Recorder::on(&disk)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_loop_or_a_wild_chain_is_an_error() {
    let disk = esp();
    let volume = Volume::open(Recorder::on(&disk)).unwrap();
    let entry = volume.find("EFI/Linux/berth_1.0.0.efi").unwrap();
    let table = u64::from(u16::from_le_bytes([disk.base[14], disk.base[15]])) * 512;
    for next in [0, 1, entry.cluster.unwrap(), 0x0fff_fff7, 0x00ff_ffff] {
        let mut broken = disk.clone();
        broken.write(table + u64::from(entry.cluster.unwrap()) * 4, &next.to_le_bytes());
        let volume = Volume::open(Recorder::on(&broken)).unwrap();
        let error = volume.read(&entry, 0, 3000).unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{next:#x}: {error}");
        volume.reclaim().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_volume_is_too_strange(
        boot in proptest::collection::vec((11..90_u64, any::<u8>()), 0..4),
        inside in proptest::collection::vec((0..40_000_u64, any::<u8>()), 0..40),
    ) {
        thread_local!(static ESP: Overlay = esp());
        let mut disk = ESP.with(Clone::clone);
        // The table's and the folders' first sectors, after the 32 that are reserved.
        let data = 2 * u64::from(u32::from_le_bytes(disk.base[36..40].try_into().unwrap())) * 512;
        for (at, byte) in &inside {
            disk.write(if at % 2 == 0 { 32 * 512 + at / 2 % 64 } else { 32 * 512 + data + at / 2 }, &[*byte]);
        }
        for (at, byte) in boot {
            disk.write(at, &[byte]);
        }
        if let Ok(volume) = Volume::open(Recorder::on(&disk)) {
            for folder in ["", "EFI", "EFI/Linux"] {
                for entry in volume.list(folder).unwrap_or_default() {
                    _ = volume.read(&entry, 0, 1 << 20);
                }
            }
            _ = volume.create("EFI/Linux/x.new", 2000, &[1; 2000][..]);
            _ = volume.find("EFI/Linux/x.new").and_then(|entry| volume.unlink(&entry));
            _ = volume.reclaim();
        }
    }
}
