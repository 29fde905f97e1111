//! `systemctl list-dependencies`: what a unit needs, or what needs it, as a tree.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use unit::control::{Reply, Request, UNITS_MAX, UnitRelations};

use crate::arguments::Parsed;
use crate::client;
use crate::names::{loaded, unit_name};
use crate::table::{mark, paint};

/// The relations that lead to what a unit needs.
const NEEDS: [&str; 5] = ["Requires", "Requisite", "Wants", "ConsistsOf", "BindsTo"];
/// The relations that lead to what needs a unit.
const NEEDED: [&str; 5] = ["RequiredBy", "RequisiteOf", "WantedBy", "PartOf", "BoundBy"];

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    let root = match parsed.words.as_slice() {
        [] => client::manager()?.target,
        [unit] => unit_name(unit)?.to_string(),
        _ => bail!("list-dependencies takes one unit"),
    };
    let kinds: &[&str] = match () {
        () if parsed.has("after") => &["After"],
        () if parsed.has("before") => &["Before"],
        () if parsed.has("reverse") => &NEEDED,
        () => &NEEDS,
    };
    let relations = closure(&root, kinds)?;
    if !relations.contains_key(&root) {
        bail!("Unit {root} is not loaded");
    }
    let states: BTreeMap<String, String> =
        loaded()?.into_iter().map(|unit| (unit.name, unit.active)).collect();
    println!("{root}");
    let tree = Tree { relations: &relations, all: parsed.has("all") };
    for (indent, unit) in tree.lines(&root) {
        let (symbol, color) = mark(states.get(&unit).map_or("inactive", String::as_str));
        match parsed.has("plain") {
            true => println!("{} {}{unit}", paint(symbol, color), "  ".repeat(indent.chars().count() / 2)),
            false => println!("{} {indent}{unit}", paint(symbol, color)),
        }
    }
    Ok(0)
}

/// What each unit that can be reached leads to.
fn closure(root: &str, kinds: &[&str]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while !pending.is_empty() {
        let mut next = BTreeSet::new();
        for names in pending.chunks(UNITS_MAX) {
            let units = match client::ask(&Request::Relations { units: names.to_vec() })? {
                Reply::Relations { units } => units,
                other => return client::unexpected(other),
            };
            for UnitRelations { unit, relations } in units {
                let others: BTreeSet<String> =
                    kinds.iter().filter_map(|kind| relations.get(*kind)).flatten().cloned().collect();
                next.extend(others.iter().cloned());
                found.insert(unit, others.into_iter().collect());
            }
        }
        pending = next.into_iter().filter(|unit| !found.contains_key(unit)).collect();
        // One that is asked for and not told of is not loaded: it leads nowhere.
        found.extend(pending.iter().map(|unit| (unit.clone(), Vec::new())));
    }
    Ok(found)
}

struct Tree<'a> {
    relations: &'a BTreeMap<String, Vec<String>>,
    /// Whether what is not a target is opened, too.
    all: bool,
}

impl Tree<'_> {
    /// The lines below a unit: branches, and the unit's name. What a unit leads to is shown once.
    fn lines(&self, root: &str) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        self.add(root, "", &mut BTreeSet::from([root.to_owned()]), &mut lines);
        lines
    }

    fn add(
        &self,
        unit: &str,
        indent: &str,
        opened: &mut BTreeSet<String>,
        lines: &mut Vec<(String, String)>,
    ) {
        let others = self.relations.get(unit).map_or(&[][..], Vec::as_slice);
        for (index, other) in others.iter().enumerate() {
            let is_last = index + 1 == others.len();
            let (branch, stem) =
                if is_last { ("\u{2514}\u{2500}", "  ") } else { ("\u{251c}\u{2500}", "\u{2502} ") };
            lines.push((format!("{indent}{branch}"), other.clone()));
            if (self.all || other.ends_with(".target")) && opened.insert(other.clone()) {
                self.add(other, &format!("{indent}{stem}"), opened, lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_opened_and_each_unit_once() {
        let relations: BTreeMap<String, Vec<String>> = [
            ("all.target", vec!["a.service", "b.target"]),
            ("a.service", vec!["c.service"]),
            ("b.target", vec!["a.service", "all.target"]),
        ]
        .into_iter()
        .map(|(unit, others)| (unit.to_owned(), others.into_iter().map(str::to_owned).collect()))
        .collect();
        let lines = |all| {
            let tree = Tree { relations: &relations, all };
            tree.lines("all.target").into_iter().map(|(indent, unit)| indent + &unit).collect::<Vec<_>>()
        };
        assert_eq!(lines(false), ["├─a.service", "└─b.target", "  ├─a.service", "  └─all.target"]);
        assert_eq!(
            lines(true),
            ["├─a.service", "│ └─c.service", "└─b.target", "  ├─a.service", "  └─all.target"]
        );
    }
}
