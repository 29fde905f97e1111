//! Disks are read beside the loop, each device by a thread of its own: a dying disk may keep one read for minutes, and
//! everything else that devd does is not to wait for it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{EventfdFlags, eventfd};

use crate::log;

/// How long all disks together are waited for in one piece of work. PID 1 waits 90 s for devd's start.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long each is waited for after that: one that is well has answered long before.
const LEAST: Duration = Duration::from_millis(100);
/// A read that fails after so long will do so again. One that fails at once costs nothing.
const SLOW: Duration = Duration::from_secs(1);

/// A disk: its path, and the number that the kernel gives each disk and medium once.
pub type Disk = (String, u64);

/// What is known of a disk that did not answer in time.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Its reader is not back.
    Waiting,
    /// It answered late, as one that had to spin up does, and is read once more.
    CameLate,
    /// It is not read any more.
    GivenUp,
}

/// Where a reader leaves what it found, and whether reading failed.
#[derive(Debug)]
enum Slot<T> {
    Empty,
    Found(T, bool),
    /// Nobody waits any more.
    Left,
}

/// The readers.
#[derive(Debug)]
pub struct Reading {
    states: BTreeMap<Disk, State>,
    /// Disks whose readers came back late, and whether reading failed.
    late: Arc<Mutex<Vec<(Disk, bool)>>>,
    /// Becomes readable when one does.
    came: Arc<OwnedFd>,
}

impl Reading {
    /// Nothing is read yet.
    ///
    /// # Errors
    /// The kernel gives no eventfd.
    pub fn new() -> Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let came = Arc::new(eventfd(0, flags).context("cannot make an eventfd")?);
        Ok(Self { states: BTreeMap::new(), late: Arc::default(), came })
    }

    /// What `work` finds on a disk, beside which it says whether reading failed; None where the disk does not answer, which
    /// is told once. What the waiting takes goes off `patience`.
    pub fn read<T: Send + 'static>(
        &mut self,
        disk: &Disk,
        patience: &mut Duration,
        work: impl FnOnce() -> (T, bool) + Send + 'static,
    ) -> Option<T> {
        let state = self.states.get(disk);
        if matches!(state, Some(State::Waiting | State::GivenUp)) {
            return None;
        }
        let shared = Arc::new((Mutex::new(Slot::Empty), Condvar::new()));
        let (own, late, came) = (Arc::clone(&shared), Arc::clone(&self.late), Arc::clone(&self.came));
        let of_thread = disk.clone();
        let reader = std::thread::Builder::new().name("reader".to_owned()).spawn(move || {
            let (found, failed) = work();
            let mut slot = own.0.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*slot, Slot::Left) {
                late.lock().unwrap_or_else(PoisonError::into_inner).push((of_thread, failed));
                let _ = rustix::io::write(&*came, &1u64.to_ne_bytes());
            } else {
                *slot = Slot::Found(found, failed);
                own.1.notify_one();
            }
        });
        if let Err(error) = reader {
            log::warning(&format!("cannot start a thread to read {}: {error}", disk.0));
            return None;
        }
        let started = Instant::now();
        let slot = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |slot: &mut Slot<T>| matches!(slot, Slot::Empty);
        let (mut slot, _) = shared
            .1
            .wait_timeout_while(slot, LEAST.max(*patience), is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        let taken = started.elapsed();
        *patience = patience.saturating_sub(taken);
        match std::mem::replace(&mut *slot, Slot::Left) {
            Slot::Found(found, failed) => {
                if failed && taken >= SLOW {
                    self.give_up(disk);
                } else {
                    self.states.remove(disk);
                }
                Some(found)
            }
            Slot::Empty | Slot::Left if state == Some(&State::CameLate) => {
                self.give_up(disk);
                None
            }
            Slot::Empty | Slot::Left => {
                log::warning(&format!("{} does not answer: it is passed over until it does", disk.0));
                self.states.insert(disk.clone(), State::Waiting);
                None
            }
        }
    }

    fn give_up(&mut self, disk: &Disk) {
        log::warning(&format!("{} cannot be read: it is passed over until it is attached anew", disk.0));
        self.states.insert(disk.clone(), State::GivenUp);
    }

    /// The disks that answer now, to be looked at anew.
    pub fn take(&mut self) -> Vec<String> {
        let _ = rustix::io::read(&*self.came, &mut [0; 8]);
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        let mut answer = Vec::new();
        for (disk, failed) in late {
            // One that has gone meanwhile is of no interest.
            match self.states.get_mut(&disk) {
                Some(State::Waiting) if failed => self.give_up(&disk),
                Some(state @ State::Waiting) => {
                    *state = State::CameLate;
                    answer.push(disk.0);
                }
                _ => {}
            }
        }
        answer
    }

    /// The device is gone.
    pub fn forget(&mut self, device: &str) {
        self.states.retain(|(path, _), _| path != device);
    }
}

impl AsFd for Reading {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.came.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::sync::mpsc::channel;

    const SHORT: Duration = Duration::from_millis(50);

    fn disk(sequence: u64) -> Disk {
        ("/sys/devices/sda".to_owned(), sequence)
    }

    /// Reads a disk that answers only when it is let go, waits for the late answer, and says which disks to look at.
    fn late(reading: &mut Reading, disk: &Disk, failed: bool) -> Vec<String> {
        let (go, gone) = channel::<()>();
        let mut patience = SHORT;
        let started = Instant::now();
        let found = reading.read(disk, &mut patience, move || {
            let _ = gone.recv();
            ((), failed)
        });
        assert_eq!((found, patience), (None, Duration::ZERO));
        assert!(started.elapsed() < Duration::from_secs(5));
        // While its reader is away, nobody waits for it again.
        assert_eq!(reading.read(disk, &mut Duration::from_secs(60), || ((), false)), None);
        drop(go);
        let wait = Timespec { tv_sec: 10, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&*reading, PollFlags::IN)], Some(&wait)), Ok(1));
        reading.take()
    }

    #[test]
    fn a_disk_that_answers_late_is_read_once_more() {
        let mut reading = Reading::new().unwrap();
        let read =
            |reading: &mut Reading, number| reading.read(&disk(number), &mut PATIENCE.clone(), || (1, false));
        assert_eq!(read(&mut reading, 1), Some(1));
        assert_eq!(late(&mut reading, &disk(1), false), ["/sys/devices/sda"]);
        assert_eq!(read(&mut reading, 1), Some(1));
        // Twice in a row is too often.
        assert_eq!(late(&mut reading, &disk(1), false), ["/sys/devices/sda"]);
        assert_eq!(late(&mut reading, &disk(1), false), [""; 0]);
        assert_eq!(read(&mut reading, 1), None);
        // Another medium or disk at that place is read.
        assert_eq!(read(&mut reading, 2), Some(1));
    }

    #[test]
    fn a_disk_that_cannot_be_read_is_given_up_until_it_goes() {
        let mut reading = Reading::new().unwrap();
        let read = |reading: &mut Reading| reading.read(&disk(1), &mut PATIENCE.clone(), || (1, true));
        // A failure that comes at once costs nothing, and what was read before it counts.
        assert_eq!([read(&mut reading), read(&mut reading)], [Some(1); 2]);
        assert_eq!(late(&mut reading, &disk(1), true), [""; 0]);
        assert_eq!(read(&mut reading), None);
        reading.forget("/sys/devices/sda");
        assert_eq!(read(&mut reading), Some(1));
    }
}
