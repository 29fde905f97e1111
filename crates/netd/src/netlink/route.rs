//! Routes.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteNextHop,
    RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use network::config::Subnet;
use network::config::network::{Gateway, Route, RouteKind};
use network::dhcp::Lease;
use rustix::io::Errno;

use super::{Kernel, PROTOCOL_DHCP, PROTOCOL_STATIC, absent_is_fine};

/// An address of the Internet: a way to it is a way out (RFC 4291, section 2.4: global unicast).
const SOMEWHERE: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1);

impl Kernel {
    /// Adds a route; one that is there already is no error. One of the same destination and metric stays beside it:
    /// it may be another link's.
    ///
    /// # Errors
    /// The router cannot be reached, or the link is gone.
    pub fn set_route(&mut self, index: u32, route: &Route) -> io::Result<()> {
        match self.change(RouteNetlinkMessage::NewRoute(message(index, route)), NLM_F_CREATE | NLM_F_APPEND) {
            Err(error) if error.raw_os_error() == Some(Errno::EXIST.raw_os_error()) => Ok(()),
            other => other,
        }
    }

    /// Removes a route. One that is not there is no error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_route(&mut self, index: u32, route: &Route) -> io::Result<()> {
        absent_is_fine(self.change(RouteNetlinkMessage::DelRoute(message(index, route)), 0))
    }

    /// Removes the routes of a link that the configuration set before and does not have any more.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_other_routes(&mut self, index: u32, keep: &[Route]) -> io::Result<()> {
        let keep: Vec<_> = keep.iter().map(|route| key(&message(index, route))).collect();
        self.remove_routes(index, |message| {
            message.header.protocol == RouteProtocol::from(PROTOCOL_STATIC) && !keep.contains(&key(message))
        })
    }

    /// Removes the routes of a link that the kernel made of routers' advertisements.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_advertised_routes(&mut self, index: u32) -> io::Result<()> {
        self.remove_routes(index, |message| message.header.protocol == RouteProtocol::Ra)
    }

    fn remove_routes(&mut self, index: u32, is_stale: impl Fn(&RouteMessage) -> bool) -> io::Result<()> {
        let is_stale = |message: &RouteMessage| {
            message.attributes.contains(&RouteAttribute::Oif(index)) && is_stale(message)
        };
        for message in self.dump(RouteNetlinkMessage::GetRoute(RouteMessage::default()))? {
            let RouteNetlinkMessage::NewRoute(message) = message else { continue };
            for message in ways(message).into_iter().filter(is_stale) {
                absent_is_fine(self.change(RouteNetlinkMessage::DelRoute(message), 0))?;
            }
        }
        Ok(())
    }

    /// Whether a link leads to the Internet by IPv6.
    pub fn has_ipv6_route(&mut self, index: u32) -> bool {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet6;
        message.header.destination_prefix_length = 128;
        message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet6(SOMEWHERE)));
        message.attributes.push(RouteAttribute::Oif(index));
        let answer = self.answer(RouteNetlinkMessage::GetRoute(message)).unwrap_or_default();
        answer.iter().any(|message| match message {
            RouteNetlinkMessage::NewRoute(message) => {
                message.header.kind == RouteType::Unicast
                    && message.attributes.contains(&RouteAttribute::Oif(index))
            }
            _ => false,
        })
    }
}

/// The routes of a lease, those on the link first: routers of the others may be behind them.
pub fn of_lease(lease: &Lease, metric: u32, table: Option<u32>) -> Vec<Route> {
    let mut routes: Vec<Route> = lease
        .routes
        .iter()
        .map(|route| Route {
            destination: Some(Subnet { address: route.destination.into(), prefix: route.prefix }),
            gateway: route.gateway.map(|router| Gateway::Address(router.into())),
            // Clouds lease /32 addresses whose router is on no subnet.
            on_link: route.gateway.is_some_and(|router| !lease.is_on_link(router)),
            metric: Some(metric),
            preferred_source: Some(lease.address.into()),
            protocol: Some(PROTOCOL_DHCP),
            table,
            ..Route::default()
        })
        .collect();
    routes.sort_by_key(|route| route.gateway.is_some());
    routes
}

/// A route, as one for each router: the kernel tells of those of IPv6 that have a destination and a metric in
/// common as of one, also where they are of several links.
fn ways(mut message: RouteMessage) -> Vec<RouteMessage> {
    use RouteAttribute::{MultiPath, Oif};
    let at = message.attributes.iter().position(|attribute| matches!(attribute, MultiPath(_)));
    let Some(MultiPath(hops)) = at.map(|at| message.attributes.remove(at)) else { return vec![message] };
    let way = |hop: RouteNextHop| {
        let mut way = message.clone();
        way.attributes.extend(hop.attributes);
        way.attributes.push(Oif(hop.interface_index));
        way
    };
    hops.into_iter().map(way).collect()
}

