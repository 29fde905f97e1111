//! What says how a disk is divided.

use std::fs::File;
use std::io;
use std::path::Path;

use disk_table::{Geometry, Loaded, Unreadable};
use sys::partition_table::load;

use crate::programs::wipefs;

/// What says how a disk is divided.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// A GUID partition table.
    Table(Box<Loaded>),
    /// Nothing: nor is there anything else on the disk.
    Blank,
    /// Something else, and why it is no table that can be changed.
    Other(String),
}

/// Looks at a disk.
///
/// # Errors
/// It cannot be read.
pub fn read(node: &Path, geometry: Geometry) -> Result<State, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", node.display());
    let file = File::open(node).map_err(failed)?;
    match load(&file, geometry) {
        Ok(loaded) if loaded.table.fits(geometry) => Ok(State::Table(Box::new(loaded))),
        Ok(_) => Ok(State::Other("its table is not where partitioners put it".to_owned())),
        Err(Unreadable::NotGpt) => match wipefs::list(node)? {
            kinds if kinds.is_empty() => Ok(State::Blank),
            kinds => Ok(State::Other(format!("it holds {}", kinds.join(", ")))),
        },
        Err(Unreadable::Io(error)) => Err(failed(error)),
        Err(damaged) => Ok(State::Other(damaged.to_string())),
    }
}
