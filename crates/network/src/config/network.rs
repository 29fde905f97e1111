//! `.network` files (systemd.network(5)).

use std::net::IpAddr;

use devices::net::matching::Match;

pub use super::sections::Source;
use super::sections::{self, Section, Warning};

mod address;
mod assign;
mod client;
mod route;
mod rule;

pub use address::Address;
pub use client::{Dhcp4, Dhcp6, RouterAdvertisements, StartDhcp6, WithoutRouter};
pub use route::{Gateway, Route, RouteKind};
pub use rule::Rule;

/// What an interface is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Where it was read.
    pub path: String,
    /// Which interfaces it is for.
    pub matching: Match,
    /// `[Link]`.
    pub link: Link,
    /// Whether a DHCP client runs for IPv4, and what it does.
    pub dhcp4: Option<Dhcp4>,
    /// What a DHCP client does for IPv6; it runs where a router says so, or as [`Dhcp6::without_router`] says.
    pub dhcp6: Dhcp6,
    /// Whether routers are listened to, and to what of what they say.
    pub ra: Option<RouterAdvertisements>,
    /// Whether the interface has an IPv6 link-local address. `None`: it does where it is no part of another.
    pub ipv6_link_local: Option<bool>,
    /// Addresses that it always has.
    pub addresses: Vec<Address>,
    /// Routes that it always has, those of `Gateway=` among them.
    pub routes: Vec<Route>,
    /// Rules that come and go with it.
    pub rules: Vec<Rule>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// Domains in which short names are looked up.
    pub domains: Vec<String>,
    /// Time servers, by address or name.
    pub ntp: Vec<String>,
    /// The bridge or bond that it is a part of.
    pub master: Option<String>,
    /// Interfaces that are made on top of it: VLANs, VXLANs and MACVLANs.
    pub stacked: Vec<String>,
    /// Whether it is set up though nothing is plugged in.
    pub without_carrier: bool,
    /// Settings of the kernel for the interface: `ipv4` or `ipv6`, name, value.
    pub sysctls: Vec<(&'static str, &'static str, String)>,
    /// Settings of the kernel for all interfaces.
    pub forwarding: Vec<&'static str>,
}

/// `[Link]` of a `.network` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Its hardware address.
    pub mac: Option<[u8; 6]>,
    /// Its MTU, in bytes.
    pub mtu: Option<u32>,
    /// Interface flags that are set or unset.
    pub arp: Option<bool>,
    /// See [`Link::arp`].
    pub multicast: Option<bool>,
    /// See [`Link::arp`].
    pub all_multicast: Option<bool>,
    /// See [`Link::arp`].
    pub promiscuous: Option<bool>,
    /// Whether it is left as it is.
    pub unmanaged: bool,
    /// Whether it is brought up.
    pub activation: Activation,
    /// What it has to do with the machine being online.
    pub required: Required,
    /// Which addresses count for that; `None` is any.
    pub required_family: Option<Family>,
}

/// `ActivationPolicy=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Activation {
    /// Brought up once.
    #[default]
    Up,
    /// Brought up again whenever it is down.
    AlwaysUp,
    /// Taken down once.
    Down,
    /// Left as it is.
    Manual,
}

/// `RequiredForOnline=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Required {
    /// The machine is online when one such interface is.
    #[default]
    OneOf,
    /// The machine is not online without it.
    Yes,
    /// It does not count.
    No,
}

/// `RequiredFamilyForOnline=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Both.
    Both,
}

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// The file; `None` where it is for no interface.
    pub network: Option<Network>,
    /// What is wrong or not built.
    pub warnings: Vec<Warning>,
}

impl Network {
    /// Reads a file and its drop-ins, in the order in which they count.
    pub fn read(sources: &[Source<'_>]) -> Read {
        let mut warnings = Vec::new();
        let mut reader = Reader::default();
        let path =
            sections::each(sources, &mut warnings, |section, warnings| reader.section(section, warnings));
        let network = match reader.has_match {
            true => Some(reader.finish(path)),
            false => {
                let text = "it has no [Match] and is for no interface; say Name=*".to_owned();
                warnings.push(Warning { path, line: 0, text });
                None
            }
        };
        Read { network, warnings }
    }

    /// Whether it gives or has others give an address.
    pub fn gives_addresses(&self) -> bool {
        !self.addresses.is_empty() || self.dhcp4.is_some() || self.ra.is_some()
    }

    /// Whether it is for an interface that another program made, such as a container's: only where it says so
    /// by a kind, or by a name that does not begin with a wildcard.
    pub fn names_virtual(&self) -> bool {
        let is_said = |word: &String| !word.starts_with(['*', '?', '[', '!']);
        self.matching.kinds.iter().any(is_said) || self.matching.names.iter().any(is_said)
    }
}

/// A file while it is read.
#[derive(Default)]
struct Reader {
    network: Network,
    has_match: bool,
    assigned: assign::Assigned,
}

impl Reader {
    fn section(&mut self, section: &Section, warnings: &mut Vec<Warning>) {
        let network = &mut self.network;
        let assigned = &mut self.assigned;
        match section.name.as_str() {
            "Match" => {
                self.has_match |= !section.assignments.is_empty();
                section.each(warnings, |key, value| assign::matching(&mut network.matching, key, value));
            }
            "Link" => section.each(warnings, |key, value| assign::link(&mut network.link, key, value)),
            "Network" => {
                section.each(warnings, |key, value| assign::network(network, assigned, key, value));
            }
            "Address" => address::read(section, warnings, &mut network.addresses),
            "Route" => route::read(section, warnings, &mut network.routes),
            "RoutingPolicyRule" => rule::read(section, warnings, &mut network.rules),
            "DHCPv4" => section.each(warnings, |key, value| client::dhcp4(&mut assigned.dhcp4, key, value)),
            "DHCPv6" => section.each(warnings, |key, value| client::dhcp6(&mut network.dhcp6, key, value)),
            "DHCP" => {
                section.warn(warnings, "section [DHCP] is the old name of [DHCPv4], and is read as that");
                section.each(warnings, |key, value| client::dhcp4(&mut assigned.dhcp4, key, value));
            }
            "IPv6AcceptRA" => section.each(warnings, |key, value| client::ra(&mut assigned.ra, key, value)),
            name if name.starts_with("X-") => {}
            name => section.warn(warnings, format!("{}, ignored", super::directive::section_complaint(name))),
        }
    }

    fn finish(self, path: String) -> Network {
        let Self { mut network, assigned, .. } = self;
        network.path = path;
        network.dhcp4 = assigned.runs_dhcp4.then_some(assigned.dhcp4);
        // Without an address of its own the kernel hears no router.
        let listens = assigned.accepts_ra.unwrap_or(network.ipv6_link_local != Some(false));
        network.ra = listens.then_some(assigned.ra);
        network
    }
}
