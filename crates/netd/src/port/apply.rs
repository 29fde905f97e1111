//! What is decided of a link, put into effect.

use anyhow::{Context, Result, anyhow};
use netlink_packet_route::link::LinkFlags;
use network::config::Subnet;
use network::config::network::{Activation, Dhcp4, Gateway, Route};
use network::{dhcp, dhcp6};

use super::Port;
use crate::netlink::{Kernel, PROTOCOL_DHCP, PROTOCOL_ROUTER, PROTOCOL_STATIC, route};
use crate::{client4, client6, log, settings};

/// Added to a link's index, the metric of its leases' routes: the first link is preferred, and routes
/// without a metric (the administrator's) are preferred to all.
const METRIC: u32 = 1024;
/// The least MTU of a link with IPv6, in bytes (RFC 8200, section 5).
const LEAST_MTU: u32 = 1280;

impl Port {
    /// Sets the link itself up: all that needs no carrier.
    pub fn set_up(&mut self, kernel: &mut Kernel) {
        let (index, wanted) = (self.link.index, self.network.link.clone());
        settings::apply(&self.link.name, &self.network, self.network.master.is_some());
        if let Some(mac) = wanted.mac.filter(|mac| self.link.mac != Some(*mac)) {
            let is_up = self.link.is_up;
            let done = kernel.set_mac(index, mac).or_else(|_| {
                // Some drivers only can while the link is down.
                kernel.set_up(index, false)?;
                let done = kernel.set_mac(index, mac);
                if is_up { done.and(kernel.set_up(index, true)) } else { done }
            });
            self.done(done.context("cannot set the hardware address"));
        }
        if let Some(mtu) = wanted.mtu.filter(|mtu| self.link.mtu != Some(*mtu)) {
            self.done(kernel.set_mtu(index, mtu).with_context(|| format!("cannot set the MTU to {mtu}")));
        }
        let flags = [
            (wanted.arp.map(|is_on| !is_on), LinkFlags::Noarp),
            (wanted.multicast, LinkFlags::Multicast),
            (wanted.all_multicast, LinkFlags::Allmulti),
            (wanted.promiscuous, LinkFlags::Promisc),
        ];
        for (is_on, flag) in flags {
            if let Some(is_on) = is_on {
                self.done(kernel.set_flag(index, flag, is_on).context("cannot set a flag of the link"));
            }
        }
        match wanted.activation {
            Activation::Up | Activation::AlwaysUp if !self.link.is_up => self.bring_up(kernel),
            Activation::Down if self.link.is_up => {
                self.done(kernel.set_up(index, false).context("cannot take the link down"));
            }
            _ => {}
        }
    }

    pub(super) fn bring_up(&mut self, kernel: &mut Kernel) {
        self.done(kernel.set_up(self.link.index, true).context("cannot bring the link up"));
    }

    /// Makes it a part of a bond or a bridge, which is there.
    pub fn attach(&mut self, master: u32, kernel: &mut Kernel) {
        let index = self.link.index;
        self.is_attached = true;
        if self.link.master == Some(master) {
            return;
        }
        // A bond only takes links that are down, and brings them up itself.
        let attached = kernel.set_up(index, false).and_then(|()| kernel.set_master(index, master));
        self.done(attached.context("cannot make it a part of another link"));
        self.bring_up(kernel);
    }

    /// Sets addresses, routes and rules of the configuration, where they are not set already.
    pub(super) fn set_static(&mut self, kernel: &mut Kernel) {
        if self.has_addresses {
            return;
        }
        self.has_addresses = true;
        self.done(remove_stale(self, kernel));
        let network = self.network.clone();
        for address in &network.addresses {
            let done = kernel.set_address(self.link.index, address);
            self.done(done.with_context(|| format!("cannot set the address {}", address.subnet)));
        }
        for rule in &network.rules {
            self.done(kernel.set_rule(rule).context("cannot set a rule of [RoutingPolicyRule]"));
        }
        self.set_routes(kernel);
    }

    /// Sets the routes of the configuration. A router may only be in reach once there is a lease, or an address
    /// that others told.
    pub(super) fn set_routes(&mut self, kernel: &mut Kernel) {
        let is_awaited = self.awaits();
        self.has_routes = true;
        let routes = self.static_routes();
        // The kernel would keep those before beside those that take their place, and prefer them.
        let removed = kernel.remove_other_routes(self.link.index, &routes);
        self.done(removed.context("cannot remove old routes"));
        for route in routes {
            if let Err(error) = kernel.set_route(self.link.index, &route) {
                self.has_routes = false;
                if !is_awaited {
                    let to = route.destination.map_or("everywhere".to_owned(), |to| to.to_string());
                    self.done(Err(error).with_context(|| format!("cannot set the route to {to}")));
                }
            }
        }
    }

