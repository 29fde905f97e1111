//! A `.network` or `.netdev` file and a drop-in: what is not followed is named, in a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use network::config::network::Source;
use network::config::{NetDev, Network};

fuzz_target!(|texts: (&str, &str)| {
    let sources = [Source { path: "/x", text: texts.0 }, Source { path: "/x.d/y.conf", text: texts.1 }];
    let read = Network::read(&sources);
    assert!(read.network.is_some() || !read.warnings.is_empty());
    let made = NetDev::read(&sources);
    assert!(made.netdev.is_some() || !made.warnings.is_empty());
    for warning in read.warnings.iter().chain(&made.warnings) {
        assert!(!warning.to_string().is_empty());
    }
});
