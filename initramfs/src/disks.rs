//! Seeing the disks, and waiting for the one that is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use deployment::read_tree;
use layout::{Guid, Slot};
use sys::block::{self, device_path};
use sys::partition_table::{self, geometry, read_at};
use sys::uevent::{Next, Uevents};

use crate::arguments::Arguments;
use crate::plan::{Boot, Candidate, Decision, Disk, Failure, Patience, SlotState, Waiting, decide, grace};
use crate::{kernel_log, plan, threads};
use disk_table::{self as gpt, Geometry, Table};

/// After this long a person is told what is waited for.
const SILENCE: Duration = Duration::from_secs(3);
/// How often it is looked whether a disk has answered, while others are waited for.
const GLANCE: Duration = Duration::from_millis(250);
/// How long a disk may not answer at last. The kernel gives up on most within minutes.
const LAST: Duration = Duration::from_secs(600);

/// How many disks are being looked at.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// Looks at the disks, and again at each new one, until there is one to boot from.
///
/// # Errors
/// Where none comes in time, or none will do.
pub fn find(arguments: &Arguments, esp: Option<Guid>) -> Result<Boot> {
    // Opened before the first look: a disk that appears in between has an event waiting.
    let uevents = Uevents::open()?;
    let mut search = Search { begin: Instant::now(), waiting: Waiting::default(), told: false };
    let mut survey = Survey::new();
    survey.look()?;
    loop {
        let (patience, failure) = match survey.decision(arguments, esp) {
            Decision::Boot(boot) => return Ok(*boot),
            Decision::Fail(failure) => return Err(failure.into()),
            Decision::Wait(patience, failure) => (patience, failure),
        };
        if search.wait(&uevents, &mut survey, patience, failure)? == News::Disk {
            survey.look()?;
        }
    }
}

/// The disk that was booted from and has lost what was to be booted: see [`crate::plan::lost`].
///
/// # Errors
/// The disks cannot be listed.
pub fn lost(arguments: &Arguments, esp: Option<Guid>) -> Result<Option<Candidate>> {
    let mut survey = Survey::new();
    survey.look()?;
    survey.hear_all(plan::STRAGGLERS);
    Ok(plan::lost(arguments, esp, &survey.disks()).cloned())
}

/// Waits for the disks that have not answered, if there are any: as long as the kernel is at one for this program, no
/// other program can take its place.
pub fn wait_for_silent() {
    let (begin, mut told) = (Instant::now(), false);
    while UNDER_WAY.load(Ordering::SeqCst) > 0 && begin.elapsed() < LAST {
        if !told && begin.elapsed() > SILENCE {
            told = true;
            sys::console::write_to_all("berth: waiting for a disk that does not answer; check the disks\n");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// What was waited for.
#[derive(PartialEq, Eq)]
enum News {
    /// A disk appeared or changed.
    Disk,
    /// One that was asked has answered.
    Answer,
}

/// The search, and for how long it goes on.
struct Search {
    begin: Instant,
    waiting: Waiting,
    told: bool,
}

impl Search {
    /// Waits for a block device to appear or change, or for one to answer.
    fn wait(
        &mut self,
        uevents: &Uevents,
        survey: &mut Survey,
        patience: Patience,
        failure: Failure,
    ) -> Result<News> {
        loop {
            let spent = self.begin.elapsed();
            let left = self.waiting.left(patience, spent);
            if left.is_zero() {
                return Err(failure.into());
            }
            let quiet = SILENCE.saturating_sub(spent);
            let mut pause = if self.told { left } else { left.min(quiet) };
            if survey.is_silent() {
                pause = pause.min(GLANCE);
            }
            match uevents.next(pause)? {
                Next::Event(event) if event.subsystem() == "block" => {
                    // A disk with seven partitions sends eight events, and one look is enough.
                    while let Next::Event(_) = uevents.next(Duration::ZERO)? {}
                    return Ok(News::Disk);
                }
                Next::Lost => return Ok(News::Disk),
                Next::Event(_) => {}
                Next::TimedOut if !self.told && quiet.is_zero() => {
                    self.told = true;
                    let seconds = (spent + left).as_secs();
                    sys::console::write_to_all(&format!(
                        "berth: waiting for the boot disk, up to {seconds} s: {failure}\n"
                    ));
                }
                Next::TimedOut => {}
            }
            if survey.hear(Duration::ZERO) {
                return Ok(News::Answer);
            }
        }
    }
}

/// What is known of the disks. Each is looked at in a thread of its own: one that is sick may not answer for minutes, and
/// need not be the one that is wanted.
struct Survey {
    /// The disks that can be seen, by name and place.
    seen: Vec<Key>,
    /// Those that are being looked at.
    asked: BTreeSet<Key>,
    answers: BTreeMap<Key, Disk>,
    sender: Sender<(Key, Disk)>,
    receiver: Receiver<(Key, Disk)>,
    /// When they were looked at last.
    looked: Instant,
}

/// A name alone may come to be another disk's.
type Key = (String, PathBuf);

impl Survey {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        let (asked, answers) = (BTreeSet::new(), BTreeMap::new());
        Self { seen: Vec::new(), asked, answers, sender, receiver, looked: Instant::now() }
    }

    /// Lists the disks and asks each, but for those that have not answered what they were asked before.
    fn look(&mut self) -> Result<()> {
        self.hear(Duration::ZERO);
        let disks = block::disks()?;
        self.seen = disks.iter().map(|disk| (disk.name.clone(), disk.place.clone())).collect();
        self.looked = Instant::now();
        for (key, device) in self.seen.clone().into_iter().zip(disks) {
            self.answers.remove(&key);
            if self.asked.insert(key.clone()) {
                self.ask(key, device);
            }
        }
        Ok(())
    }

    fn ask(&mut self, key: Key, device: block::Disk) {
        let (sender, asked, disk) = (self.sender.clone(), key.clone(), device.clone());
        let mark = UnderWay::begin();
        let thread = threads::begin(move || {
            let _mark = mark;
            _ = sender.send((asked, look(disk)));
        });
        // Without a thread it is waited for.
        if thread.is_err() {
            self.note(key, look(device));
        }
    }

    fn note(&mut self, key: Key, disk: Disk) {
        self.asked.remove(&key);
        self.answers.insert(key, disk);
    }

    /// Waits so long for an answer. Says whether one came.
    fn hear(&mut self, limit: Duration) -> bool {
        let Ok((key, disk)) = self.receiver.recv_timeout(limit) else { return false };
        self.note(key, disk);
        true
    }

    /// Waits until all that can be seen have answered, or it is so long since they were asked.
    fn hear_all(&mut self, limit: Duration) {
        while self.is_silent() && self.hear(limit.saturating_sub(self.looked.elapsed())) {}
    }

    /// Whether one that can be seen has not answered.
    fn is_silent(&self) -> bool {
        self.seen.iter().any(|key| !self.answers.contains_key(key))
    }

    /// What to do, by those that have answered, once that is certain or there was time enough for the others.
    fn decision(&mut self, arguments: &Arguments, esp: Option<Guid>) -> Decision {
        loop {
            let decision = decide(arguments, esp, &self.disks());
            let left = grace(arguments, esp, &decision).saturating_sub(self.looked.elapsed());
            if !self.is_silent() || !self.hear(left) {
                return decision;
            }
        }
    }

    /// Every disk that can be seen, and whether it is one of ours.
    fn disks(&self) -> Vec<Disk> {
        let disk = |key: &Key| {
            let answer = self.answers.get(key).cloned();
            answer.unwrap_or_else(|| Disk::Silent { name: key.0.clone() })
        };
        self.seen.iter().map(disk).collect()
    }
}

/// A look at a disk that goes on.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
    }
}

