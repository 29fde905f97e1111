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

pub use testbed::{IMAGES, TOOLS, bed};
