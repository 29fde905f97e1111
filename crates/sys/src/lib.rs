//! Layer: effects. Kernel interfaces.
//!
//! One module an interface. `unsafe` stands here and in no other crate, each block with the
//! reason why it is sound.
#![allow(unsafe_code)]

pub mod address_filter;
pub mod ata;
pub mod block;
pub mod block_stack;
mod bpf;
pub mod cdrom;
pub mod child;
pub mod confine;
pub mod console;
pub mod credentials;
pub mod device_filter;
pub mod dm;
pub mod efi;
pub mod error;
pub mod ext4;
pub mod file;
pub mod interfaces;
mod ioctl;
pub mod ipc;
pub mod kernel_log;
pub mod listen;
pub mod loop_device;
pub mod machine;
pub mod module;
pub mod mount;
pub mod namespace;
pub mod packet;
pub mod partition_table;
pub mod random;
pub mod signal;
pub mod socket;
pub mod swap;
pub mod switch_root;
pub mod uevent;
pub mod watchdog;

pub use error::{Error, Result};
