//! Layer: program. The front door.
fn main() {}
