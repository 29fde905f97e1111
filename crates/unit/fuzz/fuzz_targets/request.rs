//! What a client of the control socket sends: read, and written again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use unit::control::Request;

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<Request>(data) {
        let written = serde_json::to_vec(&request).expect("what was read can be written");
        assert_eq!(serde_json::from_slice::<Request>(&written).expect("and read again"), request);
    }
});
