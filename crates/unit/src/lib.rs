//! Layer: pure. Unit files, jobs and the service state machine.
//!
//! - [`text`] reads what a unit file says, [`load`] makes a [`Unit`] of it, [`directive`] is the
//!   table of what is supported;
//! - [`graph`] holds how units relate, [`transaction`] what a request pulls in and in which
//!   order;
//! - [`service::machine`] is one service's life, [`socket::machine`], [`path::machine`],
//!   [`timer::machine`] and [`attachment`] (mounts, swap) that of others, [`manager`] that of all units: all take an
//!   event and return actions, which `init` carries out;
//! - [`describe`] tells what a unit's files come to;
//! - [`install`] says what enabling a unit links, and [`preset`] what is enabled by default;
//! - [`security`] counts how exposed a service leaves the system;
//! - [`show`] is a unit as properties, [`virt`] what kind of machine this is;
//! - [`control`] is what `init` and `berthctl` say to each other.
#![forbid(unsafe_code)]

pub mod attachment;
pub mod cgroup;
pub mod condition;
pub mod control;
pub mod describe;
pub mod device;
pub mod directive;
pub mod graph;
pub mod install;
pub mod load;
pub mod manager;
pub mod model;
pub mod mount;
pub mod name;
pub mod path;
pub mod preset;
pub mod security;
pub mod service;
pub mod show;
pub mod slice;
pub mod socket;
pub mod swap;
pub mod text;
pub mod timer;
pub mod transaction;
pub mod virt;

pub use model::{Kind, Origin, Relation, Unit};
pub use name::{UnitName, UnitType};
