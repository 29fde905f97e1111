//! A source as a config may hold it, and a packet as a TFTP server may send it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    _ = fetch::tftp::parse_packet(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    _ = fetch::shown(text);
    _ = fetch::data::decode(text);
    _ = fetch::data::decode(&format!("data:{text}"));
});
