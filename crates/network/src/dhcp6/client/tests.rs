//! The states, event by event. A line of a story is the time in seconds, what happens, and what the client does.

use proptest::prelude::*;

use super::*;
use crate::dhcp6::lease::LeasedAddress;

/// The middle of what chance can be: it adds nothing to pauses.
const XID: u32 = 100;
const US: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
const OPTIONS: Options = Options { rapid_commit: true };

fn reply(kind: ReplyKind) -> Reply {
    Reply {
        kind,
        xid: XID,
        server: vec![1],
        preference: 0,
        rapid_commit: false,
        status: Status::Success,
        times: (500, 800),
        addresses: vec![LeasedAddress { address: US, preferred: 900, valid: 1000 }],
        gone: vec![],
        dns: vec![],
        domains: vec![],
        ntp: vec![],
        refresh: None,
        sol_max: None,
        inf_max: None,
    }
}

fn heard(kind: ReplyKind) -> Event {
    Event::Reply(reply(kind))
}

fn status(status: Status) -> Event {
    Event::Reply(Reply { status, addresses: vec![], ..reply(ReplyKind::Reply) })
}

fn describe(action: &Action) -> String {
    match action {
        Action::Apply(lease) => match lease.addresses.first() {
            Some(own) if own.valid != 1000 => format!("apply {} for {} s", lease.addresses.len(), own.valid),
            _ => format!("apply {}", lease.addresses.len()),
        },
        Action::Withdraw(addresses) => format!("withdraw {}", addresses.len()),
        Action::Send(request) => {
            let to = request.server.as_ref().map_or(String::new(), |server| format!(" to {server:?}"));
            format!("{:?}{to}", request.kind).to_lowercase()
        }
    }
}

/// Runs the events. Timers that are due before the next event fire by themselves.
fn story(events: &[(u64, Event)], end: u64) -> Vec<String> {
    let mut state = State::Idle(None);
    let mut told = Vec::new();
    let mut step = |state: State, ms: u64, event: Event| {
        let (state, actions) = next(state, event, Moment { ms, random: XID }, OPTIONS);
        told.extend(actions.iter().map(|action| format!("{} {}", ms / 1000, describe(action))));
        state
    };
    let events = events.iter().map(|(s, e)| (s * 1000, Some(e.clone())));
    for (ms, event) in events.chain([(end * 1000, None)]) {
        while let Some(due) = state.deadline_ms().filter(|due| *due <= ms) {
            state = step(state, due, Event::Timer);
        }
        if let Some(event) = event {
            state = step(state, ms, event);
        }
    }
    told
}

const START: (u64, Event) = (0, Event::Start(Want::Address));

fn bound() -> Vec<(u64, Event)> {
    vec![START, (0, heard(ReplyKind::Advertise)), (1, heard(ReplyKind::Reply))]
}

#[test]
fn a_lease_is_taken_renewed_and_rebound() {
    let told = story(&bound(), 900);
    let expected = ["0 solicit", "1 request to [1]", "1 apply 1", "501 renew to [1]", "511 renew to [1]"];
    assert_eq!(told[..5], expected);
    assert!(told.contains(&"801 rebind".to_owned()), "{told:?}");
    let told = story(&bound(), 1001);
    assert_eq!(told[told.len() - 2..], ["1001 withdraw 1", "1001 solicit"]);
}

