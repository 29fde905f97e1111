//! Layer: program. The network daemon.
fn main() {}
