//! `[Route]`.

use std::net::IpAddr;

use super::address::{is_same_family, scope};
use super::assign::gateway;
use crate::config::sections::{Fault, Section, Warning};
use crate::config::value::{self, Subnet};

/// A way to a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Where to; `None` is everywhere.
    pub destination: Option<Subnet>,
    /// For packets from here only.
    pub source: Option<Subnet>,
    /// By whom; `None` where the destination is on the link.
    pub gateway: Option<Gateway>,
    /// Whether the gateway is on the link, whatever the addresses say.
    pub on_link: bool,
    /// Of two routes the one with the lower number is taken.
    pub metric: Option<u32>,
    /// The address that packets come from.
    pub preferred_source: Option<IpAddr>,
    /// Number of the routing table; `None` is the main one.
    pub table: Option<u32>,
    /// The kernel's scope.
    pub scope: Option<u8>,
    /// What becomes of packets.
    pub kind: RouteKind,
    /// The kernel's number of who made it; `None` is `static`.
    pub protocol: Option<u8>,
    /// Largest packets, in bytes.
    pub mtu: Option<u32>,
    /// TCP's largest segment, in bytes.
    pub segment: Option<u32>,
    /// Hops after which packets are lost.
    pub hops: Option<u32>,
    /// TCP's window at the start of a connection, in segments.
    pub congestion_window: Option<u32>,
    /// TCP's window for what is received at the start, in segments.
    pub receive_window: Option<u32>,
    /// Whether TCP acknowledges without delay.
    pub quick_ack: Option<bool>,
}

/// A router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    /// By address.
    Address(IpAddr),
    /// That of the DHCP lease.
    Dhcp4,
}

/// What becomes of packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RouteKind {
    /// They are sent on.
    #[default]
    Unicast,
    /// They are for this machine.
    Local,
    /// They are lost in silence.
    Blackhole,
    /// The sender is told that there is no way.
    Unreachable,
    /// The sender is told that it may not.
    Prohibit,
    /// The next table is looked at.
    Throw,
}

impl Route {
    /// The default route by a router.
    pub fn default_by(gateway: Gateway) -> Self {
        Self { gateway: Some(gateway), ..Self::default() }
    }

    /// Whether it is one of IPv6.
    pub fn is_ipv6(&self) -> bool {
        let gateway = match self.gateway {
            Some(Gateway::Address(address)) => Some(address),
            _ => None,
        };
        let said = [
            self.destination.map(|d| d.address),
            gateway,
            self.preferred_source,
            self.source.map(|s| s.address),
        ];
        said.into_iter().flatten().any(|address| address.is_ipv6())
    }

    /// Whether it leads everywhere.
    pub fn is_default(&self) -> bool {
        self.destination.is_none_or(|destination| destination.prefix == 0) && self.kind == RouteKind::Unicast
    }
}

pub fn read(section: &Section, warnings: &mut Vec<Warning>, list: &mut Vec<Route>) {
    let mut route = Route::default();
    section.each(warnings, |key, value| assign(&mut route, key, value));
    let gateway = match route.gateway {
        Some(Gateway::Address(address)) => Some(address),
        _ => None,
    };
    let said = [
        route.destination.map(|d| d.address),
        gateway,
        route.preferred_source,
        route.source.map(|s| s.address),
    ];
    let mut families = said.into_iter().flatten();
    let first = families.next();
    if first.is_none() && route.gateway.is_none() {
        section.warn(
            warnings,
            "[Route] has neither Destination= nor Gateway= that count; the section is ignored",
        );
    } else if first.is_some_and(|first| !families.all(|other| is_same_family(first, other))) {
        section.warn(warnings, "[Route] mixes IPv4 and IPv6; the section is ignored");
    } else {
        list.push(route);
    }
}

fn assign(route: &mut Route, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "Gateway" => route.gateway = Some(gateway(value)?),
        "GatewayOnLink" | "GatewayOnlink" => route.on_link = value::boolean(value)?,
        "Destination" => route.destination = Some(value::subnet(value)?.network()),
        "Source" => route.source = Some(value::subnet(value)?.network()),
        "Metric" => route.metric = Some(value::number(value, "a number")?),
        "PreferredSource" => route.preferred_source = Some(value::address(value)?),
        "Table" => route.table = Some(value::table(value)?),
        "Scope" => route.scope = Some(scope(value)?),
        "Type" => {
            let words = [
                ("unicast", RouteKind::Unicast),
                ("local", RouteKind::Local),
                ("blackhole", RouteKind::Blackhole),
                ("unreachable", RouteKind::Unreachable),
                ("prohibit", RouteKind::Prohibit),
                ("throw", RouteKind::Throw),
            ];
            route.kind = value::word(value, &words)?;
        }
        "Protocol" => {
            route.protocol = Some(match value {
                "kernel" => 2,
                "boot" => 3,
                "static" => 4,
                "ra" => 9,
                "dhcp" => 16,
                _ => value::number(value, "one of kernel, boot, static, ra, dhcp, or a number to 255")?,
            });
        }
        "MTUBytes" => route.mtu = Some(value::bytes(value)?),
        "TCPAdvertisedMaximumSegmentSize" => route.segment = Some(value::bytes(value)?),
        "HopLimit" => route.hops = Some(value::number::<u8>(value, "a number from 1 to 255")?.into()),
        "InitialCongestionWindow" => {
            route.congestion_window = Some(value::number(value, "a number of segments")?)
        }
        "InitialAdvertisedReceiveWindow" => {
            route.receive_window = Some(value::number(value, "a number of segments")?)
        }
        "QuickAck" => route.quick_ack = Some(value::boolean(value)?),
        _ => return Err(Fault::Key),
    }
    Ok(())
}
