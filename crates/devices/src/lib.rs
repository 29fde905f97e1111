//! Layer: pure. What devices are called, who may use them, and which modules drive them.
//!
//! - [`sysfs`] is how a device is looked at: through a trait, so that tests give the attributes of
//!   machines as text ([`sysfs::Tree`]);
//! - [`uevent`] reads what the kernel says of a device;
//! - [`block`] says which links in `/dev/disk` a disk or partition has, [`path_id`] where it is
//!   attached, [`superblock`] and [`table`] what is on it, [`claims`] who gets a link that two claim;
//! - [`net`] names network interfaces and reads `.link` files;
//! - [`modules`] says which modules an alias needs, and in which order;
//! - [`node`] is the table of the owners and modes of device nodes;
//! - [`record`] is what is told of a device in a file for PID 1.
//!
//! Names are those of systemd 257's udev: `docs/devices.md` has the table of where they differ.
#![forbid(unsafe_code)]

pub mod aliases;
pub mod block;
pub mod claims;
pub mod control;
pub mod encode;
pub mod modules;
pub mod net;
pub mod node;
pub mod path_id;
pub mod record;
pub mod superblock;
pub mod sysfs;
pub mod table;
pub mod uevent;
