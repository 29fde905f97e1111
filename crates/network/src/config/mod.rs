//! Configuration: `.network` and `.netdev` files (systemd.network(5), systemd.netdev(5)), and
//! kernel arguments.

mod directive;
pub mod kargs;
pub mod netdev;
pub mod network;
mod sections;
pub mod table;
mod value;

pub use netdev::NetDev;
pub use network::Network;
pub use sections::Warning;
pub use value::Subnet;

#[cfg(test)]
mod tests;
