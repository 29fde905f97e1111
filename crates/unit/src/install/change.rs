//! Which links to make and to remove.

use std::collections::BTreeSet;

use super::state::links_of;
use super::{DEFAULT_TARGET, InstallError, MASK, Node, Place, View, base_name};
use crate::model::Install;
use crate::name::{UnitName, UnitType};

/// A change of the folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Make a link, in the place of one that is there.
    Link {
        /// Its path.
        path: String,
        /// What it holds.
        to: String,
    },
    /// Remove a link, and its folder where that is empty then.
    Remove {
        /// Its path.
        path: String,
    },
}

/// What enabling comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enabled {
    /// The links to make.
    pub changes: Vec<Change>,
    /// Whether any of the units can be enabled at all.
    pub has_install: bool,
}

/// Says what to link so that units are enabled: into the folder `into`, by what `[Install]` of
/// each says. Units of `Also=` follow; such a one that is not there is passed over.
///
/// # Errors
/// A unit is not there, is masked, needs an instance, or something else stands in the way of a
/// link and `force` does not say to replace it.
pub fn enable(
    view: &View,
    names: &[UnitName],
    into: &str,
    force: bool,
    install: &dyn Fn(&UnitName) -> Install,
) -> Result<Enabled, InstallError> {
    let mut out = Enabled::default();
    let mut seen = BTreeSet::new();
    let mut pending: Vec<(UnitName, bool)> = names.iter().rev().map(|name| (name.clone(), true)).collect();
    while let Some((name, is_asked)) = pending.pop() {
        let name = view.resolve(&name);
        if !seen.insert(name.clone()) {
            continue;
        }
        let path = match view.place(&name) {
            Place::File { path, .. } | Place::Linked { path, .. } => path,
            Place::Masked { path, .. } if is_asked => return Err(InstallError::Masked(name, path)),
            _ if is_asked => return Err(InstallError::Missing(name)),
            _ => continue,
        };
        let stated = install(&name);
        let instance = match (name.is_template(), &stated.default_instance) {
            (true, Some(instance)) => name.with_instance(instance).ok(),
            _ => None,
        };
        // What is enabled, and what its specifiers then say.
        let (named, stated) = match instance {
            Some(instance) => {
                let stated = install(&instance);
                (instance, stated)
            }
            None => (name.clone(), stated),
        };
        let is_wanted = stated.pulled_in_by().next().is_some();
        if named.is_template() && is_wanted {
            let example = format!("{}@NAME.{}", name.prefix(), name.kind().suffix());
            return Err(InstallError::Template(name, example));
        }
        out.has_install |= stated.has_place() || !stated.also.is_empty();
        for (kind, other) in stated.pulled_in_by() {
            add_link(view, &mut out.changes, format!("{into}/{other}.{kind}/{named}"), &path, force)?;
        }
        for alias in stated.alias.iter().filter(|alias| **alias != name) {
            if alias.kind() != name.kind() {
                return Err(InstallError::Alias(name, alias.clone()));
            }
            add_link(view, &mut out.changes, format!("{into}/{alias}"), &path, force)?;
        }
        pending.extend(stated.also.into_iter().rev().map(|also| (also, false)));
    }
    Ok(out)
}

/// Adds a link, unless it is there.
fn add_link(
    view: &View,
    changes: &mut Vec<Change>,
    path: String,
    to: &str,
    force: bool,
) -> Result<(), InstallError> {
    match view.at(&path) {
        Some(Node::Link(held)) if held == to => return Ok(()),
        // To another file of the same unit: it brings the same in.
        Some(Node::Link(held)) if base_name(&held) == base_name(to) && !force => return Ok(()),
        Some(Node::Link(held)) if !force => return Err(InstallError::Exists(path, Some(held))),
        Some(Node::Link(_)) | None => {}
        Some(_) => return Err(InstallError::Exists(path, None)),
    }
    let change = Change::Link { path, to: to.to_owned() };
    if !changes.contains(&change) {
        changes.push(change);
    }
    Ok(())
}

/// Says which links of the folder `from` to remove so that units, and those of their `Also=`, are
/// disabled. A unit that is masked is passed over.
pub fn disable(
    view: &View,
    names: &[UnitName],
    from: &str,
    install: &dyn Fn(&UnitName) -> Install,
) -> Vec<Change> {
    let mut paths = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut pending = names.to_vec();
    while let Some(name) = pending.pop() {
        let name = view.resolve(&name);
        if !seen.insert(name.clone()) || matches!(view.place(&name), Place::Masked { .. }) {
            continue;
        }
        for folder in view.folders.iter().filter(|folder| folder.path == from) {
            paths.extend(links_of(folder, &name).into_iter().map(|link| format!("{from}/{link}")));
        }
        pending.extend(install(&name).also);
    }
    paths.into_iter().map(|path| Change::Remove { path }).collect()
}

/// Says what to link so that units are masked.
///
/// # Errors
/// A file of the name stands in the folder.
pub fn mask(view: &View, names: &[UnitName], into: &str) -> Result<Vec<Change>, InstallError> {
    let mut changes = Vec::new();
    for name in names {
        let path = format!("{into}/{name}");
        match view.at(&path) {
            Some(Node::Link(to)) if to == MASK => {}
            Some(Node::Link(to)) => return Err(InstallError::Exists(path, Some(to))),
            Some(Node::Empty) => {}
            Some(_) => return Err(InstallError::Exists(path, None)),
            None => changes.push(Change::Link { path, to: MASK.to_owned() }),
        }
    }
    Ok(changes)
}

/// Says which links to remove so that units are masked no more.
pub fn unmask(view: &View, names: &[UnitName], from: &str) -> Vec<Change> {
    let paths = names.iter().map(|name| format!("{from}/{name}"));
    let masks = paths.filter(|path| matches!(view.at(path), Some(Node::Link(to)) if to == MASK));
    masks.map(|path| Change::Remove { path }).collect()
}

/// Says what to link so that files outside the folders are known. The last part of each path is
/// the unit's name.
///
/// # Errors
/// Something else of the name is in the folder.
pub fn link(view: &View, paths: &[String], into: &str, force: bool) -> Result<Vec<Change>, InstallError> {
    let mut changes = Vec::new();
    for path in paths {
        add_link(view, &mut changes, format!("{into}/{}", base_name(path)), path, force)?;
    }
    Ok(changes)
}

/// Says what to link so that a boot starts a target.
///
/// # Errors
/// It is no target, is not there or is masked.
pub fn set_default(view: &View, name: &UnitName, into: &str) -> Result<Vec<Change>, InstallError> {
    if name.kind() != UnitType::Target || name.as_str() == DEFAULT_TARGET {
        return Err(InstallError::NoTarget(name.clone()));
    }
    let name = view.resolve(name);
    let to = match view.place(&name) {
        Place::File { path, .. } | Place::Linked { path, .. } => path,
        Place::Masked { path, .. } => return Err(InstallError::Masked(name, path)),
        _ => return Err(InstallError::Missing(name)),
    };
    let path = format!("{into}/{DEFAULT_TARGET}");
    match view.at(&path) {
        Some(Node::Link(held)) if held == to => Ok(Vec::new()),
        Some(Node::Link(_)) | None => Ok(vec![Change::Link { path, to }]),
        Some(_) => Err(InstallError::Exists(path, None)),
    }
}
