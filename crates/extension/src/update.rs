//! Extensions when the base changes: which a machine is to have.

use std::collections::BTreeSet;

use crate::candidates::is_name;

/// The names in a list of the extensions that a machine is to have: one a line, `#` begins a comment. With them the
/// lines that are no name.
pub fn wanted(text: &str) -> (BTreeSet<String>, Vec<String>) {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let (names, wrong): (Vec<&str>, _) =
        lines.filter(|line| !line.is_empty()).partition(|line| is_name(line));
    (names.into_iter().map(str::to_owned).collect(), wrong.into_iter().map(str::to_owned).collect())
}
