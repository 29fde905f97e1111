//! A link that the daemon looks after: what it is to be, what it has, and who is asked for more.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use network::Moment;
use network::config::Network;
use network::config::network::{Activation, StartDhcp6, WithoutRouter};
use network::dhcp::Event;
use network::dhcp6::Want;
use network::ra::{Advice, Known};
use network::{dhcp, dhcp6};

use crate::leases::Kept;
use crate::link::{Link, RouterFlags};
use crate::netlink::{Kernel, address};
use crate::{client4, client6};

/// The kernel's scope of a link (RT_SCOPE_LINK); addresses of wider ones can be reached from elsewhere.
const SCOPE_LINK: u8 = 253;

mod apply;
pub mod online;

/// A link that the daemon looks after.
pub struct Port {
    pub link: Link,
    pub network: Rc<Network>,
    dhcp4: Option<client4::Client>,
    dhcp6: Option<client6::Client>,
    /// The leases in use, as far as the configuration lets them be.
    lease4: Option<dhcp::Lease>,
    lease6: Option<dhcp6::Lease>,
    /// What routers said of name servers, and of DHCP.
    ra: Known,
    router: RouterFlags,
    /// Global addresses that are ready for use, with the lengths of their prefixes.
    ipv6: BTreeMap<Ipv6Addr, u8>,
    /// The address of the link alone, once it is ready for use.
    link_local: Option<Ipv6Addr>,
    /// Whether there is a default route of IPv6.
    ipv6_route: bool,
    /// Whether addresses of the configuration are there.
    has_addresses: bool,
    /// Whether its routes are.
    has_routes: bool,
    /// Whether it is a part of what it is to be a part of.
    pub is_attached: bool,
    /// Whether the kernel refused something.
    failed: bool,
}

impl Port {
    /// A link, with the leases of a daemon before this one. Nothing is done with it yet.
    pub fn new(link: Link, network: Rc<Network>, kept: Kept, now: Moment) -> Self {
        let mut ra = kept.ra;
        ra.expire(now.ms);
        let mut port = Self {
            link,
            network,
            dhcp4: None,
            dhcp6: None,
            lease4: None,
            lease6: None,
            ra,
            router: RouterFlags::default(),
            ipv6: BTreeMap::new(),
            link_local: None,
            ipv6_route: false,
            has_addresses: false,
            has_routes: false,
            is_attached: false,
            failed: false,
        };
        port.start_clients(kept.dhcp4, kept.dhcp6, now);
        port
    }

    /// Makes the clients, which speak by the link's hardware address, with the leases of those before them.
    fn start_clients(&mut self, held4: Option<dhcp::Held>, held6: Option<dhcp6::Held>, now: Moment) {
        let (link, network) = (&self.link, &self.network);
        let mac = link.mac.filter(|_| link.is_ethernet && network.master.is_none());
        let config4 = network.dhcp4.as_ref();
        self.dhcp4 = config4
            .zip(mac)
            .map(|(config, mac)| client4::Client::new(link.index, mac, config, held4, now.ms));
        let rapid_commit = network.dhcp6.rapid_commit;
        self.dhcp6 = mac
            .filter(|_| may_ask6(network))
            .map(|mac| client6::Client::new(link.index, mac, rapid_commit, held6, now.ms));
        let held4 = self.dhcp4.as_ref().and_then(client4::Client::held);
        self.lease4 = held4.zip(config4).map(|(held, config)| held.lease().clone().limited(config));
        let held6 = self.dhcp6.as_ref().and_then(client6::Client::held);
        self.lease6 = held6.map(|held| held.lease().clone().limited(&network.dhcp6));
    }

    /// When something is due, in milliseconds.
    pub fn deadline_ms(&self) -> Option<u64> {
        let clients = [
            self.dhcp4.as_ref().and_then(client4::Client::deadline_ms),
            self.dhcp6.as_ref().and_then(client6::Client::deadline_ms),
            self.ra.deadline_ms(),
        ];
        clients.into_iter().flatten().min()
    }

    /// The clients, for who waits for their sockets.
    pub fn clients(&self) -> (Option<&client4::Client>, Option<&client6::Client>) {
        (self.dhcp4.as_ref(), self.dhcp6.as_ref())
    }

    /// What is kept for the daemon after this one.
    pub fn kept(&self) -> Kept {
        Kept {
            mac: self.link.mac,
            dhcp4: self.dhcp4.as_ref().and_then(|client| client.held()).cloned(),
            dhcp6: self.dhcp6.as_ref().and_then(|client| client.held()).cloned(),
            ra: self.ra.clone(),
        }
    }

    /// Takes note of the link as it is now.
    pub fn link_is(&mut self, link: Link, now: Moment, kernel: &mut Kernel) {
        let was_up = self.link.is_up;
        let has_other_mac = self.link.mac != link.mac;
        self.link = link;
        if has_other_mac {
            // A bond or a bridge takes that of its first part, and a file may say another than the hardware's. Answers
            // go to the address that asks: the new one asks for the same leases.
            let Kept { dhcp4, dhcp6, .. } = self.kept();
            self.start_clients(dhcp4, dhcp6, now);
        }
        if was_up && !self.link.is_up {
            // The kernel has removed its routes, and what it has of IPv6.
            (self.has_addresses, self.has_routes) = (false, false);
            if self.network.link.activation == Activation::AlwaysUp {
                self.bring_up(kernel);
            }
        }
        if self.is_usable() {
            self.set_static(kernel);
        }
        if !was_up && self.link.is_up {
            self.restore_leased_routes(kernel);
        }
        let has_carrier = self.link.has_carrier;
        self.tell4(if has_carrier { Event::CarrierUp } else { Event::CarrierDown }, now, kernel);
        self.start_dhcp6(now, kernel);
    }

