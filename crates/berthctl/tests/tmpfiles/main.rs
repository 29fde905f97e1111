//! `systemd-tmpfiles` as tables: what is there, what lines say, what is there afterwards. Those that are
//! systemd's own (its tests TEST-22-TMPFILES and test-systemd-tmpfiles.py) are named by where they are from.
//! Each case runs below a root of its own and in the running system, in a folder of its own.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

mod clean;
mod create;
mod harness;
mod options;
