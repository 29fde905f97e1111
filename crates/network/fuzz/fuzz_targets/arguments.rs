//! A kernel command line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use network::config::kargs::Arguments;

fuzz_target!(|text: &str| {
    let read = Arguments::read(text);
    assert!(read.networks.len() <= text.len() && read.netdevs.len() <= text.len());
});
