//! The states, event by event. A line of a story is the time in seconds, what happens, and what
//! the client does.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::dhcp::options::{Options, code};

/// A multiple of a quarter of every pause, so that chance adds nothing to them.
const XID: u32 = 16_000;
const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn reply_from(server: Ipv4Addr, kind: ReplyKind) -> Reply {
    let mut field = Vec::new();
    crate::dhcp::options::write(&mut field, code::LEASE_TIME, &1000u32.to_be_bytes());
    crate::dhcp::options::write(&mut field, code::SUBNET_MASK, &[255, 255, 255, 0]);
    let mut options = Options::default();
    options.read(&field);
    Reply { kind, xid: XID, address: US, server: Some(server), options }
}

fn reply(kind: ReplyKind) -> Event {
    Event::Reply(reply_from(SERVER, kind))
}

fn describe(action: &Action) -> String {
    let Action::Send(request, target) = action else {
        return match action {
            Action::Apply(lease) => format!("apply {}", lease.address),
            Action::Withdraw(lease) => format!("withdraw {}", lease.address),
            Action::Send(..) => unreachable!(),
        };
    };
    let mut text = match request.kind {
        RequestKind::Discover => "discover".to_owned(),
        RequestKind::Request => "request".to_owned(),
    };
    if let Some(address) = request.requested {
        write!(text, " {address}").unwrap();
    }
    if let Some(server) = request.server {
        write!(text, " of {server}").unwrap();
    }
    if !request.client.is_unspecified() {
        write!(text, " as {}", request.client).unwrap();
    }
    if let Target::Server(server) = target {
        write!(text, " to {server}").unwrap();
    }
    text
}

/// Runs the events. Timers that are due before the next event fire by themselves.
fn story(events: &[(u64, Event)], end: u64) -> Vec<String> {
    let mut state = State::Down(None);
    let mut told = Vec::new();
    let mut step = |state: State, ms: u64, event: Event| {
        let (state, actions) = next(state, event, Moment { ms, random: XID });
        for action in &actions {
            told.push(format!("{} {}", ms / 1000, describe(action)));
        }
        state
    };
    let events = events.iter().map(|(s, e)| (s * 1000, Some(e.clone())));
    for (ms, event) in events.chain([(end * 1000, None)]) {
        while let Some(due) = state.deadline_ms().filter(|due| *due < ms) {
            state = step(state, due, Event::Timer);
        }
        if let Some(event) = event {
            state = step(state, ms, event);
        }
    }
    told
}

#[test]
fn a_lease_is_taken_and_renewed() {
    let events = [
        (0, Event::CarrierUp),
        (0, reply(ReplyKind::Offer)),
        (0, reply(ReplyKind::Ack)),
        (501, reply(ReplyKind::Ack)),
    ];
    let expected = [
        "0 discover",
        "0 request 10.0.0.9 of 10.0.0.1",
        "0 apply 10.0.0.9",
        "500 request as 10.0.0.9 to 10.0.0.1",
        "501 apply 10.0.0.9",
        // Half of 1000 s from the request on, not from its answer.
        "1000 request as 10.0.0.9 to 10.0.0.1",
    ];
    assert_eq!(story(&events, 1001), expected);
}

#[test]
fn without_a_server_the_pauses_grow_to_a_minute() {
    let told = story(&[(5, Event::CarrierUp)], 210);
    let times = ["5", "6", "8", "12", "20", "36", "68", "132", "196"];
    assert_eq!(told, times.map(|t| format!("{t} discover")));
}

#[test]
fn a_lease_that_nobody_renews_is_given_up_when_it_expires() {
    let events = [(0, Event::CarrierUp), (0, reply(ReplyKind::Offer)), (0, reply(ReplyKind::Ack))];
    let expected = [
        "500 request as 10.0.0.9 to 10.0.0.1",
        "687 request as 10.0.0.9 to 10.0.0.1",
        "781 request as 10.0.0.9 to 10.0.0.1",
        "841 request as 10.0.0.9 to 10.0.0.1",
        "875 request as 10.0.0.9",
        "937 request as 10.0.0.9",
        "997 request as 10.0.0.9",
        "1000 withdraw 10.0.0.9",
        "1000 discover",
    ];
    assert_eq!(story(&events, 1001)[3..], expected);
}

#[test]
fn any_server_may_answer_once_its_own_did_not() {
    let events = [
        (0, Event::CarrierUp),
        (0, reply(ReplyKind::Offer)),
        (0, reply(ReplyKind::Ack)),
        (880, Event::Reply(reply_from(OTHER, ReplyKind::Ack))),
    ];
    let expected = ["875 request as 10.0.0.9", "880 apply 10.0.0.9", "1375 request as 10.0.0.9 to 10.0.0.2"];
    assert_eq!(story(&events, 1376)[7..], expected);
}

#[test]
fn a_refusal_withdraws_the_address_and_begins_anew_after_a_pause() {
    let events = [
        (0, Event::CarrierUp),
        (0, reply(ReplyKind::Offer)),
        (0, reply(ReplyKind::Ack)),
        (501, reply(ReplyKind::Nak)),
    ];
    let expected = ["500 request as 10.0.0.9 to 10.0.0.1", "501 withdraw 10.0.0.9", "504 discover"];
    assert_eq!(story(&events, 505)[3..], expected);
}

