//! Waiting for many descriptors at once (epoll(7)).

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

/// How many events are taken at once.
const BATCH: usize = 32;

/// Whose descriptor became ready. A number tells which, where there are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A signal came.
    Signals,
    /// A service notifies.
    Notify,
    /// A client connects.
    Control,
    /// A client sends.
    Client(u32),
    /// A control group changed.
    Groups,
    /// logd takes more.
    Logd,
    /// A console or the event port takes more.
    Writer(u32),
    /// A child tells of its program.
    Report(u32),
    /// An input device has something.
    Power(u32),
    /// Somebody comes to a socket.
    Socket(u32),
    /// A path that is watched may have changed.
    Path(u32),
    /// Something was mounted or unmounted.
    Mounts,
    /// Swap was put to use or out of it.
    Swaps,
    /// The clock was set.
    Clock,
    /// The time zone may be another.
    Zone,
    /// A device came, went or changed.
    Devices,
}

impl Source {
    fn encode(self) -> u64 {
        let (tag, number) = match self {
            Source::Signals => (0, 0),
            Source::Notify => (1, 0),
            Source::Control => (2, 0),
            Source::Client(number) => (3, number),
            Source::Groups => (4, 0),
            Source::Logd => (5, 0),
            Source::Writer(number) => (6, number),
            Source::Report(number) => (7, number),
            Source::Power(number) => (8, number),
            Source::Socket(number) => (9, number),
            Source::Path(number) => (10, number),
            Source::Mounts => (11, 0),
            Source::Swaps => (12, 0),
            Source::Clock => (13, 0),
            Source::Zone => (14, 0),
            Source::Devices => (15, 0),
        };
        tag << 32 | u64::from(number)
    }

    fn decode(data: u64) -> Option<Source> {
        let number = data as u32;
        Some(match data >> 32 {
            0 => Source::Signals,
            1 => Source::Notify,
            2 => Source::Control,
            3 => Source::Client(number),
            4 => Source::Groups,
            5 => Source::Logd,
            6 => Source::Writer(number),
            7 => Source::Report(number),
            8 => Source::Power(number),
            9 => Source::Socket(number),
            10 => Source::Path(number),
            11 => Source::Mounts,
            12 => Source::Swaps,
            13 => Source::Clock,
            14 => Source::Zone,
            15 => Source::Devices,
            _ => return None,
        })
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Something to read.
    Read,
    /// A table of the kernel's has changed.
    Changed,
    /// Room to write has come: told once each time.
    WriteEdge,
}

impl Readiness {
    fn flags(self) -> epoll::EventFlags {
        match self {
            Readiness::Read => epoll::EventFlags::IN,
            Readiness::Changed => epoll::EventFlags::PRI,
            Readiness::WriteEdge => epoll::EventFlags::OUT | epoll::EventFlags::ET,
        }
    }
}

/// The set of descriptors.
pub struct Poller(Rc<OwnedFd>);

/// A descriptor that is in the set for as long as it is held. That it is closed would not be enough: while a child
/// that has yet to run its program holds a copy of it, it would be told of again and again.
pub struct Polled<F: AsFd> {
    fd: F,
    set: Rc<OwnedFd>,
}

impl<F: AsFd> Drop for Polled<F> {
    fn drop(&mut self) {
        // It is in the set.
        _ = epoll::delete(&self.set, &self.fd);
    }
}

impl<F: AsFd> Deref for Polled<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.fd
    }
}

impl<F: AsFd> DerefMut for Polled<F> {
    fn deref_mut(&mut self) -> &mut F {
        &mut self.fd
    }
}

impl<F: AsFd> AsFd for Polled<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Poller {
    /// An empty set.
    pub fn new() -> Result<Poller> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll instance")?;
        Ok(Poller(Rc::new(fd)))
    }

    /// Adds a descriptor, and takes it out again when it is dropped.
    pub fn hold<F: AsFd>(&self, fd: F, source: Source, readiness: Readiness) -> Result<Polled<F>> {
        self.add(&fd, source, readiness)?;
        Ok(Polled { fd, set: Rc::clone(&self.0) })
    }

    /// Adds a descriptor that stays for good, or until [`Poller::remove`].
    pub fn add(&self, fd: impl AsFd, source: Source, readiness: Readiness) -> Result<()> {
        let data = epoll::EventData::new_u64(source.encode());
        epoll::add(&self.0, fd, data, readiness.flags())
            .with_context(|| format!("cannot wait for {source:?}"))
    }

    /// Takes a descriptor out that goes on being held.
    pub fn remove(&self, fd: impl AsFd) {
        // It is in the set, or nothing is to be done.
        _ = epoll::delete(&self.0, fd);
    }

    /// Waits for something else of a descriptor that is in the set.
    pub fn change(&self, fd: impl AsFd, source: Source, readiness: Readiness) {
        let data = epoll::EventData::new_u64(source.encode());
        // It is in the set, or nobody waits for it.
        _ = epoll::modify(&self.0, fd, data, readiness.flags());
    }

    /// Waits until something is ready, or for as long as given; without end where it is none.
    pub fn wait(&self, timeout: Option<Duration>) -> Vec<Source> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let mut buffer = [MaybeUninit::<epoll::Event>::uninit(); BATCH];
        match epoll::wait(&self.0, &mut buffer, timeout.as_ref()) {
            Ok((events, _)) => events.iter().filter_map(|event| Source::decode(event.data.u64())).collect(),
            Err(Errno::INTR) => Vec::new(),
            // Nothing that a wait of this kind can meet but a fault of this program; going round
            // at full speed would make it worse.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(100));
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_is_let_go_is_told_of_no_more_while_a_child_has_a_copy_of_it() {
        let poller = Poller::new().unwrap();
        let (end, other) = std::io::pipe().unwrap();
        let of_child = end.try_clone().unwrap();
        let held = poller.hold(end, Source::Report(1), Readiness::Read).unwrap();
        drop(other);
        assert_eq!(poller.wait(Some(Duration::ZERO)), [Source::Report(1)], "its other end is closed");
        drop(held);
        assert_eq!(poller.wait(Some(Duration::ZERO)), []);
        drop(of_child);
    }
}
