//! DHCP for IPv6 (RFC 8415), decided without IO: messages, leases and the client's states.

pub mod client;
mod exchange;
mod lease;
pub mod message;

pub use client::{Action, Event, State, Want};
pub use lease::{Held, Lease, LeasedAddress};
pub use message::{Identity, Reply, Request};

/// UDP port of clients.
pub const CLIENT_PORT: u16 = 546;
/// UDP port of servers and relays.
pub const SERVER_PORT: u16 = 547;
/// All servers and relays of a link (RFC 8415, section 7.1).
pub const SERVERS: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
