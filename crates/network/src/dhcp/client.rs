//! The client's states (RFC 2131, section 4.4, figure 5) on one link.
//!
//! [`next`] takes a state and an event and gives the state after it and what is to be done.
//! Time and chance come in from outside ([`Moment`]), so that the same input always gives the
//! same output.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::lease::Lease;
use super::message::{Reply, ReplyKind, Request, RequestKind};
use crate::Moment;

/// After so many requests without an answer the client looks for servers anew.
const REQUEST_TRIES: u32 = 4;
/// The same when it asks for the lease that it held before the link was away: on another network
/// nobody may answer.
const REBOOT_TRIES: u32 = 2;
/// Between two requests of a renewal lies at least this time (RFC 2131, section 4.4.5), in
/// milliseconds.
const RENEWAL_PAUSE_MS: u64 = 60_000;
/// After a refusal, or an answer that cannot be used, the client waits so long, in milliseconds.
const REFUSAL_PAUSE_MS: u64 = 3_000;

/// What happens to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The link can carry packets now.
    CarrierUp,
    /// The link cannot carry packets any more.
    CarrierDown,
    /// The time of [`State::deadline_ms`] has come.
    Timer,
    /// A server's answer to this client.
    Reply(Reply),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message.
    Send(Request, Target),
    /// Use the lease, in place of the one before.
    Apply(Lease),
    /// Stop using the lease's address.
    Withdraw(Lease),
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To all servers of the link.
    Broadcast,
    /// To this server, from the leased address.
    Server(Ipv4Addr),
}

/// Messages of one transaction: one is sent, and again while nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    xid: u32,
    /// When the client began to look or ask.
    started_ms: u64,
    /// When it sent the message whose answer it awaits: a lease counts from then on.
    asked_ms: u64,
    sent: u32,
    next_ms: u64,
}

/// A lease and its times on our clock; `u64::MAX` never comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    lease: Lease,
    renew_ms: u64,
    rebind_ms: u64,
    expire_ms: u64,
}

impl Held {
    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// When it ends, in milliseconds; `None` is never.
    pub fn expire_ms(&self) -> Option<u64> {
        (self.expire_ms != u64::MAX).then_some(self.expire_ms)
    }
}

/// The states of RFC 2131, figure 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The link is down; a lease stays in use until it expires.
    Down(Option<Held>),
    /// Looking for servers. A lease that nobody was there to confirm stays in use meanwhile.
    Selecting(Exchange, Option<Held>),
    /// An offer is being taken.
    Requesting(Exchange, Lease, Option<Held>),
    /// The link came back: asking whether the lease is still good here.
    Rebooting(Exchange, Held),
    /// The lease is good; nothing to do.
    Bound(Held),
    /// Asking the server for more time.
    Renewing(Exchange, Held),
    /// Asking any server for more time.
    Rebinding(Exchange, Held),
}

impl State {
    /// When [`Event::Timer`] is due, in milliseconds; `None` is never.
    pub fn deadline_ms(&self) -> Option<u64> {
        let due = match self {
            Self::Down(None) => return None,
            Self::Down(Some(held)) => held.expire_ms,
            Self::Selecting(exchange, held) | Self::Requesting(exchange, _, held) => {
                held.as_ref().map_or(exchange.next_ms, |held| exchange.next_ms.min(held.expire_ms))
            }
            Self::Rebooting(exchange, held) => exchange.next_ms.min(held.expire_ms),
            Self::Bound(held) => held.renew_ms,
            Self::Renewing(exchange, held) => exchange.next_ms.min(held.rebind_ms),
            Self::Rebinding(exchange, held) => exchange.next_ms.min(held.expire_ms),
        };
        (due != u64::MAX).then_some(due)
    }

    /// The lease in use.
    pub fn held(&self) -> Option<&Held> {
        match self {
            Self::Down(held) | Self::Selecting(_, held) | Self::Requesting(_, _, held) => held.as_ref(),
            Self::Bound(h) | Self::Rebooting(_, h) | Self::Renewing(_, h) | Self::Rebinding(_, h) => Some(h),
        }
    }

    /// The state of a client that takes over the lease of one before it. It asks whether the lease is still
    /// good as soon as the link is up.
    pub fn resume(held: Held, now_ms: u64) -> Self {
        Self::Down((held.expire_ms > now_ms).then_some(held))
    }

    /// Whether an answer is awaited.
    pub fn listens(&self) -> bool {
        !matches!(self, Self::Down(_) | Self::Bound(_))
    }

    fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Down(_) | Self::Bound(_) => None,
            Self::Selecting(e, _)
            | Self::Requesting(e, ..)
            | Self::Rebooting(e, _)
            | Self::Renewing(e, _)
            | Self::Rebinding(e, _) => Some(e),
        }
    }
}

