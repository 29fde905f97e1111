//! Layer: effects. The tools tree: pinned Debian packages, fetched by apt into private
//! directories, unpacked, and entered with namespaces, as any user.
//!
//! - [`Archive`] says which packages there are, and fetches them;
//! - [`unpack`] makes a tree of them;
//! - [`Tree`] runs programs inside one.

mod apt;
mod archive;
mod command;
mod error;
mod mirror;
mod package;
mod tree;

pub use archive::Archive;
pub use command::Command;
pub use error::{Error, Result};
pub use mirror::{KEYRING_VARIABLE, MIRROR_VARIABLE, Mirror};
pub use package::{Package, parse_index, parse_simulation};
pub use tree::{FILE_LISTS, Tree, check_user_namespaces, unpack};
