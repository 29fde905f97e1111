//! The client's states on one link (RFC 8415, section 18.2).
//!
//! [`next`] takes a state and an event and gives the state after it and what is to be done. Time and
//! chance come in from outside.

use std::net::Ipv6Addr;

use super::exchange::Exchange;
use super::lease::{Held, Lease};
use super::message::{Reply, ReplyKind, Request, RequestKind, Status};
use crate::Moment;

/// The first message comes up to so much later, in milliseconds, so that machines which start together do not
/// ask together. RFC 8415 has 1 s; but a boot waits, and what begins this is a router's advertisement, which
/// the router delayed by chance already.
const FIRST_DELAY_MS: u64 = 100;
/// After an address that another machine has, or an answer that cannot be used, the client waits so long.
const REFUSAL_PAUSE_MS: u64 = 10_000;
/// Settings are asked for again after so long, in seconds, where the server says nothing (section 21.23).
const REFRESH: u32 = 86_400;
/// At the soonest.
const SOONEST_REFRESH: u32 = 600;
/// A server with this preference is taken at once.
const AT_ONCE: u8 = 255;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// An address, and settings.
    Address,
    /// Only settings.
    Settings,
}

/// What happens to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The link can carry packets, and something is to be had.
    Start(Want),
    /// The link cannot carry packets any more.
    Stop,
    /// The time of [`State::deadline_ms`] has come.
    Timer,
    /// A server's answer to this client.
    Reply(Reply),
    /// Another machine has the leased address.
    Duplicate(Ipv6Addr),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message to all servers of the link.
    Send(Request),
    /// Use the lease, in place of the one before.
    Apply(Lease),
    /// Stop using addresses.
    Withdraw(Vec<Ipv6Addr>),
}

/// The states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is asked for; a lease stays in use until it expires.
    Idle(Option<Held>),
    /// Looking for servers; the best so far.
    Soliciting(Exchange, Option<Box<Reply>>),
    /// An offer is being taken.
    Requesting(Exchange, Lease),
    /// The link came back: asking whether the addresses are still good here.
    Confirming(Exchange, Held),
    /// The lease is good; nothing to do.
    Bound(Held),
    /// Asking the server for more time.
    Renewing(Exchange, Held),
    /// Asking any server for more time.
    Rebinding(Exchange, Held),
    /// Telling the server that another machine has the address.
    Declining(Exchange, Vec<u8>, Vec<Ipv6Addr>),
    /// Asking for settings.
    Asking(Exchange, Option<Lease>),
    /// Settings are known, until this time in milliseconds.
    Informed(Lease, u64),
}

impl State {
    /// When [`Event::Timer`] is due, in milliseconds; `None` is never.
    pub fn deadline_ms(&self) -> Option<u64> {
        let due = match self {
            Self::Idle(None) => return None,
            Self::Idle(Some(held)) => held.expire_ms,
            Self::Soliciting(exchange, _)
            | Self::Requesting(exchange, _)
            | Self::Declining(exchange, ..)
            | Self::Asking(exchange, _) => exchange.next_ms,
            Self::Confirming(exchange, held) | Self::Rebinding(exchange, held) => {
                exchange.next_ms.min(held.expire_ms)
            }
            Self::Bound(held) => held.renew_ms.min(held.expire_ms),
            Self::Renewing(exchange, held) => exchange.next_ms.min(held.rebind_ms).min(held.expire_ms),
            Self::Informed(_, until_ms) => *until_ms,
        };
        (due != u64::MAX).then_some(due)
    }

    /// Whether an answer is awaited.
    pub fn listens(&self) -> bool {
        self.exchange().is_some()
    }

    /// The lease in use.
    pub fn held(&self) -> Option<&Held> {
        match self {
            Self::Idle(held) => held.as_ref(),
            Self::Bound(held)
            | Self::Confirming(_, held)
            | Self::Renewing(_, held)
            | Self::Rebinding(_, held) => Some(held),
            _ => None,
        }
    }

    /// The state of a client that takes over the lease of one before it.
    pub fn resume(held: Held, now_ms: u64) -> Self {
        Self::Idle((held.expire_ms > now_ms).then_some(held))
    }

    fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Idle(_) | Self::Bound(_) | Self::Informed(..) => None,
            Self::Soliciting(exchange, _)
            | Self::Requesting(exchange, _)
            | Self::Confirming(exchange, _)
            | Self::Renewing(exchange, _)
            | Self::Rebinding(exchange, _)
            | Self::Declining(exchange, ..)
            | Self::Asking(exchange, _) => Some(exchange),
        }
    }
}

/// What the client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a server may answer by two messages in place of four.
    pub rapid_commit: bool,
}

type Next = (State, Vec<Action>);

/// The state after an event, and what is to be done, in order.
pub fn next(state: State, event: Event, now: Moment, options: Options) -> Next {
    match event {
        Event::Start(want) => start(state, want, now),
        Event::Stop => (State::Idle(state.held().cloned()), Vec::new()),
        Event::Timer if state.deadline_ms().is_some_and(|due| due <= now.ms) => timer(state, now, options),
        Event::Timer => (state, Vec::new()),
        Event::Reply(reply) => match state.exchange() {
            Some(exchange) if exchange.xid == reply.xid && exchange.sent > 0 => answered(state, reply, now),
            _ => (state, Vec::new()),
        },
        Event::Duplicate(address) => duplicate(state, address, now),
    }
}

fn start(state: State, want: Want, now: Moment) -> Next {
    let delay = u64::from(now.random) % FIRST_DELAY_MS;
    match (state, want) {
        (State::Idle(Some(held)), Want::Address) if held.expire_ms > now.ms => {
            let exchange = Exchange::new(RequestKind::Confirm, now, delay);
            (State::Confirming(exchange, held), Vec::new())
        }
        (State::Idle(_) | State::Informed(..) | State::Asking(..), Want::Address) => {
            (State::Soliciting(Exchange::new(RequestKind::Solicit, now, delay), None), Vec::new())
        }
        // A lease from before goes: here, nobody gives addresses.
        (State::Idle(held), Want::Settings) => {
            let exchange = Exchange::new(RequestKind::Information, now, delay);
            (State::Asking(exchange, None), withdraw(held.as_ref()))
        }
        (state, _) => (state, Vec::new()),
    }
}

fn timer(state: State, now: Moment, options: Options) -> Next {
    match state {
        State::Idle(held) => (State::Idle(None), withdraw(held.as_ref())),
        State::Soliciting(exchange, Some(best)) if exchange.sent > 0 => request(*best, exchange, now),
        State::Soliciting(mut exchange, best) => {
            let message = Request { rapid_commit: options.rapid_commit, ..blank() };
            let action = Action::Send(exchange.send(now, message));
            (State::Soliciting(exchange, best), vec![action])
        }
        State::Requesting(exchange, _) if exchange.is_over(now.ms) => solicit(now, 0, Vec::new()),
        State::Requesting(mut exchange, offer) => {
            let action = Action::Send(exchange.send(now, about(&offer, true)));
            (State::Requesting(exchange, offer), vec![action])
        }
        State::Confirming(_, held) if held.expire_ms <= now.ms => solicit(now, 0, withdraw(Some(&held))),
        // Nobody objects: the addresses stay in use (section 18.2.3).
        State::Confirming(exchange, held) if exchange.is_over(now.ms) => confirmed(held, now),
        State::Confirming(mut exchange, held) => {
            let message = Request { server: None, ..about(&held.lease, true) };
            let action = Action::Send(exchange.send(now, message));
            (State::Confirming(exchange, held), vec![action])
        }
        // A server may give a time to use it, and none to ask for more.
        State::Bound(held) if held.expire_ms <= now.ms => solicit(now, 0, withdraw(Some(&held))),
        State::Bound(held) => renew(Exchange::new(RequestKind::Renew, now, 0), held, now),
        State::Renewing(_, held) | State::Rebinding(_, held) if held.expire_ms <= now.ms => {
            solicit(now, 0, withdraw(Some(&held)))
        }
        State::Renewing(_, held) if held.rebind_ms <= now.ms => {
            rebind(Exchange::new(RequestKind::Rebind, now, 0), held, now)
        }
        State::Renewing(exchange, held) => renew(exchange, held, now),
        State::Rebinding(exchange, held) => rebind(exchange, held, now),
        State::Declining(exchange, ..) if exchange.is_over(now.ms) => {
            solicit(now, REFUSAL_PAUSE_MS, Vec::new())
        }
        State::Declining(mut exchange, server, addresses) => {
            let message = Request { server: Some(server.clone()), addresses: addresses.clone(), ..blank() };
            let action = Action::Send(exchange.send(now, message));
            (State::Declining(exchange, server, addresses), vec![action])
        }
        State::Asking(mut exchange, known) => {
            let action = Action::Send(exchange.send(now, blank()));
            (State::Asking(exchange, known), vec![action])
        }
        State::Informed(known, _) => {
            let mut exchange = Exchange::new(RequestKind::Information, now, 0);
            let action = Action::Send(exchange.send(now, blank()));
            (State::Asking(exchange, Some(known)), vec![action])
        }
    }
}

