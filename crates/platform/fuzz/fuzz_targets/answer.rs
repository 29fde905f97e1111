//! What a platform's service or disc says: YAML, JSON, XML, lists of keys.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| platform::fuzzing::read(data));