    /// The routes of the configuration, as far as their routers are known.
    fn static_routes(&self) -> Vec<Route> {
        let leased = self.lease4.as_ref().and_then(dhcp::Lease::router);
        let known = self.network.routes.iter().filter_map(|route| match route.gateway {
            Some(Gateway::Dhcp4) => {
                let gateway = Some(Gateway::Address(leased?.into()));
                Some(Route { gateway, ..route.clone() })
            }
            _ => Some(route.clone()),
        });
        let mut routes: Vec<Route> = known.collect();
        // Routers may be behind routes of the link.
        routes.sort_by_key(|route| route.gateway.is_some());
        routes
    }

    pub(super) fn change4(&mut self, changes: Vec<client4::Change>, kernel: &mut Kernel) {
        for change in changes {
            let done = match change {
                client4::Change::Apply(lease) => self.apply4(lease, kernel),
                client4::Change::Withdraw(lease) => self.withdraw4(&lease, kernel),
            };
            self.done(done);
        }
    }

    fn apply4(&mut self, lease: dhcp::Lease, kernel: &mut Kernel) -> Result<()> {
        let Some(config) = self.network.dhcp4.clone() else { return Ok(()) };
        let index = self.link.index;
        let lease = lease.limited(&config);
        let old = self.lease4.take();
        if old.as_ref() != Some(&lease) {
            self.tell_lease(&lease);
        }
        // What cannot be removed keeps nothing new away.
        self.told(self.remove_other_leased(Some(&lease), kernel));
        kernel
            .set_leased(index, &lease)
            .with_context(|| format!("cannot set the address {}/{}", lease.address, lease.prefix))?;
        // Kept from here on, so that a failure below leaves nothing that is never removed.
        self.lease4 = Some(lease.clone());
        let routes = self.leased_routes(&lease, &config);
        if let Some(old) = old.filter(|old| old.address == lease.address) {
            for route in self.leased_routes(&old, &config).iter().filter(|route| !routes.contains(route)) {
                let removed = kernel.remove_route(index, route);
                self.told(removed.context("cannot remove a route of the lease before"));
            }
        }
        self.set_leased_routes(&routes, kernel);
        self.follow_mtu(&lease, kernel);
        if self.has_addresses {
            self.set_routes(kernel);
        }
        Ok(())
    }

    fn leased_routes(&self, lease: &dhcp::Lease, config: &Dhcp4) -> Vec<Route> {
        route::of_lease(lease, config.metric.unwrap_or(METRIC + self.link.index), config.table)
    }

    /// Sets routes of a lease. One that the kernel does not take keeps none of the others away.
    fn set_leased_routes(&self, routes: &[Route], kernel: &mut Kernel) {
        for route in routes {
            let set = kernel.set_route(self.link.index, route).with_context(|| {
                let to = route.destination.map_or("everywhere".to_owned(), |to| to.to_string());
                format!("cannot set the lease's route to {to}")
            });
            self.told(set);
        }
    }

    /// Sets the routes of the lease in use again, which the kernel removed when the link was taken down: its server
    /// may not answer, and the lease is good all the same.
    pub(super) fn restore_leased_routes(&self, kernel: &mut Kernel) {
        if let (Some(lease), Some(config)) = (&self.lease4, &self.network.dhcp4) {
            self.set_leased_routes(&self.leased_routes(lease, config), kernel);
        }
    }

    /// Takes the MTU of a lease, which is a hint: without it the machine is on its network all the same.
    fn follow_mtu(&self, lease: &dhcp::Lease, kernel: &mut Kernel) {
        let Some(mtu) = lease.mtu.map(u32::from).filter(|_| self.network.link.mtu.is_none()) else {
            return;
        };
        let set = match mtu < LEAST_MTU {
            true => Err(anyhow!("with less than {LEAST_MTU} the kernel ends IPv6 on the link")),
            false => kernel.set_mtu(self.link.index, mtu).map_err(Into::into),
        };
        self.told(set.with_context(|| format!("the server's MTU of {mtu} is not taken")));
    }

    fn withdraw4(&mut self, lease: &dhcp::Lease, kernel: &mut Kernel) -> Result<()> {
        self.lease4 = None;
        log::warning(&format!("{}: the lease of {} has ended", self.link.name, lease.address));
        let subnet = Subnet { address: lease.address.into(), prefix: lease.prefix };
        kernel
            .remove_address(self.link.index, subnet)
            .with_context(|| format!("cannot remove the address {}", lease.address))
    }

    pub(super) fn change6(&mut self, changes: Vec<client6::Change>, kernel: &mut Kernel) {
        for change in changes {
            match change {
                client6::Change::Apply(lease) => self.apply6(lease, kernel),
                client6::Change::Withdraw(addresses) => {
                    self.lease6 = None;
                    self.withdraw6(&addresses, kernel);
                }
            }
        }
    }

