//! Layer: program. The operator's tool.
fn main() {}