fn answered(state: State, reply: Reply, now: Moment) -> Next {
    let is_good = reply.status == Status::Success;
    match (state, reply.kind) {
        (State::Soliciting(exchange, best), ReplyKind::Advertise) => {
            // Also an answer that offers nothing may say how often it wants to be asked (section 18.2.9).
            let exchange = exchange.with_longest(reply.sol_max);
            if !is_good || reply.addresses.is_empty() {
                return (State::Soliciting(exchange, best), Vec::new());
            }
            // The first second is for all servers to answer in; later the first that does is taken.
            if reply.preference == AT_ONCE || exchange.sent > 1 {
                return request(reply, exchange, now);
            }
            let better = best.as_ref().is_none_or(|best| reply.preference > best.preference);
            (State::Soliciting(exchange, if better { Some(Box::new(reply)) } else { best }), Vec::new())
        }
        (State::Soliciting(exchange, best), ReplyKind::Reply) => match Lease::of(&reply) {
            Some(lease) if reply.rapid_commit && is_good => bind(lease, now.ms),
            _ => (State::Soliciting(exchange, best), Vec::new()),
        },
        (State::Requesting(exchange, offer), ReplyKind::Reply) => match (reply.status, Lease::of(&reply)) {
            (Status::Success, Some(lease)) => bind(lease, now.ms),
            (Status::UnspecFail | Status::Other | Status::UseMulticast, _) => {
                (State::Requesting(exchange, offer), Vec::new())
            }
            _ => solicit(now, REFUSAL_PAUSE_MS, Vec::new()),
        },
        (State::Confirming(exchange, held), ReplyKind::Reply) => match reply.status {
            Status::Success => confirmed(held, now),
            Status::NotOnLink => solicit(now, 0, withdraw(Some(&held))),
            _ => (State::Confirming(exchange, held), Vec::new()),
        },
        (State::Renewing(exchange, held), ReplyKind::Reply) => match renewed(&held, &reply, now) {
            Some(next) => next,
            None => (State::Renewing(exchange, held), Vec::new()),
        },
        (State::Rebinding(exchange, held), ReplyKind::Reply) => match renewed(&held, &reply, now) {
            Some(next) => next,
            None => (State::Rebinding(exchange, held), Vec::new()),
        },
        // Whatever it says.
        (State::Declining(..), ReplyKind::Reply) => solicit(now, REFUSAL_PAUSE_MS, Vec::new()),
        (State::Asking(exchange, known), ReplyKind::Reply) => {
            if !is_good {
                return (State::Asking(exchange.with_longest(reply.inf_max), known), Vec::new());
            }
            let seconds = reply.refresh.unwrap_or(REFRESH).max(SOONEST_REFRESH);
            let until = if seconds == u32::MAX { u64::MAX } else { now.ms + u64::from(seconds) * 1000 };
            let lease = Lease::settings(&reply);
            (State::Informed(lease.clone(), until), vec![Action::Apply(lease)])
        }
        (state, _) => (state, Vec::new()),
    }
}

