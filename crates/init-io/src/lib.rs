//! Layer: effects. What PID 1 waits for and acts on, a module each. What is done about it, `unit` decides.

pub mod cgroups;
pub mod clock;
pub mod conditions;
pub mod control;
pub mod devices;
pub mod files;
pub mod folders;
pub mod notify;
pub mod output;
pub mod paths;
pub mod poller;
pub mod power;
pub mod report;
pub mod sockets;
pub mod tables;
pub mod watchdog;
mod writer;
