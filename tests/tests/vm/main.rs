//! Tier vm: the built image, booted and driven as an operator would. One binary, since linking
//! costs more than running.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot go on ends there.

mod boot;
mod containers;
mod crashes;
mod devices;
mod etcd;
mod extensions;
mod firmware;
mod first_boot;
mod glance;
mod growth;
mod identity;
mod idle;
mod init;
mod logs;
mod networks;
mod power;
mod provisioning;
mod recorder;
mod security;
mod services;
mod settings;
mod slots;
mod timers;
mod updates;
mod verity;
