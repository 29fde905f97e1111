//! A link that the daemon looks after: its DHCP client, and what that decides put into effect.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

use anyhow::{Context, Result};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressAttribute;
use sys::packet::{FilterInstruction, PacketSocket};

use crate::log;
use crate::netlink::{self, Kernel};
use crate::status::LinkStatus;
use network::Moment;
use network::dhcp::{self, Action, Event, Identity, Lease, Mac, Reply, Request, State, Target, frame};

/// Added to a link's index, the metric of its routes: the first link is preferred, and routes
/// without a metric (the administrator's) are preferred to all.
const METRIC: u32 = 1024;

/// A packet socket's filter: unfragmented UDP to the clients' port. The rest of a busy host's
/// traffic must not wake the daemon.
const FILTER: [FilterInstruction; 9] = [
    instruction(0x30, 0, 0, 9),                         // A = protocol
    instruction(0x15, 0, 6, frame::UDP as u32),         // not UDP: drop
    instruction(0x28, 0, 0, 6),                         // A = flags and fragment offset
    instruction(0x45, 4, 0, 0x3fff),                    // a fragment: drop
    instruction(0xb1, 0, 0, 0),                         // X = length of the IP header
    instruction(0x48, 0, 0, 2),                         // A = UDP destination port
    instruction(0x15, 0, 1, frame::CLIENT_PORT as u32), // another port: drop
    instruction(0x06, 0, 0, 0xffff),                    // take
    instruction(0x06, 0, 0, 0),                         // drop
];

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> FilterInstruction {
    FilterInstruction { code, jt, jf, k }
}

/// A link that the daemon looks after.
pub struct Port {
    pub index: u32,
    pub name: String,
    mac: Mac,
    /// Taken out while an event is handled.
    state: State,
    /// Hears answers while the client awaits one.
    packets: Option<PacketSocket>,
    /// Sends from the leased address, while the client renews.
    unicast: Option<UdpSocket>,
    applied: Option<Lease>,
    /// Global addresses that are ready for use.
    pub ipv6: BTreeSet<Ipv6Addr>,
}

impl Port {
    /// A link that has no carrier yet.
    pub fn new(index: u32, name: String, mac: Mac) -> Self {
        Self {
            index,
            name,
            mac,
            state: State::Down(None),
            packets: None,
            unicast: None,
            applied: None,
            ipv6: BTreeSet::new(),
        }
    }

