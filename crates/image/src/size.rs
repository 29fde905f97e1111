//! Whether something fits its place.

use std::fmt;

use crate::Result;
use crate::files::{FileTree, Kind};

/// How many files the error names.
const NAMED: usize = 10;

/// Something is larger than its place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} is {}, and its place, {place}, is {}\n  make the place larger in the spec, or take something out; the largest files:{}",
    Mib(*.size), Mib(*.room), list(.largest)
)]
pub struct TooLarge {
    /// What is too large.
    pub what: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Where it should go, such as a partition's label.
    pub place: String,
    /// Size of the place, in bytes.
    pub room: u64,
    /// The largest files of it, with their sizes in bytes.
    pub largest: Vec<(String, u64)>,
}

/// Checks that `what`, of `size` bytes, fits `place`, of `room` bytes. `tree` is what it was made
/// of: the error names its largest files.
///
/// # Errors
/// [`TooLarge`], or a host's file that cannot be read.
pub fn check(what: &str, size: u64, place: &str, room: u64, tree: &FileTree) -> Result<()> {
    if size <= room {
        return Ok(());
    }
    let (what, place) = (what.to_owned(), place.to_owned());
    Err(TooLarge { what, size, place, room, largest: largest(tree, NAMED)? }.into())
}

/// The `count` largest files of a tree with their sizes in bytes, largest first.
///
/// # Errors
/// A host's file that cannot be read.
pub fn largest(tree: &FileTree, count: usize) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for (path, node) in tree.iter() {
        if let Kind::File(content) = &node.kind {
            files.push((path.to_owned(), content.size()?));
        }
    }
    files.sort_by(|(a_path, a), (b_path, b)| b.cmp(a).then(a_path.cmp(b_path)));
    files.truncate(count);
    Ok(files)
}

struct Mib(u64);

impl fmt::Display for Mib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / layout::disk::MIB as f64)
    }
}

fn list(files: &[(String, u64)]) -> String {
    files.iter().map(|(path, size)| format!("\n  {:>12}  {path}", Mib(*size).to_string())).collect()
}
