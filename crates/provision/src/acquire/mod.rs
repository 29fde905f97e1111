//! Getting the config of a machine.

pub mod render;
