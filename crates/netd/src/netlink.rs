//! The kernel's network configuration, by rtnetlink(7): links, addresses and routes.
//!
//! One socket asks and waits for the answer (the kernel gives it within the call); another hears
//! what changes.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressProtocol, CacheInfo};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily as Family, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send};

use network::dhcp::lease::{Lease, Route};

/// RTPROT_DHCP, as routes bear it; addresses bear the same number (IFA_PROTO).
const PROTOCOL_DHCP: u8 = 16;
/// RTMGRP_LINK and RTMGRP_IPV6_IFADDR.
const GROUPS: u32 = 0x1 | 0x100;
/// The kernel's messages are at most this long.
const BUFFER: usize = 32 << 10;

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

    /// All links.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn links(&mut self) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))
    }

    /// All addresses, of IPv4 and IPv6.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn addresses(&mut self) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))
    }

    /// Brings a link up.
    ///
    /// # Errors
    /// The link is gone, or its driver cannot.
    pub fn set_up(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Sets a link's MTU, in bytes.
    ///
    /// # Errors
    /// The link is gone, or cannot have this MTU.
    pub fn set_mtu(&mut self, index: u32, mtu: u16) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::Mtu(mtu.into()));
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Adds a leased address, or sets the time of one that is there. The kernel removes it when
    /// the lease is over, also where nobody else does.
    ///
    /// # Errors
    /// The link is gone.
    pub fn set_address(&mut self, index: u32, lease: &Lease) -> io::Result<()> {
        let mut message = address(index, lease.address, lease.prefix);
        let seconds = lease.times.expire.unwrap_or(u32::MAX);
        let mut times = CacheInfo::default();
        (times.ifa_valid, times.ifa_preferred) = (seconds, seconds);
        message.attributes.push(AddressAttribute::CacheInfo(times));
        message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL_DHCP)));
        if lease.prefix < 31 {
            let host = u32::MAX.checked_shr(lease.prefix.into()).unwrap_or(0);
            let broadcast = Ipv4Addr::from(u32::from(lease.address) | host);
            message.attributes.push(AddressAttribute::Broadcast(broadcast));
        }
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Removes an address; the kernel removes the routes that use it. One that is not there is no
    /// error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_address(&mut self, index: u32, local: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let message = address(index, local, prefix);
        absent_is_fine(self.change(RouteNetlinkMessage::DelAddress(message), 0))
    }

    /// Adds a lease's route, or replaces that of the same destination and metric.
    ///
    /// # Errors
    /// The router cannot be reached, or the link is gone.
    pub fn set_route(&mut self, index: u32, lease: &Lease, route: &Route, metric: u32) -> io::Result<()> {
        let message = route_message(index, lease, route, metric);
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Removes a lease's route. One that is not there is no error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_route(&mut self, index: u32, lease: &Lease, route: &Route, metric: u32) -> io::Result<()> {
        let message = route_message(index, lease, route, metric);
        absent_is_fine(self.change(RouteNetlinkMessage::DelRoute(message), 0))
    }

    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.request(message, NLM_F_ACK | flags).map(drop)
    }

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
pub enum Heard {
    /// Links, and IPv6 addresses.
    Messages(Vec<RouteNetlinkMessage>),
    /// More happened than the socket could hold: everything has to be looked at again.
    Overflow,
}

impl Changes {
    /// Listens from now on.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn open() -> io::Result<Self> {
        let socket = open(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, GROUPS)?;
        Ok(Self { socket, buffer: vec![0; BUFFER] })
    }

    /// Takes what is there, without waiting.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn take(&mut self) -> io::Result<Heard> {
        let mut heard = Vec::new();
        loop {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((_, length)) => {
                    let messages = messages(&self.buffer[..length]);
                    heard.extend(messages.filter_map(|message| match message.payload {
                        NetlinkPayload::InnerMessage(message) => Some(message),
                        _ => None,
                    }));
                }
                Err(Errno::AGAIN | Errno::INTR) => return Ok(Heard::Messages(heard)),
                Err(Errno::NOBUFS) => return Ok(Heard::Overflow),
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

/// Whether an address is one that a lease gave: it is not the administrator's.
pub fn is_leased(message: &AddressMessage) -> bool {
    let ours = AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL_DHCP));
    message.header.family == AddressFamily::Inet && message.attributes.contains(&ours)
}

fn open(flags: SocketFlags, groups: u32) -> io::Result<OwnedFd> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = rustix::net::socket_with(Family::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// The messages of one datagram. One that the library cannot read is skipped: a newer kernel may
/// send attributes that it does not know.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = NetlinkMessage<RouteNetlinkMessage>> {
    std::iter::from_fn(move || {
        loop {
            let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
            let message = bytes.get(..length.max(16))?;
            // Messages start at multiples of four bytes.
            bytes = bytes.get(message.len().next_multiple_of(4)..).unwrap_or_default();
            if let Ok(message) = NetlinkMessage::deserialize(message) {
                return Some(message);
            }
        }
    })
}

fn address(index: u32, local: Ipv4Addr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(local.into()));
    message.attributes.push(AddressAttribute::Address(local.into()));
    message
}

fn route_message(index: u32, lease: &Lease, route: &Route, metric: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = route.prefix;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::from(PROTOCOL_DHCP);
    message.header.scope = RouteScope::Link;
    message.header.kind = RouteType::Unicast;
    let attributes = &mut message.attributes;
    if route.prefix > 0 {
        attributes.push(RouteAttribute::Destination(RouteAddress::Inet(route.destination)));
    }
    attributes.push(RouteAttribute::Oif(index));
    attributes.push(RouteAttribute::Priority(metric));
    attributes.push(RouteAttribute::PrefSource(RouteAddress::Inet(lease.address)));
    if let Some(gateway) = route.gateway {
        attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
        message.header.scope = RouteScope::Universe;
        // Clouds lease /32 addresses whose router is on no subnet.
        if !lease.is_on_link(gateway) {
            message.header.flags = RouteFlags::Onlink;
        }
    }
    message
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    const ABSENT: [Errno; 3] = [Errno::ADDRNOTAVAIL, Errno::SRCH, Errno::NODEV];
    match result {
        Err(e) if ABSENT.iter().any(|absent| e.raw_os_error() == Some(absent.raw_os_error())) => Ok(()),
        other => other,
    }
}
