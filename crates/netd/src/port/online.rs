//! Whether a link is online, and what else is told of it.

use network::config::network::{Family, Gateway, Required};
use network::status::{LeaseStatus, LinkStatus, Setup};

use super::Port;
use crate::files::mac_text;

impl Port {
    /// Whether something is still awaited that the configuration asks for.
    pub(super) fn awaits(&self) -> bool {
        let awaits4 = self.dhcp4.is_some() && self.lease4.is_none();
        awaits4 || (self.network.ra.is_some() && self.ipv6.is_empty())
    }

    /// An address of IPv4 that others can be reached from. A network without a router is one too, once nothing
    /// more is to come.
    fn is_online4(&self) -> bool {
        let has_static =
            self.has_addresses && self.network.addresses.iter().any(|a| a.subnet.address.is_ipv4());
        let routes = self.network.routes.iter();
        let has_route = self.has_routes && routes.clone().any(|route| route.is_default() && !route.is_ipv6());
        match &self.lease4 {
            Some(_) => true,
            None => has_static && (has_route || self.dhcp4.is_none()),
        }
    }

    fn is_online6(&self) -> bool {
        let is_alone = self.network.ra.is_none() && !routes_ipv6(self);
        !self.ipv6.is_empty() && (self.ipv6_route || is_alone)
    }

    /// Whether the link is online, by the families that count.
    pub fn is_online(&self) -> bool {
        let (four, six) = (self.is_online4(), self.is_online6());
        self.link.has_carrier
            && match self.network.link.required_family {
                None => four || six,
                Some(Family::Ipv4) => four,
                Some(Family::Ipv6) => six,
                Some(Family::Both) => four && six,
            }
    }

    /// Whether the machine may be online by this link.
    pub fn counts(&self) -> bool {
        self.network.link.required != Required::No
            && self.network.master.is_none()
            && self.network.gives_addresses()
    }

    /// How far it is set up.
    fn setup(&self) -> Setup {
        let is_done = match self.network.master {
            Some(_) => self.is_attached,
            None => !self.network.gives_addresses() || self.is_online(),
        };
        match (self.failed, is_done) {
            (true, _) => Setup::Failed,
            (false, true) => Setup::Configured,
            (false, false) => Setup::Configuring,
        }
    }

    /// The state, for others.
    pub fn status(&self) -> LinkStatus {
        let (lease4, lease6) = (self.lease4.as_ref(), self.lease6.as_ref());
        let own4 = self.network.addresses.iter().filter(|a| self.has_addresses && a.subnet.address.is_ipv4());
        let own4 = own4.map(|address| address.subnet.to_string());
        let leased4 = lease4.map(|lease| format!("{}/{}", lease.address, lease.prefix));
        let router = self.network.routes.iter().find_map(|route| match route.gateway {
            Some(Gateway::Address(router)) if route.is_default() && router.is_ipv4() => {
                Some(router.to_string())
            }
            _ => None,
        });
        let scoped = |server: std::net::Ipv6Addr| match server.is_unicast_link_local() {
            true => format!("{server}%{}", self.link.name),
            false => server.to_string(),
        };
        let ra = self.network.ra.as_ref();
        let advised = ra.filter(|ra| ra.use_dns).map(|_| self.ra.servers().map(scoped)).into_iter().flatten();
        let advised_domains = ra.filter(|ra| ra.use_domains).map(|_| self.ra.domains()).into_iter().flatten();
        let text = |list: &[std::net::Ipv4Addr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let dns = self.network.dns.iter().map(ToString::to_string);
        let dns = dns.chain(lease4.map(|lease| text(&lease.dns)).into_iter().flatten());
        let dns = dns
            .chain(lease6.into_iter().flat_map(|lease| lease.dns.iter().copied().map(scoped)))
            .chain(advised);
        let domains = self.network.domains.iter().chain(lease4.into_iter().flat_map(|lease| &lease.domains));
        let domains = domains.chain(lease6.into_iter().flat_map(|lease| &lease.domains)).cloned();
        let domains = domains.chain(advised_domains.map(str::to_owned));
        let ntp = self
            .network
            .ntp
            .iter()
            .cloned()
            .chain(lease4.map(|lease| text(&lease.ntp)).into_iter().flatten());
        let ntp = ntp.chain(lease6.into_iter().flat_map(|lease| lease.ntp.clone()));
        LinkStatus {
            index: self.link.index,
            name: self.link.name.clone(),
            kind: if self.link.kind.is_empty() { "ether".to_owned() } else { self.link.kind.clone() },
            mac: self.link.mac.map(mac_text),
            mtu: self.link.mtu,
            file: Some(self.network.path.clone()),
            setup: self.setup(),
            carrier: self.link.has_carrier,
            online: self.is_online(),
            required: self.counts() && self.network.link.required == Required::Yes,
            master: self.network.master.clone(),
            ipv4: own4.chain(leased4).collect(),
            gateway: lease4.and_then(|lease| lease.router()).map(|router| router.to_string()).or(router),
            ipv6: self.ipv6.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect(),
            ipv6_route: self.ipv6_route,
            dns: unique(dns),
            domains: unique(domains),
            ntp: unique(ntp),
            hostname: lease4.and_then(|lease| lease.hostname.clone()),
            dhcp4: self.dhcp4.as_ref().and_then(|client| client.held()).map(|held| LeaseStatus {
                server: held.lease().server.map_or_else(String::new, |server| server.to_string()),
                expires_ms: held.expire_ms(),
            }),
            dhcp6: self.dhcp6.as_ref().and_then(|client| client.held()).map(|held| LeaseStatus {
                server: held.lease().server.iter().map(|byte| format!("{byte:02x}")).collect(),
                expires_ms: held.expire_ms(),
            }),
        }
    }
}

fn routes_ipv6(port: &Port) -> bool {
    port.network.routes.iter().any(|route| route.is_ipv6() && route.is_default())
}

/// Each item where it stands first.
pub fn unique(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    list
}
