//! Tier image: the artifacts, read by tools that are not ours.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot go on ends there.

mod artifacts;
mod partitions;
