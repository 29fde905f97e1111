//! Puts entries into the journal in batches, and has the disk flushed once a second.
//!
//! The journal may be unusable for a while (a full disk, a read-only file system). The store then
//! keeps what fits in memory, counts what does not, and tries again: whoever writes logs is never
//! made to wait.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use journal::{Error, Limits, Origin, Priority, Record, Writer};

use crate::clock::Now;
use crate::control::Answer;

/// A batch of this many bytes is written at once, without waiting for the end of the round.
const BATCH: usize = 64 << 10;
/// While the journal is unusable, so many bytes are kept in memory.
const KEPT: usize = 256 << 10;
/// What an entry takes in memory besides its fields, about.
const OVERHEAD: usize = 64;
/// A disk that is busy is tried again after this long, in microseconds.
const BUSY_US: u64 = 1_000_000;
/// An unusable journal is tried again after this long, in microseconds.
const RETRY_US: u64 = 5_000_000;

/// The group that may read the journal.
const READERS: u32 = layout::user::SYSTEMD_JOURNAL;

/// What is stored, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The journal's folder; none if nothing is stored.
    pub dir: Option<PathBuf>,
    /// How large it may become.
    pub limits: Limits,
    /// Whether what stays free of the file system is said; a share of it otherwise.
    pub states_free: bool,
    /// What is less serious is not stored.
    pub level: Priority,
    /// Written entries are on the disk after this long, in microseconds.
    pub sync_us: u64,
    /// Whether segments that are full are packed.
    pub compress: bool,
}

/// What is to be flushed, and who wants to know when it is.
#[derive(Default)]
struct Flush {
    files: Vec<File>,
    answers: Vec<Answer>,
}

/// Entries on their way to the journal.
pub struct Store {
    settings: Settings,
    origin: Origin,
    writer: Option<Writer>,
    /// Whether it was told that the journal is unusable, since it last was not.
    is_told: bool,
    retry_at_us: u64,
    batch: Vec<Record>,
    /// Bytes of the batch.
    size: usize,
    lost: u64,
    /// When what was written is to be flushed, on the monotonic clock.
    flush_at_us: Option<u64>,
    flusher: SyncSender<Flush>,
    /// What the flusher had no time for.
    waiting: Flush,
    is_packing: Arc<AtomicBool>,
}

impl Store {
    /// A store over a journal, which is opened by the first [`Store::commit`].
    ///
    /// # Errors
    /// No thread can be made.
    pub fn new(settings: Settings, origin: Origin) -> std::io::Result<Self> {
        Ok(Self {
            settings,
            origin,
            writer: None,
            is_told: false,
            retry_at_us: 0,
            batch: Vec::new(),
            size: 0,
            lost: 0,
            flush_at_us: None,
            flusher: start_flusher()?,
            waiting: Flush::default(),
            is_packing: Arc::default(),
        })
    }

    /// Takes an entry; it is written by the next [`Store::commit`].
    pub fn push(&mut self, record: Record) {
        let priority = record.fields.get("PRIORITY").and_then(Priority::of_field);
        if self.settings.dir.is_none() || priority.is_some_and(|priority| priority > self.settings.level) {
            return;
        }
        if self.size >= KEPT {
            self.lost += 1;
            return;
        }
        let is_shared = self.batch.last().is_some_and(|last| Arc::ptr_eq(&last.context, &record.context));
        let context = if is_shared { 0 } else { record.context.size() };
        self.size += record.fields.size() + context + OVERHEAD;
        self.batch.push(record);
        // A journal that has not been tried yet is opened by this; one that failed waits its time.
        let untried = self.retry_at_us == 0;
        if self.size >= BATCH && (self.writer.is_some() || untried) {
            self.commit(Now::read());
        }
    }

    /// Writes what was pushed.
    pub fn commit(&mut self, now: Now) {
        if self.batch.is_empty() || !self.open(now) {
            return;
        }
        let Some(writer) = &mut self.writer else {
            return;
        };
        let named = writer.rename(&host_name(), now.realtime_us);
        match named.and_then(|()| writer.append(&self.batch, now.realtime_us)) {
            Ok(closed_one) => {
                self.is_told = false;
                self.batch.clear();
                self.batch.shrink_to(BATCH / 256);
                self.size = 0;
                let due = now.monotonic_us.saturating_add(self.settings.sync_us);
                self.flush_at_us.get_or_insert(due);
                if closed_one {
                    self.pack();
                }
            }
            Err(error) => self.fail(&error, now),
        }
    }

    /// The number of entries that did not fit in memory while the journal was unusable; told once,
    /// when it works again, and 0 else.
    pub fn take_lost(&mut self) -> u64 {
        match self.writer {
            Some(_) => std::mem::take(&mut self.lost),
            None => 0,
        }
    }

    /// When [`Store::tick`] has something to do, on the monotonic clock.
    pub fn deadline_us(&self) -> Option<u64> {
        let retry = (self.writer.is_none() && !self.batch.is_empty()).then_some(self.retry_at_us);
        let flush = self.flush_at_us;
        retry.into_iter().chain(flush).min()
    }

    /// Writes what was pushed, and has the disk flushed when it is time.
    pub fn tick(&mut self, now: Now) {
        if self.flush_at_us.is_some_and(|at| at <= now.monotonic_us) {
            // Tried again in a second, where the disk is still busy with the last time's.
            self.flush_at_us = (!self.flush()).then_some(now.monotonic_us + BUSY_US);
        }
        self.commit(now);
    }

