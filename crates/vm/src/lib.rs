//! Layer: effects. The QEMU harness: boots a built image as an operator would, and reads like
//! English.
//!
//! ```no_run
//! # fn main() -> Result<(), vm::Error> {
//! use vm::{BOOT_LIMIT, Bus, Milestone, Testbed, Vm};
//!
//! let bed = Testbed::open("tools", "target/images")?;
//! let mut machine = Vm::uefi(&bed).memory_mib(512).disk_bus(Bus::Nvme).ssh().boot()?;
//! machine.wait_for(Milestone::Target("multi-user.target"), BOOT_LIMIT)?;
//! machine.ssh().run("etcdctl put question answer")?;
//! machine.power_off()?;
//! # Ok(())
//! # }
//! ```
//!
//! A machine ends with the value that owns it: when a test panics, its machines are killed by
//! `Drop`; when the test's process is killed, the sandbox's parent-death signal takes them along.
//! Each machine works on an overlay of its own, so a built image is never written to.
#![forbid(unsafe_code)]

mod accel;
mod disk;
mod error;
mod firmware;
mod folder;
mod images;
mod key;
mod machine;
mod measure;
mod milestone;
mod network;
pub mod qemu;
mod qmp;
mod record;
mod recording;
mod setup;
mod shell;
mod ssh;
mod switch;
mod testbed;

pub use accel::Accel;
pub use disk::{Disk, Format, copy_range};
pub use error::Error;
pub use firmware::Firmware;
pub use images::Images;
pub use machine::{BOOT_LIMIT, Vm};
pub use measure::Memory;
pub use milestone::Milestone;
pub use network::Network;
pub use qemu::Bus;
pub use record::Timed;
pub use recording::{CutDisk, Recording};
pub use setup::Setup;
pub use shell::{Output, Shell};
pub use ssh::Ssh;
pub use switch::{Port, Switch};
pub use testbed::Testbed;

/// What the harness returns.
pub type Result<T> = std::result::Result<T, Error>;