#[test]
fn answers_and_what_follows() {
    let with = |more: Vec<(u64, Event)>| [bound(), more].concat();
    let preferred = Reply { preference: 255, ..reply(ReplyKind::Advertise) };
    let rapid = Reply { rapid_commit: true, ..reply(ReplyKind::Reply) };
    let gone = Reply { addresses: vec![], gone: vec![US], ..reply(ReplyKind::Reply) };
    // The events, until when, and the end of what is told.
    for (events, end, expected) in [
        (vec![START, (0, Event::Reply(preferred))], 0, vec!["0 solicit", "0 request to [1]"]),
        (vec![START, (0, Event::Reply(rapid))], 0, vec!["0 solicit", "0 apply 1"]),
        (vec![START, (0, heard(ReplyKind::Reply))], 0, vec!["0 solicit"]),
        (vec![START, (2, heard(ReplyKind::Advertise))], 2, vec!["1 solicit", "2 request to [1]"]),
        (with(vec![(502, heard(ReplyKind::Reply))]), 1002, vec!["502 apply 1", "1002 renew to [1]"]),
        (with(vec![(502, status(Status::NoBinding))]), 502, vec!["501 renew to [1]", "502 request to [1]"]),
        (with(vec![(502, status(Status::UnspecFail))]), 502, vec!["501 renew to [1]"]),
        (with(vec![(502, Event::Reply(gone))]), 502, vec!["502 withdraw 1", "502 solicit"]),
        (
            with(vec![(9, Event::Stop), (20, START.1)]),
            31,
            vec!["20 confirm", "21 confirm", "23 confirm", "27 confirm", "30 apply 1 for 971 s"],
        ),
        (
            with(vec![(9, Event::Stop), (20, START.1), (21, status(Status::Success))]),
            30,
            vec!["1 apply 1", "20 confirm", "21 confirm", "21 apply 1 for 980 s"],
        ),
        (
            with(vec![(9, Event::Stop), (20, START.1), (21, status(Status::NotOnLink))]),
            21,
            vec!["21 withdraw 1", "21 solicit"],
        ),
        (
            with(vec![(9, Event::Stop), (20, Event::Start(Want::Settings)), (20, status(Status::Success))]),
            20,
            vec!["20 withdraw 1", "20 information", "20 apply 0"],
        ),
        (with(vec![(9, Event::Stop)]), 1001, vec!["1 apply 1", "1001 withdraw 1"]),
        (
            with(vec![(3, Event::Duplicate(US))]),
            4,
            vec!["3 withdraw 1", "3 decline to [1]", "4 decline to [1]"],
        ),
        (
            with(vec![(3, Event::Duplicate(US)), (3, status(Status::Success))]),
            13,
            vec!["3 decline to [1]", "13 solicit"],
        ),
        (
            vec![(0, Event::Start(Want::Settings)), (0, status(Status::Success))],
            86_400,
            vec!["0 information", "0 apply 0", "86400 information"],
        ),
        (
            vec![(0, Event::Start(Want::Settings)), (0, status(Status::Success)), (5, START.1)],
            5,
            vec!["0 apply 0", "5 solicit"],
        ),
    ] {
        let told = story(&events, end);
        assert_eq!(told[told.len().saturating_sub(expected.len())..], expected, "{events:?}: {told:?}");
    }
}

#[test]
fn a_lease_without_times_to_renew_it_ends_all_the_same() {
    let endless = Reply { times: (u32::MAX, u32::MAX), ..reply(ReplyKind::Reply) };
    let told = story(&[START, (0, heard(ReplyKind::Advertise)), (1, Event::Reply(endless))], 1001);
    assert_eq!(told[2..], ["1 apply 1", "1001 withdraw 1", "1001 solicit"]);
}

#[test]
fn a_client_after_another_asks_whether_its_lease_is_still_good() {
    let lease = Lease::of(&reply(ReplyKind::Reply)).unwrap();
    let held = lease.held(5000);
    let state = State::resume(held.clone(), 6000);
    assert_eq!(state.held(), Some(&held));
    let (state, _) = next(state, START.1, Moment { ms: 6000, random: XID }, OPTIONS);
    assert!(matches!(state, State::Confirming(..)));
    assert_eq!(State::resume(held, 2_000_000), State::Idle(None));
}

proptest! {
    #[test]
    fn no_order_of_events_makes_it_fail_or_run_hot(events in prop::collection::vec((0u64..700, 0usize..12), 0..40)) {
        let choices = [
            START.1,
            Event::Start(Want::Settings),
            Event::Stop,
            Event::Timer,
            heard(ReplyKind::Advertise),
            heard(ReplyKind::Reply),
            status(Status::NoBinding),
            status(Status::NotOnLink),
            status(Status::NoAddrsAvail),
            status(Status::UnspecFail),
            Event::Duplicate(US),
            Event::Timer,
        ];
        let mut ms = 0;
        let events: Vec<_> = events.into_iter().map(|(pause, n)| { ms += pause; (ms, choices[n].clone()) }).collect();
        let told = story(&events, ms + 1000);
        prop_assert!(told.len() < 40 * 20 + ms as usize / 10 + 100, "{} lines in {ms} s", told.len());
    }
}
