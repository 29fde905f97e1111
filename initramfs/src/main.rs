//! Layer: program. Stage 1.
fn main() {}
