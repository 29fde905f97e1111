//! Layer: pure. The disk and path contract.
//!
//! Each fact that the builder, stage 1, PID 1, the updater and the tests must agree on is
//! written here and nowhere else: partitions and their identifiers, paths, port names, kernel
//! arguments, system users. There is no logic here beyond naming, and no dependency.
#![forbid(unsafe_code)]

pub mod args;
pub mod disk;
pub mod esp;
pub mod extension;
pub mod guid;
pub mod path;
pub mod platform;
pub mod port;
pub mod repository;
pub mod user;

pub use disk::{Partition, Slot};
pub use guid::Guid;
