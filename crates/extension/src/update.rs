//! Extensions when the base changes: all that a machine has come along, or the base stays.

use std::collections::BTreeSet;

use manifest::Version;
use manifest::channel::{Extension, Release};

use crate::candidates::is_name;

/// Why a release cannot be taken as it is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{version} has no extension {}, which this machine has: wait for a release with it, or take the name out of {}",
    names.join(", "),
    layout::extension::WANTED
)]
pub struct Lacking {
    /// The release.
    pub version: Version,
    /// What it lacks.
    pub names: Vec<String>,
}

/// The extensions of a release that a machine with these takes along.
///
/// # Errors
/// One of them was not made for the release.
pub fn needed<'a>(has: &BTreeSet<String>, release: &'a Release) -> Result<Vec<&'a Extension>, Lacking> {
    let offered = |name: &String| release.extensions.iter().find(|extension| extension.name == *name);
    let names: Vec<String> = has.iter().filter(|name| offered(name).is_none()).cloned().collect();
    match names.is_empty() {
        true => Ok(has.iter().filter_map(offered).collect()),
        false => Err(Lacking { version: release.version.clone(), names }),
    }
}

/// The names in a list of the extensions that a machine is to have: one a line, `#` begins a comment. With them the
/// lines that are no name.
pub fn wanted(text: &str) -> (BTreeSet<String>, Vec<String>) {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let (names, wrong): (Vec<&str>, _) =
        lines.filter(|line| !line.is_empty()).partition(|line| is_name(line));
    (names.into_iter().map(str::to_owned).collect(), wrong.into_iter().map(str::to_owned).collect())
}
