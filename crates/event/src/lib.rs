//! Layer: pure. The milestones a machine reports, in one table.
//!
//! A machine sends each [`Event`] as one line of JSON on the virtio-serial port
//! `layout::port::EVENTS`. Tests, and an operator's tooling, wait for events: never for console
//! prose and never for time. The console's own words for a milestone are made here too
//! ([`Event::console_line`]), so that the two cannot tell different stories.
#![forbid(unsafe_code)]

mod line;
pub mod provisioning;
mod table;

pub use line::{DecodeError, Decoder};
pub use table::{Event, ShutdownKind, Stage};
