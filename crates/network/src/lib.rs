//! Layer: pure. What the network is to be, and the protocols by which it is learned.
//!
//! [`config`] reads `.network` and `.netdev` files and the kernel arguments that stand for them;
//! [`dhcp`] and [`dhcp6`] are the clients' states and messages, [`ra`] what routers say of name
//! servers. [`status`] is what the network daemon tells others.

#![forbid(unsafe_code)]

pub mod config;
pub mod dhcp;
pub mod dhcp6;
pub mod moment;
pub mod name;
pub mod ra;
pub mod status;

pub use moment::Moment;
