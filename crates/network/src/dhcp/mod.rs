//! DHCP for IPv4 (RFC 2131), decided without IO: messages, packets, leases and the client's
//! states.

pub mod client;
pub mod frame;
pub mod lease;
pub mod message;
mod options;

pub use client::{Action, Event, Held, State, Target};
pub use lease::Lease;
pub use message::{Identity, Mac, Reply, Request};
