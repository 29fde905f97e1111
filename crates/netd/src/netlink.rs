//! The kernel's network configuration, by rtnetlink(7): links, addresses, routes and rules.
//!
//! One socket asks and waits for the answer (the kernel gives it within the call); another hears
//! what changes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use network::ra::Advice;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{AddressFamily as Family, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send};

pub mod address;
pub mod link;
pub mod made;
pub mod route;
pub mod rule;

/// Who made an address or a route (RTPROT_*; addresses bear the same number, IFA_PROTO): a lease.
pub const PROTOCOL_DHCP: u8 = 16;
/// The configuration.
pub const PROTOCOL_STATIC: u8 = 4;
/// The kernel, of what a router advertised: the number that such addresses bear (IFAPROT_KERNEL_RA).
pub const PROTOCOL_ROUTER: u8 = 2;
/// Groups of changes: links, IPv6 addresses and routes, what routers say of IPv6 on a link, and their options for
/// programs (RTNLGRP_LINK, _IPV6_IFADDR, _IPV6_ROUTE, _IPV6_IFINFO, _ND_USEROPT; a bit each).
const GROUPS: u32 = 1 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 19;
/// The kernel's message of a router's option (include/uapi/linux/rtnetlink.h).
const RTM_NEWNDUSEROPT: u16 = 68;
/// The kernel's messages are at most this long.
const BUFFER: usize = 32 << 10;
/// So many bytes of changes may wait to be heard: a node that starts its containers makes thousands at once.
const BACKLOG: usize = 4 << 20;

/// The socket that asks.
pub struct Kernel {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Kernel {
    /// Opens the socket.
    ///
    /// # Errors
    /// The kernel has no rtnetlink, or the process no descriptor left.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: open(SocketFlags::CLOEXEC, 0)?, sequence: 0, buffer: vec![0; BUFFER] })
    }

    /// Has something done.
    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.request(message, NLM_F_ACK | flags).map(drop)
    }

    /// Asks one thing.
    fn answer(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.request(message, NLM_F_ACK)
    }

    /// Asks for everything of a kind.
    fn dump(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.request(message, NLM_F_DUMP)
    }

    /// Sends a request and takes messages up to the one that ends the answer.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        send(&self.socket, &bytes, SendFlags::empty())?;

        let mut answer = Vec::new();
        loop {
            let (_, length) = recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
            for message in messages(&self.buffer[..length]) {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(answer),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answer),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(message) => answer.push(message),
                    _ => {}
                }
            }
        }
    }
}

/// The socket that hears of changes.
pub struct Changes {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// What was heard.
pub struct Heard {
    /// Links, IPv6 addresses and routes; `None` where more happened than the socket could hold: everything has to be
    /// looked at again.
    pub messages: Option<Vec<RouteNetlinkMessage>>,
    /// What routers say of name servers. The kernel does not keep it, so what was heard of it counts in any case.
    pub advice: Vec<Advice>,
}

impl Changes {
    /// Listens from now on.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn open() -> io::Result<Self> {
        let socket = open(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, GROUPS)?;
        // Without the right to more there is what everybody may have. Messages are lost sooner then, which is seen to.
        let _ = set_socket_recv_buffer_size_force(&socket, BACKLOG)
            .or_else(|_| set_socket_recv_buffer_size(&socket, BACKLOG));
        Ok(Self { socket, buffer: vec![0; BUFFER] })
    }

    /// Takes what is there, without waiting. Also when messages were lost the socket is emptied: those that wait are
    /// older than what the kernel says when it is asked anew, and it adds none before they are taken.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn take(&mut self) -> io::Result<Heard> {
        let (mut heard, mut advice) = (Some(Vec::new()), Vec::new());
        loop {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((_, length)) => {
                    let bytes = &self.buffer[..length];
                    advice.extend(
                        raw(bytes)
                            .filter(|m| kind(m) == RTM_NEWNDUSEROPT)
                            .filter_map(|message| Advice::decode(message.get(16..)?)),
                    );
                    let Some(heard) = &mut heard else { continue };
                    heard.extend(messages(bytes).filter_map(|message| match message.payload {
                        NetlinkPayload::InnerMessage(message) => Some(message),
                        _ => None,
                    }));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Heard { messages: heard, advice }),
                Err(Errno::NOBUFS) => heard = None,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open(flags: SocketFlags, groups: u32) -> io::Result<OwnedFd> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = rustix::net::socket_with(Family::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// The messages of one datagram, each with its header.
fn raw(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let message = bytes.get(..length.max(16))?;
        // Messages start at multiples of four bytes.
        bytes = bytes.get(message.len().next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

fn kind(message: &[u8]) -> u16 {
    message.get(4..6).map_or(0, |kind| u16::from_ne_bytes([kind[0], kind[1]]))
}

/// The same as the library reads them. One that it cannot read is skipped: a newer kernel may send attributes
/// that it does not know.
fn messages(bytes: &[u8]) -> impl Iterator<Item = NetlinkMessage<RouteNetlinkMessage>> {
    raw(bytes).filter_map(|message| NetlinkMessage::deserialize(message).ok())
}

/// That something is not there any more is no error where it is removed.
fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    const ABSENT: [Errno; 3] = [Errno::ADDRNOTAVAIL, Errno::SRCH, Errno::NODEV];
    match result {
        Err(e) if ABSENT.iter().any(|absent| e.raw_os_error() == Some(absent.raw_os_error())) => Ok(()),
        other => other,
    }
}
