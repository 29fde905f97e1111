//! Layer: program. PID 1.
fn main() {}
