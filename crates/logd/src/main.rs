//! Layer: program. The log daemon.
fn main() {}
