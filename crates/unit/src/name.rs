//! Unit names: `prefix.type`, `prefix@.type` (a template), `prefix@instance.type`
//! (systemd.unit(5)).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest unit name, in bytes.
pub const NAME_MAX: usize = 255;

/// A valid unit name. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(Arc<str>);

/// What a unit is, by the suffix of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum UnitType {
    Service,
    Target,
    Socket,
    Mount,
    Automount,
    Swap,
    Path,
    Timer,
    Slice,
    Scope,
    Device,
}

/// Every type with its suffix.
const TYPES: [(UnitType, &str); 11] = [
    (UnitType::Service, "service"),
    (UnitType::Target, "target"),
    (UnitType::Socket, "socket"),
    (UnitType::Mount, "mount"),
    (UnitType::Automount, "automount"),
    (UnitType::Swap, "swap"),
    (UnitType::Path, "path"),
    (UnitType::Timer, "timer"),
    (UnitType::Slice, "slice"),
    (UnitType::Scope, "scope"),
    (UnitType::Device, "device"),
];

impl UnitType {
    /// The suffix of such a unit's name, without the dot.
    pub fn suffix(self) -> &'static str {
        TYPES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, suffix)| suffix)
    }

    /// Every suffix.
    pub fn suffixes() -> impl Iterator<Item = &'static str> {
        TYPES.iter().map(|(_, suffix)| *suffix)
    }

    /// What `IgnoreOnIsolate=` is where a unit of this type does not set it: what holds others
    /// stays.
    pub fn outlives_isolation(self) -> bool {
        use UnitType::*;
        matches!(self, Slice | Scope | Device | Swap | Mount | Automount)
    }
}

/// Why a string is not a unit name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No suffix, or one that no unit type has.
    #[error("{0:?} is not a unit name: it must end in .service, .target or another unit type")]
    Type(String),
    /// Empty prefix, or longer than [`NAME_MAX`].
    #[error("{0:?} is not a unit name: it must have 1 to {NAME_MAX} characters before its type")]
    Length(String),
    /// A character that unit names do not have.
    #[error("{0:?} is not a unit name: {1:?} cannot stand in one (systemd-escape makes names)")]
    Character(String, char),
}

impl UnitName {
    /// Reads a unit name.
    ///
    /// # Errors
    /// The string has no known type, a bad length or a character that names cannot have.
    pub fn parse(name: &str) -> Result<UnitName, NameError> {
        let (stem, suffix) = name.rsplit_once('.').ok_or_else(|| NameError::Type(name.into()))?;
        if !TYPES.iter().any(|(_, known)| *known == suffix) {
            return Err(NameError::Type(name.into()));
        }
        if stem.is_empty() || stem.starts_with('@') || name.len() > NAME_MAX {
            return Err(NameError::Length(name.into()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        match stem.chars().find(|c| !allowed(*c)) {
            Some(bad) => Err(NameError::Character(name.into(), bad)),
            None => Ok(UnitName(name.into())),
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The unit's type.
    pub fn kind(&self) -> UnitType {
        let suffix = self.0.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        TYPES.iter().find(|(_, known)| *known == suffix).map_or(UnitType::Service, |(kind, _)| *kind)
    }

    /// The name without its type: `getty@tty1` of `getty@tty1.service`.
    pub fn stem(&self) -> &str {
        self.0.rsplit_once('.').map_or(&*self.0, |(stem, _)| stem)
    }

    /// What stands before the `@`, or before the type where there is none.
    pub fn prefix(&self) -> &str {
        let stem = self.stem();
        stem.split_once('@').map_or(stem, |(prefix, _)| prefix)
    }

    /// What stands between the `@` and the type; empty for a template.
    pub fn instance(&self) -> Option<&str> {
        self.stem().split_once('@').map(|(_, instance)| instance)
    }

    /// Whether this names a template: it can be instantiated, not started.
    pub fn is_template(&self) -> bool {
        self.instance() == Some("")
    }

    /// The template that an instance is made from.
    pub fn template(&self) -> Option<UnitName> {
        match self.instance() {
            None | Some("") => None,
            Some(_) => {
                let name = format!("{}@.{}", self.prefix(), self.kind().suffix());
                Some(UnitName(name.into()))
            }
        }
    }

    /// The name of this template's instance, or of the same instance with another name.
    ///
    /// # Errors
    /// The instance makes the name invalid.
    pub fn with_instance(&self, instance: &str) -> Result<UnitName, NameError> {
        let (prefix, suffix) = (self.prefix(), self.kind().suffix());
        UnitName::parse(&format!("{prefix}@{instance}.{suffix}"))
    }
}

impl TryFrom<String> for UnitName {
    type Error = NameError;
    fn try_from(name: String) -> Result<UnitName, NameError> {
        UnitName::parse(&name)
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> String {
        name.0.as_ref().to_owned()
    }
}

impl std::borrow::Borrow<str> for UnitName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
