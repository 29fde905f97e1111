//! The kernel's message of a router's option, as whoever calls itself a router wishes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use network::ra::{Advice, Known};

fuzz_target!(|messages: Vec<Vec<u8>>| {
    let mut known = Known::default();
    for (ms, message) in (0..).zip(&messages) {
        for advice in [Advice::decode(message), Advice::option(1, message)].into_iter().flatten() {
            known.learn(&advice, ms);
            assert!(known.servers().count() <= 16 && known.domains().count() <= 16);
        }
        known.expire(ms);
    }
});
