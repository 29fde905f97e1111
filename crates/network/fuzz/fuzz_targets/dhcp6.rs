//! Answers to a client for IPv6, as somebody wishes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use network::Moment;
use network::dhcp6::client::{Options, next};
use network::dhcp6::{Event, Identity, Reply, State, Want};

fuzz_target!(|data: (u32, Vec<(u16, Vec<u8>)>)| {
    let (random, messages) = data;
    let us = Identity::of([2, 0, 0, 0, 0, 1]);
    let options = Options { rapid_commit: true };
    let mut ms = 0;
    let mut state = State::Idle(None);
    (state, _) = next(state, Event::Start(Want::Address), Moment { ms, random }, options);
    for (pause, bytes) in messages {
        ms += u64::from(pause);
        // An answer to us from a server, with whatever options.
        let mut message = vec![if pause % 2 == 0 { 2 } else { 7 }];
        message.extend(&random.to_be_bytes()[1..]);
        message.extend([0, 1, 0, us.duid.len() as u8]);
        message.extend(&us.duid);
        message.extend([0, 2, 0, 4, 0, 3, 0, 1]);
        message.extend(bytes);
        if let Some(reply) = Reply::decode(&message, &us) {
            for name in &reply.domains {
                assert!(!name.contains(|c: char| c.is_whitespace() || c.is_control()), "{name:?}");
            }
            (state, _) = next(state, Event::Reply(reply), Moment { ms, random }, options);
        }
        (state, _) = next(state, Event::Timer, Moment { ms, random }, options);
        assert!(state.deadline_ms().is_none_or(|due| due >= ms));
    }
});
