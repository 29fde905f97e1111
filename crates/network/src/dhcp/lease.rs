//! What a server leases: an address, and how to use it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::message::Reply;
use super::options::{Options, code};
use crate::config::network::Dhcp4;
use crate::name::{LONGEST, is_domain};

/// Shorter leases count as this long, in seconds: no server can make the client run hot.
const SHORTEST: u32 = 10;
/// A lease time that means for ever (RFC 2131, section 3.3).
const INFINITE: u32 = u32::MAX;
/// An MTU that IPv4 must be able to use (RFC 791); smaller ones are ignored.
const SMALLEST_MTU: u16 = 576;

/// A leased address and the settings that came with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of the subnet's prefix, in bits.
    pub prefix: u8,
    /// Who gave it.
    pub server: Option<Ipv4Addr>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Domains in which short names are looked up.
    pub domains: Vec<String>,
    /// Time servers.
    pub ntp: Vec<Ipv4Addr>,
    /// The link's MTU, in bytes.
    pub mtu: Option<u16>,
    /// The machine's name.
    pub hostname: Option<String>,
    /// How long it lasts.
    pub times: Times,
}

/// A way to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub destination: Ipv4Addr,
    /// Length of the destination's prefix, in bits; 0 is the default route.
    pub prefix: u8,
    /// The router; `None` where the destination is on the link.
    pub gateway: Option<Ipv4Addr>,
}

/// How long a lease lasts from the request for it on, in seconds; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// T1: the client asks its server again.
    pub renew: Option<u32>,
    /// T2: it asks any server.
    pub rebind: Option<u32>,
    /// It must stop using the address.
    pub expire: Option<u32>,
}

impl Lease {
    /// The lease in an offer or an acknowledgement; `None` where it lacks a lease time, or its
    /// address is none that a host can have.
    pub fn of(reply: &Reply) -> Option<Self> {
        let (address, options) = (reply.address, &reply.options);
        let prefix = match options.array(code::SUBNET_MASK) {
            Some(mask) => prefix_of(u32::from_be_bytes(mask))?,
            None => class_prefix(address),
        };
        if !is_host(address, prefix) {
            return None;
        }
        Some(Self {
            address,
            prefix,
            server: reply.server,
            routes: routes(options),
            dns: hosts(options, code::DNS),
            domains: domains(options),
            ntp: hosts(options, code::NTP),
            mtu: options.array(code::MTU).map(u16::from_be_bytes).filter(|mtu| *mtu >= SMALLEST_MTU),
            hostname: hostname(options),
            times: times(options)?,
        })
    }

    /// What of the lease is used, by the configuration.
    pub fn limited(mut self, dhcp: &Dhcp4) -> Self {
        if !dhcp.use_routes {
            self.routes.clear();
        }
        if !dhcp.use_gateway {
            self.routes.retain(|route| route.prefix > 0);
        }
        if !dhcp.use_dns {
            self.dns.clear();
        }
        if !dhcp.use_domains {
            self.domains.clear();
        }
        if !dhcp.use_ntp {
            self.ntp.clear();
        }
        self.hostname = self.hostname.filter(|_| dhcp.use_hostname);
        self.mtu = self.mtu.filter(|_| dhcp.use_mtu);
        self
    }

    /// The router of the default route.
    pub fn router(&self) -> Option<Ipv4Addr> {
        self.routes.iter().find(|route| route.prefix == 0).and_then(|route| route.gateway)
    }

    /// Whether a router is in reach without another route: on the subnet of the address.
    pub fn is_on_link(&self, router: Ipv4Addr) -> bool {
        (u32::from(router) ^ u32::from(self.address)) & mask(self.prefix) == 0
    }
}

fn times(options: &Options) -> Option<Times> {
    let expire = options.u32(code::LEASE_TIME)?;
    if expire == INFINITE {
        return Some(Times { renew: None, rebind: None, expire: None });
    }
    let expire = expire.max(SHORTEST);
    // Defaults of RFC 2131, section 4.4.5, also for times that are not in order.
    let (half, most) = (expire / 2, expire - expire / 8);
    let rebind = options.u32(code::REBINDING).filter(|t2| (1..expire).contains(t2)).unwrap_or(most);
    let renew = options.u32(code::RENEWAL).filter(|t1| *t1 >= SHORTEST / 2).unwrap_or(half);
    let renew = renew.min(rebind);
    Some(Times { renew: Some(renew), rebind: Some(rebind), expire: Some(expire) })
}

/// Routes: those of option 121, and else the first router as the default (RFC 3442).
fn routes(options: &Options) -> Vec<Route> {
    if let Some(field) = options.get(code::CLASSLESS_ROUTES)
        && let Some(routes) = classless_routes(field)
    {
        return routes;
    }
    let router = hosts(options, code::ROUTER).first().copied();
    router.map(default_route).into_iter().collect()
}

