//! Layer: effects. System extensions: images with files for `/usr` and `/opt` that are merged over the base's at boot
//! (UAPI group, UAPI.4 "Extension Images").
//!
//! What is taken and why not is decided by pure code: [`candidates`] among the files that there are, [`Record`] by root
//! hash, [`release`] by the base's version. Which an update must bring along, [`update`] and the index of a channel say.
//! [`machine`] does it.
#![forbid(unsafe_code)]

pub mod candidates;
pub mod fixture;
pub mod image;
pub mod machine;
mod outcome;
mod record;
pub mod release;
pub mod update;

pub use outcome::{Boot, Outcome, State};
pub use record::{Record, RecordError, SCHEMA, Trusted};