/// The answer to a Renew or a Rebind; `None` where it changes nothing.
fn renewed(held: &Held, reply: &Reply, now: Moment) -> Option<Next> {
    match reply.status {
        Status::Success => {}
        // The server has forgotten: it is asked for the same addresses as if new (section 18.2.10.1).
        Status::NoBinding => {
            let lease = Lease { server: reply.server.clone(), ..held.lease.clone() };
            let mut exchange = Exchange::new(RequestKind::Request, now, 0);
            let action = Action::Send(exchange.send(now, about(&lease, true)));
            return Some((State::Requesting(exchange, lease), vec![action]));
        }
        _ => return None,
    }
    let is_ours = |address: &&Ipv6Addr| held.lease.addresses.iter().any(|own| own.address == **address);
    let gone: Vec<Ipv6Addr> = reply.gone.iter().filter(is_ours).copied().collect();
    let mut actions = Vec::new();
    if !gone.is_empty() {
        actions.push(Action::Withdraw(gone));
    }
    match Lease::of(reply) {
        Some(lease) => {
            let (state, more) = bind(lease, now.ms);
            actions.extend(more);
            Some((state, actions))
        }
        None if !actions.is_empty() => Some(solicit(now, 0, actions)),
        None => None,
    }
}

fn duplicate(state: State, address: Ipv6Addr, now: Moment) -> Next {
    let is_leased = |held: &Held| held.lease.addresses.iter().any(|own| own.address == address);
    match state.held().filter(|held| is_leased(held)).cloned() {
        Some(held) => {
            let mut exchange = Exchange::new(RequestKind::Decline, now, 0);
            let server = held.lease.server.clone();
            let message = Request { server: Some(server.clone()), addresses: vec![address], ..blank() };
            let send = Action::Send(exchange.send(now, message));
            let actions = withdraw(Some(&held)).into_iter().chain([send]).collect();
            (State::Declining(exchange, server, vec![address]), actions)
        }
        None => (state, Vec::new()),
    }
}

/// Takes an offer.
fn request(offer: Reply, solicited: Exchange, now: Moment) -> Next {
    let Some(lease) = Lease::of(&offer) else {
        return (State::Soliciting(solicited, None), Vec::new());
    };
    let mut exchange = Exchange::new(RequestKind::Request, now, 0);
    let action = Action::Send(exchange.send(now, about(&lease, true)));
    (State::Requesting(exchange, lease), vec![action])
}

/// Looks for servers anew.
fn solicit(now: Moment, delay_ms: u64, actions: Vec<Action>) -> Next {
    (State::Soliciting(Exchange::new(RequestKind::Solicit, now, delay_ms), None), actions)
}

/// Takes a lease whose times count from now (section 21.4).
fn bind(lease: Lease, now_ms: u64) -> Next {
    (State::Bound(lease.clone().held(now_ms)), vec![Action::Apply(lease)])
}

/// Goes on with a lease after the link was away. Where it was taken down the kernel has removed the addresses.
fn confirmed(held: Held, now: Moment) -> Next {
    let lease = held.rest(now.ms);
    (State::Bound(held), vec![Action::Apply(lease)])
}

fn renew(mut exchange: Exchange, held: Held, now: Moment) -> Next {
    let action = Action::Send(exchange.send(now, about(&held.lease, true)));
    (State::Renewing(exchange, held), vec![action])
}

fn rebind(mut exchange: Exchange, held: Held, now: Moment) -> Next {
    let action = Action::Send(exchange.send(now, about(&held.lease, false)));
    (State::Rebinding(exchange, held), vec![action])
}

fn withdraw(held: Option<&Held>) -> Vec<Action> {
    let addresses = held.map(|held| held.lease.addresses.iter().map(|own| own.address).collect::<Vec<_>>());
    addresses.filter(|list| !list.is_empty()).map(Action::Withdraw).into_iter().collect()
}

/// A message about a lease's addresses.
fn about(lease: &Lease, to_its_server: bool) -> Request {
    Request {
        server: to_its_server.then(|| lease.server.clone()),
        addresses: lease.addresses.iter().map(|own| own.address).collect(),
        ..blank()
    }
}

/// A message of which the exchange says what it is.
fn blank() -> Request {
    Request {
        kind: RequestKind::Solicit,
        xid: 0,
        elapsed: 0,
        server: None,
        addresses: Vec::new(),
        rapid_commit: false,
    }
}

#[cfg(test)]
mod tests;
