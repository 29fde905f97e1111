//! Layer: effects. Cores of processes that crashed.
//!
//! The kernel starts [`handler::run`] for each crash (core(5), "Piping core dumps to a program"),
//! with the core on its standard input. It keeps the core, packed, and beside it a [`Record`] of
//! what crashed; both are in one folder ([`Store`]), whose size is bounded. A line goes to the log.
//!
//! What is decided without a machine at hand has a module without effects each: the kernel's
//! arguments ([`crash`]), the settings ([`settings`]), the names of files ([`name`]), what is
//! removed ([`room`]), who has crashed too often ([`limiter`]), and what a core says of itself
//! ([`elf`]). A process that crashed is not trusted: of its paths only the names are read.

#![forbid(unsafe_code)]

pub mod crash;
pub mod elf;
mod gather;
pub mod handler;
pub mod limiter;
pub mod message;
pub mod name;
pub mod record;
pub mod room;
pub mod settings;
mod store;

pub use record::{Core, Module, Record};
pub use settings::Settings;
pub use store::{Place, Store};
