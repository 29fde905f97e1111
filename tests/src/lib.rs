//! Layer: tests. What the tests of built images share: where the build is, and how the foreign
//! tools' words are read.
//!
//! The tests themselves are in `tests/`: `image` reads the artifacts with tools that are not ours,
//! `vm` boots them, in the words of an operator. Run them by `cargo xtask test`, which builds
//! what they need and says where it is.
#![forbid(unsafe_code)]

pub mod debugger;
pub mod disk;
pub mod files;
pub mod iso;
pub mod nfs;
pub mod origin;
mod testbed;
pub mod version;
pub mod web;

/// Fills memory with bytes that no packer makes smaller, the same each time.
pub fn noise(bytes: &mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for word in bytes.chunks_mut(size_of::<u64>()) {
        // Xorshift (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
    }
}

pub use testbed::{IMAGES, TOOLS, bed};
