//! Addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol, AddressScope,
    CacheInfo,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use network::config::Subnet;
use network::config::network::Address;
use network::dhcp::Lease;
use network::dhcp6::LeasedAddress;

use super::{Kernel, PROTOCOL_DHCP, PROTOCOL_STATIC, absent_is_fine};

/// An address as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub index: u32,
    pub subnet: Subnet,
    /// Who made it: [`PROTOCOL_DHCP`], [`PROTOCOL_STATIC`], or others.
    pub protocol: u8,
    /// The kernel's scope: 0 is global, 253 the link.
    pub scope: u8,
    /// Whether it may be used: it is not being looked for in use elsewhere.
    pub is_ready: bool,
    /// Whether it is in use elsewhere.
    pub is_duplicate: bool,
}

impl Known {
    /// Reads the kernel's message; `None` where it has no address.
    pub fn of(message: &AddressMessage) -> Option<Self> {
        let (mut address, mut local, mut protocol) = (None, None, 0);
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Address(value) => address = Some(*value),
                AddressAttribute::Local(value) => local = Some(*value),
                AddressAttribute::Protocol(value) => protocol = u8::from(*value),
                _ => {}
            }
        }
        let header = &message.header;
        Some(Self {
            index: header.index,
            subnet: Subnet { address: local.or(address)?, prefix: header.prefix_len },
            protocol,
            scope: u8::from(header.scope),
            is_ready: !header.flags.intersects(AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed),
            is_duplicate: header.flags.contains(AddressHeaderFlags::Dadfailed),
        })
    }
}

impl Kernel {
    /// All addresses, of IPv4 and IPv6.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn addresses(&mut self) -> io::Result<Vec<Known>> {
        let messages = self.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
        let addresses = messages.into_iter().filter_map(|message| match message {
            RouteNetlinkMessage::NewAddress(message) => Known::of(&message),
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// Adds an address of the configuration, or changes one that is there.
    ///
    /// # Errors
    /// The link is gone, or the kernel refuses.
    pub fn set_address(&mut self, index: u32, address: &Address) -> io::Result<()> {
        let mut message = message(index, address.subnet, address.peer);
        message.header.scope = match (address.scope, address.subnet.address) {
            (Some(scope), _) => AddressScope::from(scope),
            (None, IpAddr::V4(own)) if own.is_loopback() => AddressScope::Host,
            _ => AddressScope::Universe,
        };
        let mut flags = AddressFlags::empty();
        flags.set(AddressFlags::Noprefixroute, !address.prefix_route);
        flags.set(AddressFlags::Nodad, !address.detects_duplicates);
        flags.set(AddressFlags::Managetempaddr, address.temporary);
        let attributes = &mut message.attributes;
        if let IpAddr::V4(own) = address.subnet.address
            && address.peer.is_none()
        {
            let broadcast = address.broadcast.or_else(|| broadcast(own, address.subnet.prefix));
            attributes.extend(broadcast.map(AddressAttribute::Broadcast));
        }
        attributes.extend(address.label.clone().map(AddressAttribute::Label));
        attributes.extend(address.metric.map(AddressAttribute::RoutePriority));
        if !address.preferred {
            attributes.push(times(u32::MAX, 0));
        }
        attributes.push(AddressAttribute::Flags(flags));
        attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL_STATIC)));
        self.put(message)
    }

    /// Adds a leased address, or sets the time of one that is there. The kernel removes it when the lease is
    /// over, also where nobody else does.
    ///
    /// # Errors
    /// The link is gone.
    pub fn set_leased(&mut self, index: u32, lease: &Lease) -> io::Result<()> {
        let subnet = Subnet { address: lease.address.into(), prefix: lease.prefix };
        let mut message = message(index, subnet, None);
        let seconds = lease.times.expire.unwrap_or(u32::MAX);
        message.attributes.push(times(seconds, seconds));
        message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL_DHCP)));
        message.attributes.extend(broadcast(lease.address, lease.prefix).map(AddressAttribute::Broadcast));
        self.put(message)
    }

    /// The same for IPv6. What else is on the link routers say, not the lease.
    ///
    /// # Errors
    /// The link is gone.
    pub fn set_leased6(&mut self, index: u32, leased: &LeasedAddress) -> io::Result<()> {
        let subnet = Subnet { address: leased.address.into(), prefix: 128 };
        let mut message = message(index, subnet, None);
        message.attributes.push(times(leased.valid, leased.preferred));
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
        message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL_DHCP)));
        self.put(message)
    }

    /// Removes an address; the kernel removes the routes that use it. One that is not there is no error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_address(&mut self, index: u32, subnet: Subnet) -> io::Result<()> {
        absent_is_fine(self.change(RouteNetlinkMessage::DelAddress(message(index, subnet, None)), 0))
    }

    fn put(&mut self, message: AddressMessage) -> io::Result<()> {
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }
}

fn message(index: u32, subnet: Subnet, peer: Option<Subnet>) -> AddressMessage {
    let mut message = AddressMessage::default();
    let is_ipv4 = subnet.address.is_ipv4();
    message.header.family = if is_ipv4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = peer.unwrap_or(subnet).prefix;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(subnet.address));
    message.attributes.push(AddressAttribute::Address(peer.unwrap_or(subnet).address));
    message
}

/// The network's address for all, where it has one.
fn broadcast(address: Ipv4Addr, prefix: u8) -> Option<Ipv4Addr> {
    let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    (prefix < 31).then(|| Ipv4Addr::from(u32::from(address) | host))
}

fn times(valid: u32, preferred: u32) -> AddressAttribute {
    let mut times = CacheInfo::default();
    (times.ifa_valid, times.ifa_preferred) = (valid, preferred);
    AddressAttribute::CacheInfo(times)
}
