//! What enabling a unit links, and what state a unit file is in (systemctl(1); systemd.unit(5),
//! "[Install] Section Options").
//!
//! A [`View`] is what the folders of unit files hold; functions take it and say which links to
//! make and which to remove.

mod change;
mod state;

pub use change::{Change, Enabled, disable, enable, link, mask, set_default, unmask};
pub use state::FileState;

use std::collections::BTreeMap;

use crate::model::LINK_FOLDERS;
use crate::name::UnitName;

/// What a unit's file is a link to where the unit is masked.
pub const MASK: &str = "/dev/null";
/// The name that stands for what a boot starts.
pub const DEFAULT_TARGET: &str = "default.target";

/// Whose a folder of unit files is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The operator's: what is enabled here stays.
    Persistent,
    /// The operator's, until the next boot.
    Runtime,
    /// Of units that last until they end.
    Transient,
    /// The image's.
    Image,
}

/// What stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file with something in it.
    File,
    /// A file with nothing in it, which masks.
    Empty,
    /// A link, and what it holds.
    Link(String),
    /// A folder of links, `NAME.wants` or `NAME.requires`: name to what the link holds.
    Links(BTreeMap<String, String>),
}

/// A folder of unit files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its path in the system that it is of.
    pub path: String,
    /// Whose it is.
    pub scope: Scope,
    /// What stands in it.
    pub entries: BTreeMap<String, Node>,
}

/// The folders of unit files; of two files of one name the first folder's counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// They.
    pub folders: Vec<Folder>,
}

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere.
    Missing,
    /// To nothing, on purpose.
    Masked {
        /// The file that says so.
        path: String,
        /// Whether only until the next boot.
        runtime: bool,
    },
    /// To another unit, whose other name it is.
    Alias(UnitName),
    /// To a file.
    File {
        /// Its path.
        path: String,
        /// Whose folder it is in.
        scope: Scope,
    },
    /// To a file outside the folders, by a link in one of them.
    Linked {
        /// The file's path.
        path: String,
        /// Whether only until the next boot.
        runtime: bool,
    },
}

/// Why links are not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    /// There is no file of that name.
    #[error("Unit {0} does not exist")]
    Missing(UnitName),
    /// The unit is masked.
    #[error("Unit {0} is masked ({1}); unmask it first")]
    Masked(UnitName, String),
    /// A template without `DefaultInstance=`.
    #[error("{0} is a template without DefaultInstance=: name an instance, as in {1}")]
    Template(UnitName, String),
    /// An alias of another type.
    #[error("{0} cannot have the alias {1}: it is of another type")]
    Alias(UnitName, UnitName),
    /// Something else is there.
    #[error("File '{0}' already exists{to}", to = match .1 { Some(to) => format!(" and is a symlink to {to}"), None => String::new() })]
    Exists(String, Option<String>),
    /// Only a target can be the default.
    #[error("{0} is no target, so it cannot be the default")]
    NoTarget(UnitName),
}

impl View {
    /// Where a name leads; an instance that has no file of its own leads to its template's.
    pub fn place(&self, name: &UnitName) -> Place {
        let template = name.template();
        let names = [Some(name), template.as_ref()].into_iter().flatten();
        let found = names.into_iter().find_map(|entry| {
            let holds = |folder: &&Folder| {
                folder.entries.get(entry.as_str()).is_some_and(|node| !matches!(node, Node::Links(_)))
            };
            self.folders.iter().find(holds).map(|folder| (folder, entry))
        });
        let Some((folder, entry)) = found else {
            return Place::Missing;
        };
        let path = format!("{}/{entry}", folder.path);
        let runtime = folder.scope == Scope::Runtime;
        match folder.entries.get(entry.as_str()) {
            Some(Node::Empty) => Place::Masked { path, runtime },
            Some(Node::Link(to)) if to == MASK => Place::Masked { path, runtime },
            Some(Node::Link(to)) => self.follow(name, folder, to),
            _ => Place::File { path, scope: folder.scope },
        }
    }

    fn follow(&self, name: &UnitName, folder: &Folder, to: &str) -> Place {
        let path = absolute(&folder.path, to);
        let base = UnitName::parse(base_name(to)).ok();
        let is_own = base.as_ref() == Some(name) || base == name.template();
        match base.filter(|_| !is_own) {
            // Another template's name stands for its instance.
            Some(other) if other.is_template() && !name.is_template() => {
                let instance = name.instance().and_then(|instance| other.with_instance(instance).ok());
                Place::Alias(instance.unwrap_or(other))
            }
            Some(other) => Place::Alias(other),
            None => match self.folders.iter().find(|folder| Some(folder.path.as_str()) == parent(&path)) {
                Some(folder) => Place::File { path, scope: folder.scope },
                None => Place::Linked { path, runtime: folder.scope == Scope::Runtime },
            },
        }
    }

    /// The unit that a name stands for, aliases followed.
    pub fn resolve(&self, name: &UnitName) -> UnitName {
        let mut name = name.clone();
        // Aliases of aliases end, or go round.
        for _ in 0..8 {
            match self.place(&name) {
                Place::Alias(other) => name = other,
                _ => break,
            }
        }
        name
    }

    /// The file that a name leads to, aliases followed.
    pub fn file(&self, name: &UnitName) -> Option<String> {
        match self.place(&self.resolve(name)) {
            Place::File { path, .. } | Place::Linked { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Every unit that has a file or a link of its name, each once.
    pub fn names(&self) -> Vec<UnitName> {
        let entries = self.folders.iter().flat_map(|folder| &folder.entries);
        let files = entries.filter(|(_, node)| !matches!(node, Node::Links(_)));
        let mut names: Vec<UnitName> = files.filter_map(|(name, _)| UnitName::parse(name).ok()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What stands at a path of one of the folders, or of the folders of links in them.
    fn at(&self, path: &str) -> Option<Node> {
        self.folders.iter().find_map(|folder| {
            let below = path.strip_prefix(folder.path.as_str())?.strip_prefix('/')?;
            match below.split_once('/') {
                None => folder.entries.get(below).cloned(),
                Some((links, name)) => match folder.entries.get(links)? {
                    Node::Links(links) => links.get(name).cloned().map(Node::Link),
                    _ => None,
                },
            }
        })
    }
}

/// The folder of links of a unit, as `multi-user.target` of `multi-user.target.wants`.
fn is_links_folder(name: &str) -> bool {
    let kind = name.rsplit_once('.').map(|(_, kind)| kind);
    LINK_FOLDERS.iter().any(|(known, _)| kind == Some(known))
}

/// What follows the last `/`.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What stands before the last `/`.
fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// What a link in a folder leads to, `.` and `..` taken out.
fn absolute(folder: &str, to: &str) -> String {
    let whole = if to.starts_with('/') { to.to_owned() } else { format!("{folder}/{to}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
