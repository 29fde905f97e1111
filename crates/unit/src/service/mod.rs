//! Services: their settings, and the state machine that runs them.

pub mod complaints;
pub mod config;
pub mod dynamic;
pub mod exit;
pub mod log;
pub mod machine;
pub mod notify;
pub mod sandbox;
pub mod state;