    /// Writes what was pushed, has it flushed now, and answers when it is on the disk.
    pub fn sync(&mut self, now: Now, answer: Answer) {
        self.retry_at_us = 0;
        self.commit(now);
        match self.writer {
            Some(_) => self.answer(now, answer),
            None if self.batch.is_empty() => answer.give("done"),
            None => answer.give("the journal cannot be written; the kernel's log says why"),
        }
    }

    /// Begins a new segment, and answers when the last one is on the disk.
    pub fn rotate(&mut self, now: Now, answer: Answer) {
        self.retry_at_us = 0;
        self.commit(now);
        self.open(now);
        match self.writer.as_mut().map(|writer| writer.rotate(now.realtime_us)) {
            Some(Ok(())) => {
                self.pack();
                self.answer(now, answer);
            }
            Some(Err(error)) => answer.give(&error.to_string()),
            None if self.settings.dir.is_none() => answer.give("nothing is stored: Storage=none"),
            None => answer.give("the journal cannot be written; the kernel's log says why"),
        }
    }

    fn answer(&mut self, now: Now, answer: Answer) {
        self.waiting.answers.push(answer);
        self.flush_at_us = (!self.flush()).then_some(now.monotonic_us + BUSY_US);
    }

    /// Writes everything and waits until it is on the disk.
    pub fn finish(&mut self, now: Now) {
        self.retry_at_us = 0;
        self.commit(now);
        let unflushed = self.writer.as_mut().and_then(|w| w.unflushed().ok());
        let waiting = std::mem::take(&mut self.waiting);
        flush(Flush {
            files: waiting.files.into_iter().chain(unflushed.into_iter().flatten()).collect(),
            ..waiting
        });
    }

    /// Has what was written flushed; `false` where it could not be handed over.
    fn flush(&mut self) -> bool {
        if let Some(writer) = &mut self.writer {
            let Ok(files) = writer.unflushed() else {
                return false;
            };
            // The last one that waits is the segment of then: among these too, if it goes on.
            self.waiting.files.pop();
            self.waiting.files.extend(files);
        }
        match self.flusher.try_send(std::mem::take(&mut self.waiting)) {
            Err(TrySendError::Full(waiting)) => {
                self.waiting = waiting;
                false
            }
            _ => true,
        }
    }

    fn open(&mut self, now: Now) -> bool {
        if self.writer.is_some() {
            return true;
        }
        if now.monotonic_us < self.retry_at_us {
            return false;
        }
        let Some(dir) = &self.settings.dir else {
            return false;
        };
        self.origin.hostname = host_name();
        make_folder(dir);
        let mut limits = self.settings.limits;
        if !self.settings.states_free {
            limits.keep_free = share(dir);
        }
        match Writer::open(dir, self.origin.clone(), limits, now.realtime_us) {
            Ok(writer) => {
                self.writer = Some(writer);
                true
            }
            Err(error) => {
                self.fail(&error, now);
                false
            }
        }
    }

    fn fail(&mut self, error: &Error, now: Now) {
        // Told once until it works again: where the kernel's log is read, what is told comes back as a message.
        if !std::mem::replace(&mut self.is_told, true) {
            crate::report(&format!(
                "the log store is unusable, keeping {} KiB in memory: {error}",
                KEPT >> 10
            ));
        }
        self.flush();
        self.writer = None;
        self.flush_at_us = None;
        self.retry_at_us = now.monotonic_us + RETRY_US;
    }

    /// Packs full segments, on a thread of its own that ends when that is done.
    fn pack(&self) {
        if !self.settings.compress || self.is_packing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (dir, busy) = (self.settings.dir.clone().unwrap_or_default(), self.is_packing.clone());
        let started = thread::Builder::new().name("pack".to_owned()).stack_size(64 << 10).spawn(move || {
            if let Err(error) = journal::pack(&dir) {
                crate::report(&format!("a full segment stays unpacked: {error}"));
            }
            busy.store(false, Ordering::Release);
        });
        if started.is_err() {
            self.is_packing.store(false, Ordering::Release);
        }
    }
}

/// Makes the folder, readable for the group of those who may read the log. Where that cannot be,
/// opening it tells why.
fn make_folder(dir: &Path) {
    if dir.exists() || fs::create_dir_all(dir).is_err() {
        return;
    }
    if chown(dir, None, Some(READERS)).is_ok() {
        // What is made in it is of its group.
        let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o2755));
    }
}

/// What stays free of a file system where nothing says how much: 5 of a hundred, up to 1 GiB.
fn share(dir: &Path) -> u64 {
    let size = rustix::fs::statvfs(dir).map_or(0, |stat| stat.f_blocks.saturating_mul(stat.f_frsize));
    (size / 20).min(1 << 30)
}

/// The machine's name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A thread that flushes segments: on a busy disk that takes seconds, and the pipes of services
/// must be read meanwhile.
fn start_flusher() -> std::io::Result<SyncSender<Flush>> {
    let (sender, work) = sync_channel::<Flush>(1);
    let run = move || work.into_iter().for_each(flush);
    thread::Builder::new().name("flush".to_owned()).stack_size(64 << 10).spawn(run)?;
    Ok(sender)
}

fn flush(work: Flush) {
    let mut outcome = "done".to_owned();
    for file in work.files {
        if let Err(error) = file.sync_data() {
            outcome = format!("cannot flush the log to the disk: {error}");
            crate::report(&outcome);
        }
    }
    work.answers.into_iter().for_each(|answer| answer.give(&outcome));
}
