//! What a power cut leaves of a journal, replayed: each file keeps what was flushed, and of what was
//! written after that any part, by pages; names that were not flushed are there or not.
//!
//! `BERTH_CRASHES=N` replays N crashes instead of a hundred, `BERTH_SEED=N` others.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use journal::{Fields, Limits, Origin, Query, Reader, Record, Writer, pack};

const PAGE: usize = 4096;

/// A small generator of numbers (xorshift64*): the same seed, the same crashes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A disk as the kernel sees it: of each file what is in memory, and what is surely on the disk.
#[derive(Default)]
struct Disk {
    written: BTreeMap<String, Vec<u8>>,
    /// By inode, since a handle that is flushed has no name.
    flushed: BTreeMap<u64, Vec<u8>>,
    inodes: BTreeMap<String, u64>,
    /// Names that are surely there.
    names: BTreeMap<String, u64>,
}

impl Disk {
    /// Takes in what is in the folder now.
    fn look(&mut self, dir: &Path) {
        self.written.clear();
        self.inodes.clear();
        for item in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let name = item.file_name().into_string().unwrap();
            self.inodes.insert(name.clone(), item.metadata().unwrap().ino());
            self.written.insert(name, fs::read(item.path()).unwrap());
        }
    }

    /// What was flushed is on the disk; a folder's names, too.
    fn flush(&mut self, files: &[File], dir: &Path) {
        self.look(dir);
        for file in files {
            let meta = file.metadata().unwrap();
            if meta.is_dir() {
                self.names.clone_from(&self.inodes);
                continue;
            }
            let found = self.inodes.iter().find(|(_, inode)| **inode == meta.ino());
            if let Some((name, inode)) = found {
                self.flushed.insert(*inode, self.written[name].clone());
            }
        }
    }

    /// Writes into a folder what is there after a cut now.
    fn cut(&self, to: &Path, random: &mut Random) {
        let _ = fs::remove_dir_all(to);
        fs::create_dir(to).unwrap();
        for (name, inode) in &self.inodes {
            // A name that was not flushed may be there or not.
            if self.names.get(name) != Some(inode) && random.chance(50) {
                continue;
            }
            let now = &self.written[name];
            let empty = Vec::new();
            let before = self.flushed.get(inode).unwrap_or(&empty);
            assert!(now.starts_with(before) || now.len() < before.len(), "{name} is only added to");
            fs::write(to.join(name), after_cut(before, now, random)).unwrap();
        }
    }
}

/// Some of what was written after the flush: of any length, and of each page what is new or zeros.
fn after_cut(before: &[u8], now: &[u8], random: &mut Random) -> Vec<u8> {
    let kept = before.len().min(now.len());
    let mut left = now[..kept + random.below(now.len() - kept + 1)].to_vec();
    let tears = random.chance(50);
    let length = left.len();
    for page in (kept / PAGE)..length.div_ceil(PAGE) {
        if tears && random.chance(40) {
            // What was flushed of a page stays.
            left[(page * PAGE).max(kept)..length.min((page + 1) * PAGE)].fill(0);
        }
    }
    left
}

fn record(number: usize, random: &mut Random) -> Record {
    let unit = format!("u{}.service", random.below(9));
    let longest = if random.chance(3) { 9000 } else { 120 };
    let text = format!("{number} {}", "x".repeat(random.below(longest)));
    Record {
        realtime_us: 1_700_000_000_000_000 + number as u64,
        monotonic_us: number as u64,
        context: Arc::new(Fields::default().with("_SYSTEMD_UNIT", unit)),
        fields: Fields::default().with("PRIORITY", "6").with("MESSAGE", text),
    }
}

fn texts(dir: &Path) -> Vec<String> {
    let entries = Reader::new(dir).entries(&Query::default()).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.message().into_owned()).collect()
}

/// One life of a journal, cut many times. Returns how many cuts.
fn life(random: &mut Random, cuts: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (dir, copy) = (folder.path().join("journal"), folder.path().join("copy"));
    fs::create_dir(&dir).unwrap();
    let origin = |n: usize| Origin {
        boot: format!("{n:032x}").parse().unwrap(),
        machine: String::new(),
        hostname: "host".into(),
    };
    let limits = Limits { segment_bytes: 20_000, total_bytes: 1 << 30, ..Limits::default() };
    let mut disk = Disk::default();
    let mut writer = Writer::open(&dir, origin(1), limits, 0).unwrap();
    let (mut said, mut sure, mut done) = (Vec::new(), 0, 0);
    while done < cuts {
        let batch: Vec<Record> = (0..1 + random.below(12)).map(|n| record(said.len() + n, random)).collect();
        said.extend(
            batch.iter().map(|r| String::from_utf8(r.fields.get("MESSAGE").unwrap().to_vec()).unwrap()),
        );
        let closed = writer.append(&batch, 0).unwrap();
        if random.chance(30) {
            let files = writer.unflushed().unwrap();
            disk.flush(&files, &dir);
            sure = said.len();
            // Packing flushes by itself: what it leaves is whole.
            if closed || random.chance(10) {
                pack(&dir).unwrap();
                disk.look(&dir);
                for (name, inode) in disk.inodes.clone() {
                    if name.ends_with(".lz4") {
                        disk.flushed.insert(inode, disk.written[&name].clone());
                        disk.names.insert(name, inode);
                    }
                }
                disk.names.retain(|name, _| disk.inodes.contains_key(name));
            }
        }
        disk.look(&dir);
        if random.chance(40) {
            disk.cut(&copy, random);
            done += 1;
            check(&copy, &said, sure);
            // The machine comes up again, with a new boot, or the daemon alone does.
            let again = if random.chance(70) { 2 } else { 1 };
            let found = texts(&copy);
            let mut next = Writer::open(&copy, origin(again), limits, 0).unwrap();
            next.append(&[record(usize::MAX >> 1, random)], 0).unwrap();
            let mut after = texts(&copy);
            after.pop().unwrap();
            assert_eq!(after, found, "what was there stays");
            assert!(Reader::new(&copy).boots().is_ok());
        }
    }
    done
}

/// All that was flushed is there, in order; the rest is what was said, and nothing else.
fn check(dir: &Path, said: &[String], sure: usize) {
    let found = texts(dir);
    assert!(found.len() >= sure, "{} of {sure} that were flushed are there", found.len());
    assert_eq!(found[..sure], said[..sure]);
    let mut rest = said[sure..].iter();
    for text in &found[sure..] {
        assert!(rest.any(|known| known == text), "{text:?} was not said, or not then");
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn what_was_flushed_survives_every_power_cut() {
    let (count, seed) = (number("BERTH_CRASHES", 120) as usize, number("BERTH_SEED", 1));
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut done = 0;
    while done < count {
        done += life(&mut random, (count - done).min(60));
    }
    println!("{done} crashes of seed {seed}");
}
