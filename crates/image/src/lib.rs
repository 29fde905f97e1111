//! Layer: effects. File systems, disks, UKIs.
//!
//! Each module makes one kind of artifact, from bytes, files and sizes that it is given; what goes
//! into an image is decided elsewhere. The same input gives the same bytes: times come from a given
//! epoch, identifiers from crate `layout`. Foreign programs run in the tools tree, each from the one
//! module that owns its flags.
#![forbid(unsafe_code)]

pub mod cpio;
pub mod ddi;
pub mod disk;
pub mod erofs;
mod error;
pub mod esp;
pub mod ext4;
mod fat;
pub mod files;
pub mod guard;
pub mod oci;
pub mod qcow2;
pub mod size;
pub mod sparse;
mod tool;
pub mod verity;

pub use error::{Error, Result};
