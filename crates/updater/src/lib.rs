//! Layer: program. Taking updates: what the program `updater` does by `daemon`, and what its other words share with that.
//!
//! [`Repository`] proves what a server says, and says nothing else; [`channel`](manifest::channel) chooses;
//! [`Content`](install::Content) fetches the chunks that the machine does not have, which `deployment` has written to the
//! other slot; [`extensions`] come along; [`Store`] remembers. [`Updater`] is the order of these.
#![forbid(unsafe_code)]

pub mod archive;
pub mod banner;
pub mod clone;
pub mod daemon;
pub mod extensions;
pub mod install;
pub mod mirrors;
pub mod record;
pub mod repository;
pub mod restart;
pub mod settings;
pub mod store;
mod tuf;
mod updater;

pub use repository::{Repository, Trust};
pub use store::Store;
pub use updater::{Facts, Found, Outcome, Updater};

/// Tells why something was not done that nothing waits for.
pub fn note(result: anyhow::Result<()>) {
    if let Err(error) = result {
        eprintln!("{error:#}");
    }
}
