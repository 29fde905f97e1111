//! Layer: pure. What of `/etc` is the machine's, and what of it the image has changed since.
//!
//! `/etc` is an overlay: the image's files below, the machine's changes above. A file that the machine has changed stays
//! as it is when an update brings another one below it. [`compare`] says which those are; [`Eras`] remembers what the
//! image had at what time, since the layers themselves do not tell.
#![forbid(unsafe_code)]

mod compare;
mod eras;

pub use compare::{Difference, Node, Upper, What, compare};
pub use eras::{Era, Eras, newest_version};