#[test]
fn an_offer_that_is_not_confirmed_is_let_go() {
    let events = [
        (0, Event::CarrierUp),
        (0, reply(ReplyKind::Offer)),
        (1, Event::Reply(reply_from(OTHER, ReplyKind::Ack))),
        (1, Event::Reply(reply_from(OTHER, ReplyKind::Nak))),
        (2, reply(ReplyKind::Offer)),
    ];
    let request = "request 10.0.0.9 of 10.0.0.1";
    let expected = [
        "0 discover".to_owned(),
        format!("0 {request}"),
        format!("1 {request}"),
        format!("3 {request}"),
        format!("7 {request}"),
        "15 discover".to_owned(),
    ];
    assert_eq!(story(&events, 16), expected);
}

#[test]
fn a_link_that_comes_back_asks_for_its_lease_first() {
    let bound = [
        (0, Event::CarrierUp),
        (0, reply(ReplyKind::Offer)),
        (0, reply(ReplyKind::Ack)),
        (10, Event::CarrierDown),
    ];
    let again = "20 request 10.0.0.9";
    // What happens then, until when, and what the client does.
    type Case<'a> = (&'a [(u64, Event)], u64, &'a [&'a str]);
    let cases: [Case<'_>; 5] = [
        (&[(20, Event::CarrierUp), (20, reply(ReplyKind::Ack))], 30, &[again, "20 apply 10.0.0.9"]),
        (
            &[(20, Event::CarrierUp), (20, reply(ReplyKind::Nak))],
            24,
            &[again, "20 withdraw 10.0.0.9", "23 discover"],
        ),
        (&[(20, Event::CarrierUp)], 24, &[again, "21 request 10.0.0.9", "23 discover"]),
        // Down for longer than the lease.
        (&[(1010, Event::CarrierUp)], 1011, &["1000 withdraw 10.0.0.9", "1010 discover"]),
        // A reply that was late.
        (&[(11, reply(ReplyKind::Ack))], 30, &[]),
    ];
    for (after, end, expected) in cases {
        let events = [&bound, after].concat();
        assert_eq!(story(&events, end)[3..], *expected, "{after:?}");
    }
}

#[test]
fn answers_to_others_and_useless_answers_are_ignored() {
    let mut foreign = reply_from(SERVER, ReplyKind::Offer);
    foreign.xid = 1;
    let mut timeless = reply_from(SERVER, ReplyKind::Offer);
    timeless.options = Options::default();
    let mut loopback = reply_from(SERVER, ReplyKind::Offer);
    loopback.address = Ipv4Addr::LOCALHOST;
    for useless in [foreign, timeless, loopback, reply_from(SERVER, ReplyKind::Ack)] {
        let events = [(0, Event::CarrierUp), (0, Event::Reply(useless.clone()))];
        assert_eq!(story(&events, 1), ["0 discover"], "{useless:?}");
    }
}

#[test]
fn a_lease_for_ever_needs_no_timer() {
    let mut ack = reply_from(SERVER, ReplyKind::Ack);
    ack.options = Options::default();
    ack.options.read(&[code::LEASE_TIME, 4, 255, 255, 255, 255]);
    let mut state = State::Down(None);
    for event in [Event::CarrierUp, reply(ReplyKind::Offer), Event::Reply(ack)] {
        state = next(state, event, Moment { ms: 0, random: XID }).0;
    }
    assert!(matches!(state, State::Bound(_)), "{state:?}");
    assert_eq!(state.deadline_ms(), None);
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec![ReplyKind::Offer, ReplyKind::Ack, ReplyKind::Nak]);
    let server = prop::sample::select(vec![SERVER, OTHER]);
    prop_oneof![
        Just(Event::CarrierUp),
        Just(Event::CarrierDown),
        Just(Event::Timer),
        (server, kind).prop_map(|(server, kind)| Event::Reply(reply_from(server, kind))),
    ]
}

proptest! {
    /// Whatever happens: at most one lease is in use, an expired one is not, there is always a
    /// next step while the link is up, and the client is never busy.
    #[test]
    fn the_address_in_use_is_always_a_valid_one(
        events in prop::collection::vec((0u64..400_000, any_event()), 1..60)
    ) {
        let mut state = State::Down(None);
        let (mut now, mut used) = (0, None::<Ipv4Addr>);
        let mut sent = 0u64;
        for (pause, event) in events {
            let end = now + pause;
            loop {
                let due = state.deadline_ms().filter(|due| *due <= end);
                let event = if due.is_some() { Event::Timer } else { event.clone() };
                now = due.unwrap_or(end).max(now);
                let (after, actions) = next(state, event, Moment { ms: now, random: XID });
                for action in actions {
                    match action {
                        Action::Apply(lease) => used = Some(lease.address),
                        Action::Withdraw(lease) => {
                            prop_assert_eq!(used.take(), Some(lease.address));
                        }
                        Action::Send(..) => sent += 1,
                    }
                }
                prop_assert_eq!(after.held().map(Held::lease).map(|l| l.address), used);
                if !matches!(after, State::Down(None)) {
                    let deadline = after.deadline_ms();
                    prop_assert!(deadline.is_some_and(|d| d > now), "{:?} at {}", after, now);
                }
                state = after;
                if due.is_none() {
                    break;
                }
            }
        }
        prop_assert!(sent <= now / 900 + 200, "{} messages in {} ms", sent, now);
    }
}
