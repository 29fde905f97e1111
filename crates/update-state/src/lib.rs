//! Layer: pure. What a machine remembers of its updates: `state.json` in [`layout::path::UPDATE`].
//!
//! The updater, the proof of a boot and `berthctl` read and write it, each by [`State::from_json`] and
//! [`State::to_json`], the file being replaced as a whole.
#![forbid(unsafe_code)]

mod model;
pub mod protocol;
mod record;

pub use model::{Check, Record, Refused, SCHEMA, Staged, State, StateError, What};
