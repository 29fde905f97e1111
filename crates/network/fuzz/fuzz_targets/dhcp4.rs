//! Packets of a link on which somebody answers as they wish: what is leased may be put into resolv.conf.
#![no_main]

use libfuzzer_sys::fuzz_target;
use network::Moment;
use network::dhcp::client::next;
use network::dhcp::{Action, Event, Lease, Reply, State, frame};

fuzz_target!(|data: (u32, Vec<(u16, Vec<u8>)>)| {
    let (random, packets) = data;
    let mut state = State::Down(None);
    let mut ms = 0;
    (state, _) = next(state, Event::CarrierUp, Moment { ms, random });
    for (pause, mut packet) in packets {
        ms += u64::from(pause);
        let _ = frame::decode(&packet);
        // Bear the marks of an answer to us, so that more than the first bytes is looked at.
        packet.resize(packet.len().max(244), 0);
        packet[..3].copy_from_slice(&[2, 1, 6]);
        packet[4..8].copy_from_slice(&random.to_be_bytes());
        packet[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        packet[236..240].copy_from_slice(&[99, 130, 83, 99]);
        let Some(reply) = Reply::decode(&packet, [2, 0, 0, 0, 0, 1]) else { continue };
        let _ = reply.text();
        if let Some(lease) = Lease::of(&reply) {
            for name in lease.domains.iter().chain(&lease.hostname) {
                assert!(!name.contains(|c: char| c.is_whitespace() || c.is_control()), "{name:?}");
            }
        }
        let actions: Vec<Action>;
        (state, actions) = next(state, Event::Reply(reply), Moment { ms, random });
        assert!(actions.len() < 8);
        (state, _) = next(state, Event::Timer, Moment { ms, random });
        assert!(state.deadline_ms().is_none_or(|due| due >= ms));
    }
});
