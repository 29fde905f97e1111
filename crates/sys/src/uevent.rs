//! The kernel's device events (NETLINK_KOBJECT_UEVENT, lib/kobject_uevent.c).

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with};

use crate::error::{Doing, Result};

/// Multicast group of the events as the kernel sends them (2 is udev's own).
const KERNEL_GROUP: u32 = 1;
/// UEVENT_BUFFER_SIZE with room to spare.
const LONGEST: usize = 8192;

/// An event: its `KEY=value` pairs, `ACTION`, `DEVPATH` and `SUBSYSTEM` among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uevent(BTreeMap<String, String>);

impl Uevent {
    /// Reads a message: `action@devpath`, then pairs, each ended by a NUL. None where it is not
    /// of this form.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let mut parts = message.split(|b| *b == 0).filter(|p| !p.is_empty());
        if !parts.next()?.contains(&b'@') {
            return None;
        }
        let pairs = parts.filter_map(|part| {
            let (key, value) = std::str::from_utf8(part).ok()?.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        });
        Some(Self(pairs.collect()))
    }

    /// All pairs.
    pub fn into_pairs(self) -> BTreeMap<String, String> {
        self.0
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// `add`, `remove`, `change` ...
    pub fn action(&self) -> &str {
        self.get("ACTION").unwrap_or_default()
    }

    /// `block`, `net`, `tty` ...
    pub fn subsystem(&self) -> &str {
        self.get("SUBSYSTEM").unwrap_or_default()
    }
}

/// A socket that receives every event from the moment it is opened.
#[derive(Debug)]
pub struct Uevents(OwnedFd);

/// What [`Uevents::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// An event.
    Event(Uevent),
    /// Events were lost because they came faster than they were read: look at everything anew.
    Lost,
    /// None came in the time given.
    TimedOut,
}

impl Uevents {
    /// Opens the socket. It does not block.
    pub fn open() -> Result<Self> {
        let doing = || "listen to the kernel's device events".to_owned();
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(KOBJECT_UEVENT))
            .doing(doing)?;
        bind(&socket, &SocketAddrNetlink::new(0, KERNEL_GROUP)).doing(doing)?;
        Ok(Self(socket))
    }

    /// Lets so many bytes of events wait to be read, beyond what a process may ask for by itself. Memory is
    /// taken only while they do.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&self.0, bytes)
            .doing(|| "make room for device events".to_owned())
    }

    /// The next event, waiting for it no longer than `patience`.
    pub fn next(&self, patience: Duration) -> Result<Next> {
        let doing = || "receive the kernel's device events".to_owned();
        let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
        let mut buffer = [0; LONGEST];
        loop {
            match recvfrom(&self.0, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, length, sender)) => {
                    let from_kernel = sender
                        .and_then(|s| SocketAddrNetlink::try_from(s).ok())
                        .is_some_and(|s| s.pid() == 0);
                    if from_kernel && let Some(event) = Uevent::parse(&buffer[..length]) {
                        return Ok(Next::Event(event));
                    }
                }
                Err(Errno::NOBUFS) => return Ok(Next::Lost),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
                    match poll(&mut fds, Some(&timeout)) {
                        Ok(0) => return Ok(Next::TimedOut),
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(e) => return Err(e).doing(doing),
                    }
                }
                Err(e) => return Err(e).doing(doing),
            }
        }
    }
}

impl AsFd for Uevents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_a_header_and_pairs() {
        let event = Uevent::parse(
            b"add@/devices/virtual/x\0ACTION=add\0DEVPATH=/devices/virtual/x\0SUBSYSTEM=block\0A=b=c\0",
        )
        .unwrap();
        assert_eq!(event.action(), "add");
        assert_eq!(event.subsystem(), "block");
        assert_eq!(event.get("A"), Some("b=c"));
        assert_eq!(event.get("B"), None);
    }

    #[test]
    fn what_is_not_a_kernel_message_is_none() {
        for message in [&b""[..], b"libudev\0\xfe\xed\xca\xfe", b"\0\0\0", b"ACTION=add\0"] {
            assert_eq!(Uevent::parse(message), None, "{message:?}");
        }
        let odd = Uevent::parse(b"add@/x\0novalue\0\xff\xfe=1\0OK=1\0").unwrap();
        assert_eq!(odd.get("OK"), Some("1"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(event) = Uevent::parse(&bytes) {
                prop_assert!(event.into_pairs().keys().all(|key| !key.contains('\0')));
            }
        }

        #[test]
        fn pairs_come_back(pairs in proptest::collection::btree_map("[A-Z_]{1,9}", "[^\\x00]{0,12}", 0..6)) {
            let mut message = b"add@/devices/x\0".to_vec();
            for (key, value) in &pairs {
                message.extend_from_slice(format!("{key}={value}\0").as_bytes());
            }
            prop_assert_eq!(Uevent::parse(&message).unwrap().into_pairs(), pairs);
        }
    }
}
