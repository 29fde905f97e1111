//! A `.link` file, and a file of modprobe.d: what is not followed is named.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = devices::net::link_file::LinkFile::read("/x.link", text);
    _ = read.file.matching.fits(&Default::default(), &|_| true);
    let mut configuration = devices::modules::Configuration::default();
    configuration.read("/x.conf", text);
});
