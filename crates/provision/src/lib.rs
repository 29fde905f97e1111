//! Layer: program. Makes a machine of an image on its first boot, as its Ignition config says.
#![forbid(unsafe_code)]

pub mod daemons;
pub mod device;
pub mod disks;
pub mod acquire;
pub mod failure;
pub mod fetching;
pub mod files;
pub mod kernel_arguments;
pub mod metadata;
mod programs;