/// The state after an event, and what is to be done, in order.
pub fn next(state: State, event: Event, now: Moment) -> (State, Vec<Action>) {
    match event {
        Event::CarrierUp => carrier_up(state, now),
        Event::CarrierDown => carrier_down(state),
        Event::Timer if state.deadline_ms().is_some_and(|due| due <= now.ms) => timer(state, now),
        Event::Timer => (state, Vec::new()),
        Event::Reply(reply) => match state.exchange() {
            Some(exchange) if exchange.xid == reply.xid && exchange.sent > 0 => answered(state, &reply, now),
            _ => (state, Vec::new()),
        },
    }
}

fn carrier_up(state: State, now: Moment) -> (State, Vec<Action>) {
    match state {
        State::Down(None) => select(now, None, Vec::new()),
        State::Down(Some(held)) => {
            let mut exchange = Exchange::new(now, now.ms);
            let action = exchange.send(request_again(&held.lease, Ipv4Addr::UNSPECIFIED), now);
            (State::Rebooting(exchange, held), vec![action])
        }
        up => (up, Vec::new()),
    }
}

fn carrier_down(state: State) -> (State, Vec<Action>) {
    let held = match state {
        State::Down(held) | State::Selecting(_, held) | State::Requesting(_, _, held) => held,
        State::Bound(held)
        | State::Rebooting(_, held)
        | State::Renewing(_, held)
        | State::Rebinding(_, held) => Some(held),
    };
    (State::Down(held), Vec::new())
}

fn timer(state: State, now: Moment) -> (State, Vec<Action>) {
    match state {
        State::Down(None) => (State::Down(None), Vec::new()),
        State::Down(Some(held)) => (State::Down(None), vec![Action::Withdraw(held.lease)]),
        State::Selecting(exchange, Some(held)) if held.expire_ms <= now.ms => {
            (State::Selecting(exchange, None), vec![Action::Withdraw(held.lease)])
        }
        State::Requesting(exchange, offer, Some(held)) if held.expire_ms <= now.ms => {
            (State::Requesting(exchange, offer, None), vec![Action::Withdraw(held.lease)])
        }
        State::Selecting(mut exchange, held) => {
            let action = exchange.send(discover(), now);
            (State::Selecting(exchange, held), vec![action])
        }
        State::Requesting(mut exchange, offer, held) => {
            if exchange.sent >= REQUEST_TRIES {
                return select(now, held, Vec::new());
            }
            let action = exchange.send(take(&offer), now);
            (State::Requesting(exchange, offer, held), vec![action])
        }
        State::Rebooting(mut exchange, held) => {
            if held.expire_ms <= now.ms {
                return select(now, None, vec![Action::Withdraw(held.lease)]);
            }
            // The address may be used for as long as it is leased (RFC 2131, section 3.2); but on another network
            // another is to be had.
            if exchange.sent >= REBOOT_TRIES {
                return select(now, Some(held), Vec::new());
            }
            let action = exchange.send(request_again(&held.lease, Ipv4Addr::UNSPECIFIED), now);
            (State::Rebooting(exchange, held), vec![action])
        }
        State::Bound(held) => renew(Exchange::new(now, now.ms), held, now),
        State::Renewing(exchange, held) if held.rebind_ms <= now.ms => rebind(exchange, held, now),
        State::Renewing(exchange, held) => renew(exchange, held, now),
        State::Rebinding(_, held) if held.expire_ms <= now.ms => {
            select(now, None, vec![Action::Withdraw(held.lease)])
        }
        State::Rebinding(exchange, held) => rebind(exchange, held, now),
    }
}

fn answered(state: State, reply: &Reply, now: Moment) -> (State, Vec<Action>) {
    let asked_ms = state.exchange().map_or(now.ms, |e| e.asked_ms);
    match (state, reply.kind) {
        (State::Selecting(exchange, held), ReplyKind::Offer) => match Lease::of(reply) {
            Some(offer) => {
                // The same transaction goes on (RFC 2131, table 5: "xid from server's OFFER").
                let mut exchange = Exchange { sent: 0, ..exchange };
                let action = exchange.send(take(&offer), now);
                (State::Requesting(exchange, offer, held), vec![action])
            }
            None => (State::Selecting(exchange, held), Vec::new()),
        },
        // Another server's answer to the same broadcast.
        (State::Requesting(exchange, offer, held), _)
            if reply.server.is_some() && reply.server != offer.server =>
        {
            (State::Requesting(exchange, offer, held), Vec::new())
        }
        (State::Requesting(_, _, held), ReplyKind::Nak) => {
            pause(now, held.map(|held| Action::Withdraw(held.lease)).into_iter().collect())
        }
        (State::Requesting(exchange, offer, held), ReplyKind::Ack) => match Lease::of(reply) {
            Some(lease) => bind(lease, asked_ms),
            None => (State::Requesting(exchange, offer, held), Vec::new()),
        },
        (
            State::Rebooting(_, held) | State::Renewing(_, held) | State::Rebinding(_, held),
            ReplyKind::Nak,
        ) => pause(now, vec![Action::Withdraw(held.lease)]),
        (state @ (State::Rebooting(..) | State::Renewing(..) | State::Rebinding(..)), ReplyKind::Ack) => {
            match Lease::of(reply) {
                Some(lease) => bind(lease, asked_ms),
                None => (state, Vec::new()),
            }
        }
        (state, _) => (state, Vec::new()),
    }
}

