//! Layer: program. Makes a machine of an image on its first boot, as its Ignition config says.
#![forbid(unsafe_code)]

fn main() {}
