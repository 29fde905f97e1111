//! Layer: program. Makes a machine of an image on its first boot, as its Ignition config says.
#![forbid(unsafe_code)]

pub mod acquire;
pub mod daemons;
pub mod device;
pub mod disks;
pub mod failure;
pub mod fetcher;
pub mod fetching;
pub mod files;
pub mod first_boot;
pub mod kernel_arguments;
mod kernel_log;
pub mod metadata;
pub mod network;
mod programs;
mod report;
