//! Layer: program. Stage 1: from the kernel to PID 1 of the verified `/usr`.
//!
//! Finds the disk that the machine was booted from and the slot whose verity root hash is the
//! kernel argument `usrhash`, mounts them, and becomes `/usr/lib/berth/init`. [`arguments`],
//! [`plan`], [`disk_table`] and [`superblock`] decide; the rest does. Whatever fails ends in
//! [`emergency`]: a report on every console, and a reboot.

pub mod arguments;
mod attempts;
pub mod boot;
mod disks;
pub mod emergency;
mod firmware;
mod fsck;
mod kernel_log;
mod partitions;
pub mod plan;
mod provisioning;
mod read_ahead;
mod root;
pub mod superblock;
mod threads;
mod usr;
mod watchdog;
