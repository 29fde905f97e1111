//! The DHCP client of a link for IPv4: what it decides, sent and heard.

use std::net::{Ipv4Addr, UdpSocket};

use anyhow::{Context, Result};
use network::Moment;
use network::config::network::Dhcp4;
use network::dhcp::message::ReplyKind;
use network::dhcp::{self, Action, Event, Held, Identity, Lease, Mac, Reply, Request, State, Target, frame};
use sys::packet::{FilterInstruction, PacketSocket};

use crate::log;

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

/// What is to be done about addresses.
pub enum Change {
    /// Use the lease, in place of the one before.
    Apply(Lease),
    /// Stop using the lease's address.
    Withdraw(Lease),
}

/// The client.
pub struct Client {
    index: u32,
    identity: Identity,
    /// Taken out while an event is handled.
    state: State,
    /// Hears answers while the client awaits one.
    packets: Option<PacketSocket>,
    /// Sends from the leased address, while the client renews.
    unicast: Option<UdpSocket>,
}

impl Client {
    /// A client on a link that has no carrier yet, with the lease of one before it.
    pub fn new(index: u32, mac: Mac, config: &Dhcp4, held: Option<Held>, now_ms: u64) -> Self {
        let own = if config.duid { Identity::by_duid(mac) } else { Identity::of(mac) };
        let hostname = config.hostname.clone().or_else(machine_name).filter(|_| config.send_hostname);
        let identity = Identity {
            hostname,
            vendor_class: config.vendor_class.clone(),
            broadcast: config.broadcast,
            ..own
        };
        let state = held.map_or(State::Down(None), |held| State::resume(held, now_ms));
        Self { index, identity, state, packets: None, unicast: None }
    }

    /// When [`Event::Timer`] is due, in milliseconds.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.state.deadline_ms()
    }

    /// The socket to wait on, while an answer is awaited.
    pub fn socket(&self) -> Option<&PacketSocket> {
        self.packets.as_ref()
    }

    /// The lease in use.
    pub fn held(&self) -> Option<&Held> {
        self.state.held()
    }

    /// Tells the client what happened, and gives what is to be done. `name` is the link's, for the log.
    pub fn handle(&mut self, name: &str, event: Event, now: Moment) -> Vec<Change> {
        if let Event::Reply(reply) = &event
            && reply.kind == ReplyKind::Nak
        {
            let text = reply.text().unwrap_or_default();
            log::info(&format!("{name}: a DHCP server refuses the address: {text:?}"));
        }
        let state = std::mem::replace(&mut self.state, State::Down(None));
        let (state, actions) = dhcp::client::next(state, event, now);
        self.state = state;
        // Before anything is sent, so that the answer is heard.
        self.listen(name);
        let mut changes = Vec::new();
        for action in actions {
            match action {
                Action::Apply(lease) => changes.push(Change::Apply(lease)),
                Action::Withdraw(lease) => changes.push(Change::Withdraw(lease)),
                Action::Send(request, target) => {
                    if let Err(error) = self.send(&request, target) {
                        log::warning(&format!("{name}: {error:#}"));
                    }
                }
            }
        }
        changes
    }

    /// The next answer that is there.
    pub fn receive(&self) -> Option<Reply> {
        let mut buffer = [0; 2048];
        // Where it fails, the link is going down: its message comes by rtnetlink.
        while let Ok(Some(length)) = self.packets.as_ref()?.receive(&mut buffer) {
            let message = buffer.get(..length).and_then(frame::decode);
            if let Some(reply) = message.and_then(|m| Reply::decode(m, self.identity.mac)) {
                return Some(reply);
            }
        }
        None
    }

    fn listen(&mut self, name: &str) {
        if !self.state.listens() {
            (self.packets, self.unicast) = (None, None);
        } else if self.packets.is_none() {
            match PacketSocket::open(self.index, &FILTER) {
                Ok(socket) => self.packets = Some(socket),
                Err(error) => log::warning(&format!("{name}: cannot listen for DHCP answers: {error}")),
            }
        }
    }

    fn send(&mut self, request: &Request, target: Target) -> Result<()> {
        let message = request.encode(&self.identity);
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
}

/// The machine's name, where it has one.
fn machine_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty() && name != "localhost" && name != "(none)").then_some(name)
}