/// What tells a route from another: all that the configuration says of it.
fn key(message: &RouteMessage) -> (RouteHeader, Vec<RouteAttribute>) {
    let mut header = message.header.clone();
    // The table stands in an attribute.
    (header.flags, header.scope, header.table) = (RouteFlags::empty(), RouteScope::Universe, 0);
    let tells = |attribute: &&RouteAttribute| {
        use RouteAttribute::{Destination, Gateway, Metrics, PrefSource, Priority, Source, Table};
        // Metric 0 is none.
        let is_none = matches!(attribute, Priority(0));
        !is_none
            && matches!(
                attribute,
                Destination(_) | Gateway(_) | Metrics(_) | PrefSource(_) | Priority(_) | Source(_) | Table(_)
            )
    };
    let mut attributes: Vec<RouteAttribute> = message.attributes.iter().filter(tells).cloned().collect();
    if header.address_family == AddressFamily::Inet6
        && !attributes.iter().any(|a| matches!(a, RouteAttribute::Priority(_)))
    {
        attributes.push(RouteAttribute::Priority(IPV6_METRIC));
    }
    attributes.sort_by_key(|attribute| format!("{attribute:?}"));
    (header, attributes)
}

/// The metric of IPv6 routes that say none (Linux, include/uapi/linux/ipv6_route.h: IP6_RT_PRIO_USER).
const IPV6_METRIC: u32 = 1024;

fn message(index: u32, route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    let is_ipv6 = route.is_ipv6();
    let header = &mut message.header;
    header.address_family = if is_ipv6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    header.protocol = RouteProtocol::from(route.protocol.unwrap_or(PROTOCOL_STATIC));
    (header.kind, header.scope) = match (route.kind, route.gateway) {
        (RouteKind::Unicast, None) if !is_ipv6 => (RouteType::Unicast, RouteScope::Link),
        (RouteKind::Unicast, _) => (RouteType::Unicast, RouteScope::Universe),
        (RouteKind::Local, _) => (RouteType::Local, RouteScope::Host),
        (RouteKind::Blackhole, _) => (RouteType::BlackHole, RouteScope::Universe),
        (RouteKind::Unreachable, _) => (RouteType::Unreachable, RouteScope::Universe),
        (RouteKind::Prohibit, _) => (RouteType::Prohibit, RouteScope::Universe),
        (RouteKind::Throw, _) => (RouteType::Throw, RouteScope::Universe),
    };
    if let Some(scope) = route.scope {
        header.scope = RouteScope::from(scope);
    }
    header.flags.set(RouteFlags::Onlink, route.on_link);
    let table = route.table.unwrap_or(u32::from(RouteHeader::RT_TABLE_MAIN));
    // Numbers that do not fit the field stand in the attribute alone.
    header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Table(table));
    if let Some(destination) = route.destination.filter(|destination| destination.prefix > 0) {
        message.header.destination_prefix_length = destination.prefix;
        attributes.push(RouteAttribute::Destination(address(destination.address)));
    }
    if let Some(source) = route.source.filter(|source| source.prefix > 0) {
        message.header.source_prefix_length = source.prefix;
        attributes.push(RouteAttribute::Source(address(source.address)));
    }
    if let Some(Gateway::Address(router)) = route.gateway {
        attributes.push(RouteAttribute::Gateway(address(router)));
    }
    // What is not sent on has no link.
    if matches!(route.kind, RouteKind::Unicast | RouteKind::Local) {
        attributes.push(RouteAttribute::Oif(index));
    }
    attributes.extend(route.metric.map(RouteAttribute::Priority));
    attributes.extend(route.preferred_source.map(|source| RouteAttribute::PrefSource(address(source))));
    let metrics = [
        route.mtu.map(RouteMetric::Mtu),
        route.segment.map(RouteMetric::Advmss),
        route.hops.map(RouteMetric::Hoplimit),
        route.congestion_window.map(RouteMetric::InitCwnd),
        route.receive_window.map(RouteMetric::InitRwnd),
        route.quick_ack.map(|is_on| RouteMetric::QuickAck(u32::from(is_on))),
    ];
    let metrics: Vec<RouteMetric> = metrics.into_iter().flatten().collect();
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    message
}

fn address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}
