//! Layer: effects. Kernel interfaces.
//!
//! One module an interface. `unsafe` stands here and in no other crate, each block with the
//! reason why it is sound.
#![allow(unsafe_code)]

pub mod block;
pub mod console;
pub mod dm;
pub mod error;
pub mod ext4;
mod ioctl;
pub mod listen;
pub mod mount;
pub mod namespace;
pub mod random;
pub mod switch_root;
pub mod uevent;

pub use error::{Error, Result};
