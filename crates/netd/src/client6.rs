//! The DHCP client of a link for IPv6: what it decides, sent and heard.

use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};

use anyhow::{Context, Result};
use network::Moment;
use network::dhcp::Mac;
use network::dhcp6::client::Options;
use network::dhcp6::{
    self, Action, CLIENT_PORT, Event, Held, Identity, Lease, Reply, Request, SERVER_PORT, SERVERS, State,
    Want,
};

use crate::log;

/// What is to be done about addresses.
pub enum Change {
    /// Use the lease, in place of the one before.
    Apply(Lease),
    /// Stop using addresses.
    Withdraw(Vec<Ipv6Addr>),
}

/// The client.
pub struct Client {
    index: u32,
    identity: Identity,
    options: Options,
    /// Taken out while an event is handled.
    state: State,
    /// What was asked for last.
    wanted: Option<Want>,
    /// Sends, and hears answers, while the client awaits one.
    socket: Option<UdpSocket>,
    /// The address that it speaks from.
    own: Option<Ipv6Addr>,
}

impl Client {
    /// A client that does nothing yet, with the lease of one before it.
    pub fn new(index: u32, mac: Mac, rapid_commit: bool, held: Option<Held>, now_ms: u64) -> Self {
        let state = held.map_or(State::Idle(None), |held| State::resume(held, now_ms));
        let (identity, options) = (Identity::of(mac), Options { rapid_commit });
        Self { index, identity, options, state, wanted: None, socket: None, own: None }
    }

    /// When [`Event::Timer`] is due, in milliseconds.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.state.deadline_ms()
    }

    /// The socket to wait on, while an answer is awaited.
    pub fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_ref()
    }

    /// The lease in use.
    pub fn held(&self) -> Option<&Held> {
        self.state.held()
    }

    /// Has it ask for something, from this link-local address; nothing where it does already.
    pub fn want(&mut self, name: &str, want: Want, own: Ipv6Addr, now: Moment) -> Vec<Change> {
        if self.own != Some(own) {
            (self.own, self.socket) = (Some(own), None);
        }
        if self.wanted == Some(want) {
            return Vec::new();
        }
        self.wanted = Some(want);
        self.handle(name, Event::Start(want), now)
    }

    /// Has it stop asking.
    pub fn stop(&mut self, name: &str, now: Moment) {
        if self.wanted.take().is_some() {
            self.handle(name, Event::Stop, now);
        }
    }

    /// Tells the client what happened, and gives what is to be done.
    pub fn handle(&mut self, name: &str, event: Event, now: Moment) -> Vec<Change> {
        let state = std::mem::replace(&mut self.state, State::Idle(None));
        let (state, actions) = dhcp6::client::next(state, event, now, self.options);
        self.state = state;
        if !self.state.listens() {
            self.socket = None;
        }
        let mut changes = Vec::new();
        for action in actions {
            match action {
                Action::Apply(lease) => changes.push(Change::Apply(lease)),
                Action::Withdraw(addresses) => changes.push(Change::Withdraw(addresses)),
                Action::Send(request) => {
                    if let Err(error) = self.send(&request) {
                        log::warning(&format!("{name}: {error:#}"));
                    }
                }
            }
        }
        changes
    }

    /// The next answer that is there.
    pub fn receive(&self) -> Option<Reply> {
        let mut buffer = [0; 4096];
        while let Ok((length, _)) = self.socket.as_ref()?.recv_from(&mut buffer) {
            let message = buffer.get(..length);
            if let Some(reply) = message.and_then(|message| Reply::decode(message, &self.identity)) {
                return Some(reply);
            }
        }
        None
    }

    fn send(&mut self, request: &Request) -> Result<()> {
        let own = self.own.context("cannot ask DHCP servers without a link-local address")?;
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UdpSocket::bind(SocketAddrV6::new(own, CLIENT_PORT, 0, self.index))
                    .with_context(|| format!("cannot listen for DHCP answers at {own}"))?;
                socket.set_nonblocking(true).context("cannot listen for DHCP answers")?;
                socket
            }
        };
        let to = SocketAddrV6::new(SERVERS, SERVER_PORT, 0, self.index);
        self.socket
            .insert(socket)
            .send_to(&request.encode(&self.identity), to)
            .context("cannot send to DHCP servers")?;
        Ok(())
    }
}
