//! Layer: effects. Repositories of releases, as their maker has them.
//!
//! A repository is a folder of static files: metadata of The Update Framework (signed), targets (index of each
//! channel, manifests, headers of archives), and archives. [`Keys`] is the folder of private keys, [`Repository`] adds
//! to, withdraws from and signs anew. Each change is published at once: what names something is written after it, and
//! `timestamp.json`, which names all else, last and by a rename, so that a reader at any moment finds the old
//! repository or the new one whole.

mod archive;
mod build;
mod extensions;
pub mod fixture;
mod key;
mod keys;
mod metadata;
mod prune;
mod publish;
mod published;
mod repository;
mod role;
pub mod serve;
mod store;

pub use build::Release;
pub use extensions::Extension;
pub use fixture::Fixture;
pub use keys::{Keys, Rotation};
pub use repository::{Repository, Standing};
pub use role::{Lifetimes, Role};
