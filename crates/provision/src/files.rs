//! What a config wants in the new root: files, folders, links, users and groups, units.

mod accounts;
mod mounts;
mod nodes;
mod order;
mod people;
mod place;
mod tree;
mod units;

use std::fs::File;
use std::path::Path;

use ignition::config::{Config, Resource};

use crate::device::Names;
use crate::failure::Failure;
pub use people::set_keys;

use mounts::Mounts;
use nodes::Maker;
use tree::Tree;

/// Writes what a resource names to an empty file, unpacked and checked. The path of a failure is filled in by who
/// asked.
pub type Fetch<'a> = dyn FnMut(&Resource, &mut File) -> Result<(), Failure> + 'a;

/// Has a new root be as a config wants it, on the config's own file systems as well, whose devices have `names`. What
/// is worth a warning is told. When it is done, all is on the disks.
///
/// # Errors
/// A part of the config cannot be followed. What was done before it stays: the machine is not to start then.
pub fn apply(
    root: &Path,
    config: &Config,
    names: &Names,
    fetch: &mut Fetch<'_>,
    tell: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let tree =
        Tree::open(root).map_err(|error| Failure::new("", format!("{error:#}"), "mount ROOT first"))?;
    let mounts = Mounts::mount(&tree, config, names, tell)?;
    people::apply(&tree, config, &mounts.made, tell)?;
    let entries = order::entries(config, &|path| tree.resolve(path))?;
    let accounts = settings_apply::host::accounts(tree.root());
    let mut maker = Maker { tree: &tree, accounts: &accounts, fetch };
    for entry in &entries {
        maker.make(entry)?;
    }
    units::apply(&tree, config, tell)?;
    tree.sync().map_err(|error| {
        Failure::new("", format!("cannot write all that was made to the disk: {error}"), "check the disk")
    })?;
    mounts.unmount()
}