    /// When [`Event::Timer`] is due, in milliseconds.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.state.deadline_ms()
    }

    /// The socket to wait on, while an answer is awaited.
    pub fn packets(&self) -> Option<&PacketSocket> {
        self.packets.as_ref()
    }

    /// The lease in use.
    pub fn lease(&self) -> Option<&Lease> {
        self.applied.as_ref()
    }

    /// The state, for others.
    pub fn status(&self) -> LinkStatus {
        let lease = self.lease();
        let default = lease.and_then(|l| l.routes.iter().find(|r| r.prefix == 0));
        LinkStatus {
            name: self.name.clone(),
            carrier: !matches!(self.state, State::Down(_)),
            ipv4: lease.map(|l| format!("{}/{}", l.address, l.prefix)),
            gateway: default.and_then(|r| r.gateway),
            dns: lease.map(|l| l.dns.clone()).unwrap_or_default(),
            ntp: lease.map(|l| l.ntp.clone()).unwrap_or_default(),
            ipv6: self.ipv6.iter().copied().collect(),
        }
    }

    /// Tells the client what happened, and does what it decides.
    pub fn handle(&mut self, event: Event, now: Moment, kernel: &mut Kernel) {
        if let Event::Reply(reply) = &event
            && reply.kind == dhcp::message::ReplyKind::Nak
        {
            let text = reply.text().unwrap_or_default();
            log::info(&format!("{}: a DHCP server refuses the address: {text:?}", self.name));
        }
        let state = std::mem::replace(&mut self.state, State::Down(None));
        let (state, actions) = dhcp::client::next(state, event, now);
        self.state = state;
        // Before anything is sent, so that the answer is heard.
        self.listen();
        for action in actions {
            let done = match action {
                Action::Send(request, target) => self.send(&request, target),
                Action::Apply(lease) => self.apply(lease, kernel),
                Action::Withdraw(lease) => self.withdraw(&lease, kernel),
            };
            if let Err(error) = done {
                log::warning(&format!("{}: {error:#}", self.name));
            }
        }
    }

    /// Takes the answers that are there.
    pub fn receive(&mut self, now: Moment, kernel: &mut Kernel) {
        let mut buffer = [0; 2048];
        while let Some(packets) = &self.packets {
            match packets.receive(&mut buffer) {
                Ok(None) => return,
                Ok(Some(length)) => {
                    let message = buffer.get(..length).and_then(frame::decode);
                    if let Some(reply) = message.and_then(|m| Reply::decode(m, self.mac)) {
                        self.handle(Event::Reply(reply), now, kernel);
                    }
                }
                // The link is going down: its message comes by rtnetlink.
                Err(_) => return,
            }
        }
    }

    fn listen(&mut self) {
        if !self.state.listens() {
            (self.packets, self.unicast) = (None, None);
        } else if self.packets.is_none() {
            match PacketSocket::open(self.index, &FILTER) {
                Ok(socket) => self.packets = Some(socket),
                Err(error) => {
                    log::warning(&format!("{}: cannot listen for DHCP answers: {error}", self.name));
                }
            }
        }
    }

    fn send(&mut self, request: &Request, target: Target) -> Result<()> {
        let message = request.encode(&Identity::of(self.mac));
        match target {
            Target::Broadcast => {
                let socket = self.packets.as_ref().context("cannot ask for an address without a socket")?;
                let packet = frame::encode(request.client, &message);
                socket.broadcast(&packet).context("cannot send to DHCP servers")
            }
            Target::Server(server) => self
                .unicast(request.client)
                .and_then(|socket| socket.send_to(&message, (server, frame::SERVER_PORT)))
                .map(drop)
                .with_context(|| format!("cannot send to the DHCP server {server}")),
        }
    }

    /// The socket that sends from the leased address. Nothing is read from it, but while it is
    /// open the kernel does not tell the server that nobody listens here.
    fn unicast(&mut self, address: Ipv4Addr) -> std::io::Result<&UdpSocket> {
        let socket = match self.unicast.take() {
            Some(socket) => socket,
            None => UdpSocket::bind((address, frame::CLIENT_PORT))?,
        };
        Ok(self.unicast.insert(socket))
    }

    fn apply(&mut self, lease: Lease, kernel: &mut Kernel) -> Result<()> {
        let (index, metric) = (self.index, METRIC + self.index);
        let old = self.applied.take();
        if old.as_ref() != Some(&lease) {
            self.tell(&lease);
        }
        if let Some(mtu) = lease.mtu {
            kernel.set_mtu(index, mtu).with_context(|| format!("cannot set the MTU to {mtu}"))?;
        }
        remove_other_leased(index, lease.address, kernel)?;
        kernel
            .set_address(index, &lease)
            .with_context(|| format!("cannot set the address {}/{}", lease.address, lease.prefix))?;
        // Kept from here on, so that a failure below leaves nothing that is never removed.
        self.applied = Some(lease.clone());
        if let Some(old) = old.filter(|old| old.address == lease.address) {
            for route in old.routes.iter().filter(|r| !lease.routes.contains(r)) {
                kernel
                    .remove_route(index, &old, route, metric)
                    .with_context(|| format!("cannot remove the route to {}", route.destination))?;
            }
        }
        // Those on the link first: routers of the others may be behind them.
        let (near, far): (Vec<_>, Vec<_>) = lease.routes.iter().partition(|r| r.gateway.is_none());
        for route in near.into_iter().chain(far) {
            kernel
                .set_route(index, &lease, route, metric)
                .with_context(|| format!("cannot set the route to {}/{}", route.destination, route.prefix))?;
        }
        Ok(())
    }

    fn withdraw(&mut self, lease: &Lease, kernel: &mut Kernel) -> Result<()> {
        self.applied = None;
        log::warning(&format!("{}: the lease of {} has ended", self.name, lease.address));
        kernel
            .remove_address(self.index, lease.address, lease.prefix)
            .with_context(|| format!("cannot remove the address {}", lease.address))
    }

    fn tell(&self, lease: &Lease) {
        let time = lease.times.expire.map_or("for ever".to_owned(), |s| format!("for {s} s"));
        let from = lease.server.map_or("an unnamed server".to_owned(), |s| s.to_string());
        let router = lease.routes.iter().find(|r| r.prefix == 0).and_then(|r| r.gateway);
        let router = router.map_or("no router".to_owned(), |r| format!("router {r}"));
        let (name, address, prefix) = (&self.name, lease.address, lease.prefix);
        log::info(&format!("{name}: leased {address}/{prefix} {time} from {from}, {router}"));
    }
}

/// Removes leased addresses but one: an earlier run of the daemon may have left them.
fn remove_other_leased(index: u32, keep: Ipv4Addr, kernel: &mut Kernel) -> Result<()> {
    for message in kernel.addresses().context("cannot list the addresses")? {
        let RouteNetlinkMessage::NewAddress(message) = message else { continue };
        if message.header.index != index || !netlink::is_leased(&message) {
            continue;
        }
        for attribute in &message.attributes {
            if let AddressAttribute::Local(std::net::IpAddr::V4(local)) = attribute
                && *local != keep
            {
                kernel
                    .remove_address(index, *local, message.header.prefix_len)
                    .with_context(|| format!("cannot remove the old address {local}"))?;
            }
        }
    }
    Ok(())
}
