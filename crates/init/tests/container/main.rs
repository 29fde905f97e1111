//! Real units under the real PID 1, as process 1 of a PID namespace, without a VM.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod boot_complete;
mod clients;
mod confined;
mod confinement;
mod devices;
mod forking;
mod harness;
mod load;
mod services;
mod shutdown;
mod timers;
mod types;
mod units;
