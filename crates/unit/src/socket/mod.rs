//! Socket units (systemd.socket(5)): where programs connect to, before the service behind it runs.

pub mod address;
pub mod config;
pub mod machine;