    /// Whether what is configured of it holds now.
    pub fn is_usable(&self) -> bool {
        self.link.is_up && (self.link.has_carrier || self.network.without_carrier)
    }

    /// Takes note of what routers say of DHCP.
    pub fn router_says(&mut self, flags: RouterFlags, now: Moment, kernel: &mut Kernel) {
        if self.router != flags {
            self.router = flags;
            self.start_dhcp6(now, kernel);
        }
    }

    /// Takes note of what a router says of name servers.
    pub fn router_advises(&mut self, advice: &Advice, now: Moment) {
        self.ra.learn(advice, now.ms);
    }

    /// Takes note of an address that is there, or not any more.
    pub fn address_is(&mut self, address: &address::Known, is_there: bool, now: Moment, kernel: &mut Kernel) {
        let IpAddr::V6(own) = address.subnet.address else { return };
        let is_ready = is_there && address.is_ready;
        if own.is_unicast_link_local() {
            match is_ready {
                true => self.link_local = Some(own),
                false if self.link_local == Some(own) => self.link_local = None,
                false => {}
            }
            return self.start_dhcp6(now, kernel);
        }
        // One whose time is limited the kernel removes when another machine has it, and says so as it goes.
        if address.is_duplicate {
            self.tell6(dhcp6::Event::Duplicate(own), now, kernel);
        }
        let has_changed = match is_ready && address.scope < SCOPE_LINK {
            true => self.ipv6.insert(own, address.subnet.prefix).is_none(),
            false => self.ipv6.remove(&own).is_some(),
        };
        if has_changed && !self.has_routes && self.has_addresses {
            self.set_routes(kernel);
        }
        self.look_for_ipv6_route(kernel);
    }

    /// Forgets what addresses of IPv6 it has: they are told anew.
    pub fn forget_addresses(&mut self) {
        self.ipv6.clear();
        self.link_local = None;
    }

    /// Takes the answers that are there.
    pub fn receive(&mut self, now: Moment, kernel: &mut Kernel) {
        while let Some(reply) = self.dhcp4.as_ref().and_then(client4::Client::receive) {
            self.tell4(Event::Reply(reply), now, kernel);
        }
        while let Some(reply) = self.dhcp6.as_ref().and_then(client6::Client::receive) {
            self.tell6(dhcp6::Event::Reply(reply), now, kernel);
        }
    }

    /// Does what is due.
    pub fn timer(&mut self, now: Moment, kernel: &mut Kernel) {
        self.tell4(Event::Timer, now, kernel);
        self.tell6(dhcp6::Event::Timer, now, kernel);
        self.ra.expire(now.ms);
    }

    /// Ends the clients, and takes away what they leased: the link is to be something else.
    pub fn give_up(&mut self, kernel: &mut Kernel) {
        self.dhcp4 = None;
        self.dhcp6 = None;
        self.withdraw_all(kernel);
    }

    /// Looks whether there is a way out by IPv6.
    pub fn look_for_ipv6_route(&mut self, kernel: &mut Kernel) {
        self.ipv6_route = !self.ipv6.is_empty() && kernel.has_ipv6_route(self.link.index);
    }

    /// Asks for addresses or settings of IPv6, where a router or the configuration says so.
    fn start_dhcp6(&mut self, now: Moment, kernel: &mut Kernel) {
        let want = self.wanted6();
        let Some(client) = &mut self.dhcp6 else { return };
        match (want, self.link_local.filter(|_| self.link.has_carrier)) {
            (Some(want), Some(own)) => {
                let changes = client.want(&self.link.name, want, own, now);
                self.change6(changes, kernel);
            }
            (None, Some(_)) => {}
            (_, None) => client.stop(&self.link.name, now),
        }
    }

    fn wanted6(&self) -> Option<Want> {
        let told = match (&self.network.ra, self.router) {
            (Some(ra), RouterFlags { received: true, managed, other }) => match ra.dhcp6 {
                StartDhcp6::Always => Some(Want::Address),
                StartDhcp6::WhenTold if managed => Some(Want::Address),
                StartDhcp6::WhenTold if other => Some(Want::Settings),
                StartDhcp6::WhenTold | StartDhcp6::Never => None,
            },
            _ => None,
        };
        let own = match self.network.dhcp6.without_router {
            WithoutRouter::No => None,
            WithoutRouter::Solicit => Some(Want::Address),
            WithoutRouter::Information => Some(Want::Settings),
        };
        match told.or(own) {
            Some(Want::Address) if !self.network.dhcp6.use_address => Some(Want::Settings),
            want => want,
        }
    }

    fn tell4(&mut self, event: Event, now: Moment, kernel: &mut Kernel) {
        let Some(client) = &mut self.dhcp4 else { return };
        let changes = client.handle(&self.link.name, event, now);
        self.change4(changes, kernel);
    }

    fn tell6(&mut self, event: dhcp6::Event, now: Moment, kernel: &mut Kernel) {
        let Some(client) = &mut self.dhcp6 else { return };
        let changes = client.handle(&self.link.name, event, now);
        self.change6(changes, kernel);
    }
}

/// Whether there is a case in which servers of IPv6 are asked.
fn may_ask6(network: &Network) -> bool {
    let by_router = network.ra.as_ref().is_some_and(|ra| ra.dhcp6 != StartDhcp6::Never);
    by_router || network.dhcp6.without_router != WithoutRouter::No
}