/// Looks for servers, at once.
fn select(now: Moment, held: Option<Held>, mut actions: Vec<Action>) -> (State, Vec<Action>) {
    let mut exchange = Exchange::new(now, now.ms);
    actions.push(exchange.send(discover(), now));
    (State::Selecting(exchange, held), actions)
}

/// Looks for servers, after a while.
fn pause(now: Moment, actions: Vec<Action>) -> (State, Vec<Action>) {
    (State::Selecting(Exchange::new(now, now.ms + REFUSAL_PAUSE_MS), None), actions)
}

/// Takes a lease whose times count from `since_ms`, when it was asked for.
fn bind(lease: Lease, since_ms: u64) -> (State, Vec<Action>) {
    let after = |seconds: Option<u32>| seconds.map_or(u64::MAX, |s| since_ms + u64::from(s) * 1000);
    let held = Held {
        renew_ms: after(lease.times.renew),
        rebind_ms: after(lease.times.rebind),
        expire_ms: after(lease.times.expire),
        lease: lease.clone(),
    };
    (State::Bound(held), vec![Action::Apply(lease)])
}

fn renew(mut exchange: Exchange, held: Held, now: Moment) -> (State, Vec<Action>) {
    let Some(server) = held.lease.server else {
        // Nobody to ask in particular.
        return rebind(exchange, held, now);
    };
    exchange.asked_ms = now.ms;
    exchange.sent += 1;
    exchange.next_ms = now.ms + RENEWAL_PAUSE_MS.max(held.rebind_ms.saturating_sub(now.ms) / 2);
    let request = exchange.fill(request_again(&held.lease, held.lease.address), now);
    let action = Action::Send(request, Target::Server(server));
    (State::Renewing(exchange, held), vec![action])
}

fn rebind(mut exchange: Exchange, held: Held, now: Moment) -> (State, Vec<Action>) {
    exchange.asked_ms = now.ms;
    exchange.sent += 1;
    exchange.next_ms = now.ms + RENEWAL_PAUSE_MS.max(held.expire_ms.saturating_sub(now.ms) / 2);
    let request = exchange.fill(request_again(&held.lease, held.lease.address), now);
    let action = Action::Send(request, Target::Broadcast);
    (State::Rebinding(exchange, held), vec![action])
}

fn discover() -> Request {
    Request {
        kind: RequestKind::Discover,
        xid: 0,
        seconds: 0,
        client: Ipv4Addr::UNSPECIFIED,
        requested: None,
        server: None,
    }
}

/// Takes an offer (RFC 2131, section 4.3.2, "SELECTING").
fn take(offer: &Lease) -> Request {
    Request { kind: RequestKind::Request, requested: Some(offer.address), server: offer.server, ..discover() }
}

/// Asks for a lease again. The address goes into the client's field where it is in use, and is
/// requested else (RFC 2131, table 4).
fn request_again(lease: &Lease, client: Ipv4Addr) -> Request {
    Request {
        kind: RequestKind::Request,
        client,
        requested: client.is_unspecified().then_some(lease.address),
        ..discover()
    }
}

impl Exchange {
    fn new(now: Moment, first_ms: u64) -> Self {
        Self { xid: now.random, started_ms: now.ms, asked_ms: now.ms, sent: 0, next_ms: first_ms }
    }

    /// Sends a message to all, and sets when it is due again.
    ///
    /// The pauses are 1, 2, 4, ... 64 s, each up to a quarter longer by chance. RFC 2131 (section
    /// 4.1) suggests 4 s as the first; but a boot waits for the answer, and after a link has come
    /// up the first packet is often lost.
    fn send(&mut self, request: Request, now: Moment) -> Action {
        if self.sent == 0 {
            self.asked_ms = now.ms;
        }
        let base = 1000 << self.sent.min(6);
        self.next_ms = now.ms + base + u64::from(now.random) % (base / 4);
        self.sent += 1;
        Action::Send(self.fill(request, now), Target::Broadcast)
    }

    fn fill(&self, request: Request, now: Moment) -> Request {
        let seconds = now.ms.saturating_sub(self.started_ms) / 1000;
        Request { xid: self.xid, seconds: seconds.min(u64::from(u16::MAX)) as u16, ..request }
    }
}

#[cfg(test)]
mod tests;