    fn apply6(&mut self, lease: dhcp6::Lease, kernel: &mut Kernel) {
        let lease = lease.limited(&self.network.dhcp6);
        let addresses = |lease: &dhcp6::Lease| -> Vec<String> {
            lease.addresses.iter().map(|own| own.address.to_string()).collect()
        };
        let (known, addresses) = (self.lease6.as_ref().map(addresses), addresses(&lease));
        if known.as_ref() != Some(&addresses) {
            let what = if addresses.is_empty() { "settings only".to_owned() } else { addresses.join(", ") };
            log::info(&format!("{}: from a DHCPv6 server: {what}", self.link.name));
        }
        // An address that the kernel does not take keeps none of the others away, nor the settings.
        for own in &lease.addresses {
            let set = kernel.set_leased6(self.link.index, own);
            self.done(set.with_context(|| format!("cannot set the address {}", own.address)));
        }
        self.lease6 = Some(lease);
    }

    fn withdraw6(&mut self, addresses: &[std::net::Ipv6Addr], kernel: &mut Kernel) {
        for address in addresses {
            log::warning(&format!("{}: the lease of {address} has ended", self.link.name));
            let subnet = Subnet { address: (*address).into(), prefix: 128 };
            let removed = kernel.remove_address(self.link.index, subnet);
            self.done(removed.with_context(|| format!("cannot remove the address {address}")));
        }
    }

    pub(super) fn withdraw_all(&mut self, kernel: &mut Kernel) {
        if let Some(lease) = self.lease4.clone() {
            let done = self.withdraw4(&lease, kernel);
            self.done(done);
        }
        if let Some(lease) = self.lease6.take() {
            let addresses: Vec<_> = lease.addresses.iter().map(|own| own.address).collect();
            self.withdraw6(&addresses, kernel);
        }
    }

    /// Removes leased addresses of IPv4 but one: an earlier run of the daemon may have left them.
    fn remove_other_leased(&self, keep: Option<&dhcp::Lease>, kernel: &mut Kernel) -> Result<()> {
        let keep = keep.map(|lease| lease.address);
        for known in kernel.addresses().context("cannot list the addresses")? {
            let std::net::IpAddr::V4(own) = known.subnet.address else { continue };
            if known.index == self.link.index && known.protocol == PROTOCOL_DHCP && Some(own) != keep {
                kernel
                    .remove_address(known.index, known.subnet)
                    .with_context(|| format!("cannot remove the old address {own}"))?;
            }
        }
        Ok(())
    }

    fn tell_lease(&self, lease: &dhcp::Lease) {
        let time = lease.times.expire.map_or("for ever".to_owned(), |s| format!("for {s} s"));
        let from = lease.server.map_or("an unnamed server".to_owned(), |s| s.to_string());
        let router = lease.router().map_or("no router".to_owned(), |r| format!("router {r}"));
        let (name, address, prefix) = (&self.link.name, lease.address, lease.prefix);
        log::info(&format!("{name}: leased {address}/{prefix} {time} from {from}, {router}"));
    }

    /// Tells of what a server wants and cannot have; that is no fault of this machine's.
    fn told(&self, done: Result<()>) {
        if let Err(error) = done {
            log::warning(&format!("{}: {error:#}", self.link.name));
        }
    }

    /// Tells of what could not be done; the rest goes on.
    fn done(&mut self, done: Result<()>) {
        if let Err(error) = done {
            self.failed = true;
            log::warning(&format!("{}: {error:#}", self.link.name));
        }
    }
}

/// Removes what an earlier configuration set, or let servers and routers set, and this one does not have.
fn remove_stale(port: &Port, kernel: &mut Kernel) -> Result<()> {
    let index = port.link.index;
    for known in kernel.addresses().context("cannot list the addresses")? {
        let is_wanted =
            port.network.addresses.iter().any(|address| address.subnet.address == known.subnet.address);
        let is_stale = match known.protocol {
            PROTOCOL_STATIC => true,
            PROTOCOL_DHCP => port.dhcp6.is_none() && known.subnet.address.is_ipv6(),
            PROTOCOL_ROUTER => port.network.ra.is_none(),
            _ => false,
        };
        if known.index == index && is_stale && !is_wanted {
            kernel
                .remove_address(index, known.subnet)
                .with_context(|| format!("cannot remove the old address {}", known.subnet))?;
        }
    }
    if port.dhcp4.is_none() {
        port.remove_other_leased(None, kernel)?;
    }
    if port.network.ra.is_none() {
        kernel.remove_advertised_routes(index).context("cannot remove the routes of routers")?;
    }
    Ok(())
}
