//! The state of a unit file.

use super::{DEFAULT_TARGET, Folder, Node, Place, Scope, View, base_name, is_links_folder};
use crate::model::Install;
use crate::name::UnitName;

/// The states (systemctl(1), is-enabled).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileState {
    /// Links of the operator bring it in.
    Enabled,
    /// Links until the next boot do.
    EnabledRuntime,
    /// It is outside the folders, and a link makes it known.
    Linked,
    /// That, until the next boot.
    LinkedRuntime,
    /// It is another unit's other name.
    Alias,
    /// It cannot be started.
    Masked,
    /// That, until the next boot.
    MaskedRuntime,
    /// It cannot be enabled: it has nothing in `[Install]`.
    Static,
    /// It can be enabled.
    Disabled,
    /// It can be enabled only by way of others (`Also=`).
    Indirect,
    /// It lasts until it ends.
    Transient,
}

impl FileState {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            FileState::Enabled => "enabled",
            FileState::EnabledRuntime => "enabled-runtime",
            FileState::Linked => "linked",
            FileState::LinkedRuntime => "linked-runtime",
            FileState::Alias => "alias",
            FileState::Masked => "masked",
            FileState::MaskedRuntime => "masked-runtime",
            FileState::Static => "static",
            FileState::Disabled => "disabled",
            FileState::Indirect => "indirect",
            FileState::Transient => "transient",
        }
    }

    /// Whether `systemctl is-enabled` ends well.
    pub fn is_enabled(self) -> bool {
        match self {
            FileState::Enabled
            | FileState::EnabledRuntime
            | FileState::Static
            | FileState::Alias
            | FileState::Indirect => true,
            FileState::Linked
            | FileState::LinkedRuntime
            | FileState::Masked
            | FileState::MaskedRuntime
            | FileState::Disabled
            | FileState::Transient => false,
        }
    }
}

impl View {
    /// A unit file's state; none where there is no such file. `install` is what its `[Install]`
    /// says.
    pub fn state(&self, name: &UnitName, install: &Install) -> Option<FileState> {
        let place = self.place(name);
        match place {
            Place::Missing => return None,
            Place::Masked { runtime: true, .. } => return Some(FileState::MaskedRuntime),
            Place::Masked { .. } => return Some(FileState::Masked),
            Place::Alias(_) => return Some(FileState::Alias),
            Place::File { scope: Scope::Transient, .. } => return Some(FileState::Transient),
            Place::File { .. } | Place::Linked { .. } => {}
        }
        Some(if self.is_linked_in(Scope::Persistent, name) {
            FileState::Enabled
        } else if self.is_linked_in(Scope::Runtime, name) {
            FileState::EnabledRuntime
        } else if let Place::Linked { runtime, .. } = place {
            if runtime { FileState::LinkedRuntime } else { FileState::Linked }
        } else if name.template().is_some() && self.is_linked_in(Scope::Image, name) {
            FileState::Static
        } else if install.has_place() {
            FileState::Disabled
        } else if !install.also.is_empty() {
            FileState::Indirect
        } else {
            FileState::Static
        })
    }

    /// Whether links in the folders of a scope bring a unit in, or give it another name.
    fn is_linked_in(&self, scope: Scope, name: &UnitName) -> bool {
        let folders = self.folders.iter().filter(|folder| folder.scope == scope);
        // A link of the unit's own name in the folder itself only makes the file known.
        folders.flat_map(|folder| links_of(folder, name)).any(|path| path != name.as_str())
    }
}

/// The links in a folder that are of a unit: in folders of links, and of its name or to its file
/// in the folder itself; as paths below the folder. A link that masks is not among them.
pub(super) fn links_of(folder: &Folder, name: &UnitName) -> Vec<String> {
    let mut found = Vec::new();
    for (entry, node) in &folder.entries {
        match node {
            Node::Link(to) if to != super::MASK && entry != DEFAULT_TARGET && is_of(entry, to, name) => {
                found.push(entry.clone());
            }
            Node::Links(links) if is_links_folder(entry) => {
                let own = links.iter().filter(|(link, to)| is_of(link, to, name));
                found.extend(own.map(|(link, _)| format!("{entry}/{link}")));
            }
            _ => {}
        }
    }
    found
}

/// Whether a link is of a unit; those of a template's instances are the template's too.
fn is_of(link: &str, to: &str, name: &UnitName) -> bool {
    let is = |text: &str| {
        text == name.as_str()
            || name.is_template()
                && UnitName::parse(text).ok().and_then(|text| text.template()).as_ref() == Some(name)
    };
    is(link) || is(base_name(to))
}
