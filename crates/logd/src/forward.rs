//! Forwarding to other machines. Each target has a thread, which exists only where it is
//! configured, and a bounded queue: logging never waits for a network.

mod dns;
mod http;
mod render;
mod resolve;
mod target;
mod wire;

use std::collections::VecDeque;
use std::io::{PipeReader, PipeWriter, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use journal::{Origin, Priority, Record};

pub use dns::{answers, query};
pub use http::status;
pub(crate) use render::{code, message, speaker};
pub use target::Target;

/// What waits for a target takes no more than so many bytes.
const QUEUE: usize = 512 << 10;
/// So many are sent at once.
const BATCH: usize = 256 << 10;
/// What a message takes in memory besides its fields, about.
const OVERHEAD: usize = 64;
/// A batch for HTTP waits so long for more.
const GATHER: Duration = Duration::from_secs(1);
/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long the last messages have at the end.
const LAST: Duration = Duration::from_millis(400);

/// All targets.
pub struct Forwarders {
    level: Priority,
    queues: Vec<Arc<Queue>>,
    ended: Receiver<()>,
    /// What the threads have to say.
    pub notes: Option<PipeReader>,
}

impl Forwarders {
    /// Starts a thread a target.
    ///
    /// # Errors
    /// The kernel gives no thread or no pipe.
    pub fn start(targets: &[Target], level: Priority, origin: &Origin) -> std::io::Result<Self> {
        let (end, ended) = channel();
        let mut forwarders = Self { level, queues: Vec::new(), ended, notes: None };
        if targets.is_empty() {
            return Ok(forwarders);
        }
        let (notes, writer) = std::io::pipe()?;
        // A note is lost rather than a thread held up.
        rustix::io::ioctl_fionbio(&writer, true)?;
        forwarders.notes = Some(notes);
        for target in targets {
            let queue = Arc::new(Queue::default());
            forwarders.queues.push(queue.clone());
            let notes = writer.try_clone()?;
            let worker = Worker { target: target.clone(), queue, origin: origin.clone(), notes };
            let end = end.clone();
            thread::Builder::new()
                .name("forward".to_owned())
                .stack_size(128 << 10)
                .spawn(move || worker.run(&end))?;
        }
        Ok(forwarders)
    }

    /// Takes a message for all of them.
    pub fn take(&self, record: &Record) {
        if self.queues.is_empty() {
            return;
        }
        let priority = record.fields.get("PRIORITY").and_then(Priority::of_field);
        if priority.is_none_or(|priority| priority <= self.level) {
            self.queues.iter().for_each(|queue| queue.push(record));
        }
    }

    /// Gives the threads a moment for what is still there.
    pub fn finish(self) {
        let until = Instant::now() + LAST;
        for queue in &self.queues {
            queue.lock().closed = true;
            queue.ready.notify_one();
        }
        for _ in &self.queues {
            let left = until.saturating_duration_since(Instant::now());
            if self.ended.recv_timeout(left).is_err() {
                return;
            }
        }
    }
}

/// Messages that wait.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    records: VecDeque<Record>,
    size: usize,
    dropped: u64,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, record: &Record) {
        let size = cost(record);
        let mut state = self.lock();
        if state.size + size > QUEUE {
            state.dropped += 1;
            return;
        }
        state.size += size;
        state.records.push_back(record.clone());
        drop(state);
        self.ready.notify_one();
    }

    /// Waits for messages, and takes a batch of them; `None` at the end.
    fn take(&self, gather: Duration) -> Option<(Vec<Record>, u64)> {
        let mut state = self.lock();
        while state.records.is_empty() {
            if state.closed {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + gather;
        while !state.closed && state.size < BATCH {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.ready.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (mut batch, mut size) = (Vec::new(), 0);
        while let Some(record) = state.records.front() {
            let next = cost(record);
            if !batch.is_empty() && size + next > BATCH {
                break;
            }
            size += next;
            batch.extend(state.records.pop_front());
        }
        state.size -= size;
        if state.records.is_empty() {
            state.records.shrink_to(16);
        }
        Some((batch, std::mem::take(&mut state.dropped)))
    }

    /// Sleeps, but not beyond the end. Whether there is more time.
    fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut state = self.lock();
        while !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            // Messages that come meanwhile wake it, and it sleeps on.
            state = self.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

fn cost(record: &Record) -> usize {
    record.fields.size() + OVERHEAD
}

/// What sending came to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may work later.
    Later(String),
    /// The other end does not want these messages.
    Never(String),
}

struct Worker {
    target: Target,
    queue: Arc<Queue>,
    origin: Origin,
    notes: PipeWriter,
}

impl Worker {
    fn run(mut self, end: &Sender<()>) {
        let mut wire = wire::Wire::new(&self.target, &self.origin);
        let gather = if self.target.is_http() { GATHER } else { Duration::ZERO };
        while let Some((batch, dropped)) = self.queue.take(gather) {
            if dropped > 0 {
                self.note(&format!("{dropped} messages to {} dropped: its queue is full", self.target));
            }
            if !self.send(&mut wire, &batch) {
                break;
            }
        }
        let _ = end.send(());
    }

    /// Sends a batch, however often that takes; false at the end.
    fn send(&mut self, wire: &mut wire::Wire, batch: &[Record]) -> bool {
        let (mut sent, mut pause, mut told) = (0, PAUSES.0, false);
        loop {
            match wire.send(batch, &mut sent) {
                Ok(()) => {
                    if told {
                        self.note(&format!("messages go to {} again", self.target));
                    }
                    return true;
                }
                Err(Failure::Never(why)) => {
                    let count = batch.len() - sent;
                    self.note(&format!("{count} messages to {} dropped: {why}", self.target));
                    return true;
                }
                Err(Failure::Later(why)) => {
                    if !told {
                        self.note(&format!("messages to {} wait: {why}", self.target));
                        told = true;
                    }
                    if !self.queue.pause(pause) {
                        return false;
                    }
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    fn note(&mut self, text: &str) {
        let _ = self.notes.write_all(format!("<4>{text}\n").as_bytes());
    }
}
