//! Layer: pure. Ignition configs: read, validated, merged.
#![forbid(unsafe_code)]

/// The types of a config, of the newest version: older ones are translated up.
pub use ignition_config::v3_6 as config;
