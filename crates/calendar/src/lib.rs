//! Layer: pure. Times as people write them (systemd.time(7)).
//!
//! - [`Expression`] is a calendar expression, `Mon..Fri 06:30`: read, written in its normal form,
//!   and asked when it comes next;
//! - [`span`] reads and writes lengths of time, `1min 30s`;
//! - [`timestamp`] reads and writes moments, `2026-11-24 18:10:00 UTC`, `yesterday`, `-5min`;
//! - [`Zone`] is a time zone, whose data the caller brings ([`Zones`]).
//!
//! A moment is the time since 1970 began in UTC, to the microsecond.
#![forbid(unsafe_code)]

mod civil;
mod expression;
pub mod span;
pub mod timestamp;
mod zone;

pub use expression::{Expression, ExpressionError};
pub use zone::{Fixed, Zone, ZoneError, ZoneRef, Zones, is_zone_name};
