//! What a config makes of a root: the reference's cases by their names, and ours. Only root can give files away, so
//! the cases are for it alone.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

mod accounts;
mod document;
mod harness;
mod mounts;
mod reference;
mod remote;
mod rules;
mod server;
mod units;
