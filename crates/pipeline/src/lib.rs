//! Layer: effects. Build steps, their keys and their cache.
//!
//! A [`Step`] declares all that its output depends on: parameters, files, other steps, and the
//! text of the code that makes it. The SHA-256 of these is its key; [`run`] makes what the
//! [`Cache`] lacks, independent steps at once. What is in the cache under a key is whole: outputs
//! are made apart and renamed into place, so a build may be killed at any moment, and any number
//! of builds may run at once.

pub mod bundle;
mod cache;
pub mod component;
pub mod elf;
pub mod inputs;
pub mod kconfig;
mod key;
mod licence;
mod lock_file;
pub mod multicall;
pub mod plan;
mod progress;
pub mod publish;
mod read;
mod run;
mod step;
pub mod steps;
pub mod userland;

pub use cache::{CACHE_VARIABLE, Cache, remove_tree};
pub use key::{Key, hash_bytes, hash_file, hash_tree};
pub use lock_file::{GoToolchain, Lock};
pub use plan::Plan;
pub use progress::{Outcome, Progress};
pub use run::run;
pub use step::{Context, Recipe, Step};
