//! What a config wants in the new root: files, folders, links, users and groups, units.

mod accounts;
mod journal;
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
use journal::Journal;
use layout::path::STATE;
use mounts::Mounts;
use nodes::Maker;
use tree::Tree;

pub use people::set_keys;

/// Writes what a resource names to an empty file, unpacked and checked. The path of a failure is filled in by who
/// asked.
pub type Fetch<'a> = dyn FnMut(&Resource, &mut File) -> Result<(), Failure> + 'a;

/// Has a new root be as a config wants it, on the config's own file systems as well, whose devices have `names`. What
/// is worth a warning is told. When it is done, all is on the disks.
///
/// Where this breaks off, the next run begins by undoing the accounts, files and links that it made. [`forget`] ends that.
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
    let mut journal = Journal::open(&tree).map_err(noted)?;
    let mounts = Mounts::mount(&tree, config, names, tell)?;
    if journal.undo(&tree).map_err(noted)? {
        tell(
            "an earlier run did not come to its end: the accounts, files and links that it made are made anew"
                .to_owned(),
        );
    }
    journal.add_folders(&mounts.made);
    people::apply(&tree, config, &mut journal, tell)?;
    let entries = order::entries(config, &|path| tree.resolve(path))?;
    journal.begin(&tree, &entries).map_err(noted)?;
    let accounts = settings_apply::host::accounts(tree.root())
        .map_err(|error| Failure::new("", format!("{error:#}"), people::LOOK_AT_DISK))?;
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

/// Says why what a run makes cannot be noted or undone.
fn noted(error: std::io::Error) -> Failure {
    let cause = format!("cannot note or undo what a run makes, in {STATE}: {error}");
    Failure::new("", cause, "check that the disk is not damaged; writing the image anew begins from nothing")
}

/// Has no later run undo what was made: to be called when it is marked that the machine was set up.
///
/// # Errors
/// The notes cannot be removed.
pub fn forget(root: &Path) -> anyhow::Result<()> {
    Ok(journal::forget(&Tree::open(root)?)?)
}