fn look(device: block::Disk) -> Disk {
    match inspect(&device) {
        Ok(candidate) => Disk::Ours(Box::new(candidate)),
        Err(reason) => Disk::Other { name: device.name, reason },
    }
}

fn inspect(device: &block::Disk) -> Result<Candidate, String> {
    let file = open(device)?;
    let geometry = geometry(device);
    let loaded = partition_table::load(&file, geometry).map_err(|e| e.to_string())?;
    let has = |slot: Slot| loaded.table.find(&slot.verity()).is_some();
    if !Slot::ALL.into_iter().any(has) {
        return Err("none of its partitions is one of Berth's".into());
    }
    let slots = Slot::ALL.map(|slot| {
        let state = read_slot(&loaded.table, slot, geometry, |offset, length| read_at(&file, offset, length));
        (slot, state.unwrap_or_else(SlotState::None))
    });
    Ok(Candidate { name: device.name.clone(), place: device.place.clone(), loaded, slots })
}

/// The partition table that is on a disk now.
pub fn load(device: &block::Disk) -> Result<gpt::Loaded, String> {
    partition_table::load(&open(device)?, geometry(device)).map_err(|e| e.to_string())
}

fn open(device: &block::Disk) -> Result<File, String> {
    File::open(device_path(&device.name)).map_err(|e| format!("it cannot be opened ({e})"))
}

fn read_slot(
    table: &Table,
    slot: Slot,
    geometry: Geometry,
    read: impl Fn(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<SlotState, String> {
    let find = |wanted: layout::Partition| {
        table.find(&wanted).ok_or_else(|| format!("there is no partition {}", wanted.label))
    };
    let (data, hashes) = (find(slot.data())?, find(slot.verity())?);
    let start = hashes.first * geometry.block_size;
    let room = (data.last + 1).saturating_sub(data.first) * geometry.block_size;
    let tree = read_tree(slot, room, |offset, length| read(start + offset, length));
    let (superblock, root_hash) = tree.map_err(|reason| reason.to_string())?;
    Ok(SlotState::Tree { superblock, root_hash })
}

/// Tells the log what will be booted from.
pub fn announce(boot: &Boot) {
    kernel_log::note(&format!("booting slot {} of {}", boot.slot, boot.disk.name));
    if let Some(remark) = &boot.remark {
        kernel_log::alarm(remark);
    }
}