fn default_route(router: Ipv4Addr) -> Route {
    Route { destination: Ipv4Addr::UNSPECIFIED, prefix: 0, gateway: Some(router) }
}

/// Each route is the prefix's length, as many bytes of it as that takes, and the router.
fn classless_routes(mut field: &[u8]) -> Option<Vec<Route>> {
    let mut routes = Vec::new();
    while let Some((prefix, rest)) = field.split_first() {
        let significant = usize::from(*prefix).div_ceil(8);
        let (bytes, rest) = rest.split_at_checked(significant)?;
        let (router, rest) = rest.split_at_checked(4)?;
        let mut destination = [0; 4];
        destination.get_mut(..significant)?.copy_from_slice(bytes);
        let destination = u32::from_be_bytes(destination) & mask(*prefix);
        let gateway = Ipv4Addr::new(router[0], router[1], router[2], router[3]);
        routes.push(Route {
            destination: destination.into(),
            prefix: *prefix,
            gateway: (!gateway.is_unspecified()).then_some(gateway),
        });
        field = rest;
    }
    (!routes.is_empty()).then_some(routes)
}

/// An option that is a list of addresses, without those that no host can have.
fn hosts(options: &Options, code: u8) -> Vec<Ipv4Addr> {
    let field = options.get(code).unwrap_or_default();
    let mut hosts: Vec<Ipv4Addr> = Vec::new();
    for bytes in field.chunks_exact(4) {
        let host = Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
        if is_host(host, 32) && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Option 12. A name that is none, or stands for every machine, is ignored.
fn hostname(options: &Options) -> Option<String> {
    let text = std::str::from_utf8(options.get(code::HOST_NAME)?).ok()?;
    let name = text.trim_end_matches(['\0', '.']);
    (is_domain(name) && name != "localhost" && name != "localhost.localdomain").then(|| name.to_owned())
}

/// Search domains: option 119, and else the words of option 15.
fn domains(options: &Options) -> Vec<String> {
    let search = options.get(code::DOMAIN_SEARCH).map(names).unwrap_or_default();
    if !search.is_empty() {
        return search;
    }
    let text = options.get(code::DOMAIN_NAME).and_then(|v| std::str::from_utf8(v).ok());
    let words = text.unwrap_or_default().split([' ', '\0']);
    words.map(|w| w.trim_end_matches('.').to_owned()).filter(|w| is_domain(w)).collect()
}

/// Compressed domain names (RFC 3397: pointers count from the option's start).
fn names(field: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < field.len() {
        let Some((name, next)) = name(field, at) else { break };
        if is_domain(&name) && !found.contains(&name) {
            found.push(name);
        }
        at = next;
    }
    found
}

/// The name at an offset, and the offset after it.
fn name(field: &[u8], start: usize) -> Option<(String, usize)> {
    let mut labels: Vec<&str> = Vec::new();
    let (mut at, mut next) = (start, None);
    let mut length = 0;
    loop {
        match *field.get(at)? {
            0 => break,
            n @ 1..=63 => {
                let label = field.get(at + 1..at + 1 + usize::from(n))?;
                labels.push(std::str::from_utf8(label).ok()?);
                length += label.len() + 1;
                at += 1 + label.len();
            }
            n @ 192.. => {
                let target = usize::from(n & 0x3f) << 8 | usize::from(*field.get(at + 1)?);
                next.get_or_insert(at + 2);
                // Only backwards, so that pointers cannot make a ring.
                if target >= at {
                    return None;
                }
                at = target;
            }
            _ => return None,
        }
        // Also ends rings in which labels lead forward again.
        if length > LONGEST + 1 {
            return None;
        }
    }
    Some((labels.join("."), next.unwrap_or(at + 1)))
}

/// Whether a host may have this address on a subnet of this prefix.
fn is_host(address: Ipv4Addr, prefix: u8) -> bool {
    let host_bits = u32::from(address) & !mask(prefix);
    // Subnets of one or two addresses have neither a network's nor a broadcast address.
    let is_edge = prefix < 31 && (host_bits == 0 || host_bits == !mask(prefix));
    address.octets()[0] != 0
        && !address.is_loopback()
        && !address.is_multicast()
        && !address.is_broadcast()
        && !is_edge
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

/// Length of the prefix that a mask stands for; `None` for a mask with a gap, or none at all.
fn prefix_of(mask: u32) -> Option<u8> {
    let ones = mask.leading_ones();
    (ones > 0 && ones + mask.trailing_zeros() == 32).then_some(ones as u8)
}

/// The prefix of an address's class, where a server sends no mask.
fn class_prefix(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        _ => 24,
    }
}

#[cfg(test)]
mod tests;
