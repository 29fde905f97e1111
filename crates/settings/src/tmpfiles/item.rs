//! A line as it is followed.

use super::acl::Acl;
use super::age::Age;
use super::attributes::Attributes;
use super::kind::Kind;
use crate::Location;

/// A user or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The id.
    pub id: u32,
    /// `:`: what is there already keeps its own.
    pub only_new: bool,
}

/// Permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// The bits.
    pub bits: u32,
    /// `:`: what is there already keeps its own.
    pub only_new: bool,
    /// `~`: kinds of access that nobody had are given to nobody.
    pub masked: bool,
}

impl Mode {
    /// The bits for something that has `current` ones, and is a folder or not.
    pub fn over(self, current: u32, is_folder: bool) -> u32 {
        if !self.masked {
            return self.bits;
        }
        let kinds = [0o111, 0o222, 0o444].into_iter().filter(|kind| current & kind == 0);
        let bits = kinds.fold(self.bits, |bits, kind| bits & !kind);
        if is_folder { bits } else { bits & 0o777 }
    }
}

/// The last column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// There is none.
    None,
    /// What a file gets.
    Bytes(Vec<u8>),
    /// Where a link leads, or what is copied.
    Path(String),
    /// The numbers of a device.
    Device {
        /// Of its driver.
        major: u32,
        /// Of the device.
        minor: u32,
    },
    /// Extended attributes.
    Xattrs(Vec<(String, Vec<u8>)>),
    /// Attributes as chattr(1) has them.
    Attributes(Attributes),
    /// An access control list.
    Acl(Acl),
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it does.
    pub kind: Kind,
    /// Absolute, simple; a pattern where the kind takes one.
    pub path: String,
    /// `+`: append, replace, merge, by the kind.
    pub plus: bool,
    /// `-`: a failure to make it is none.
    pub may_fail: bool,
    /// `=`: what is in the way and of another type goes.
    pub replaces: bool,
    /// `$`: it goes with `--purge`.
    pub purges: bool,
    /// `?`: only where the target is there.
    pub needs_target: bool,
    /// Permissions.
    pub mode: Option<Mode>,
    /// Owner.
    pub user: Option<Owner>,
    /// Group.
    pub group: Option<Owner>,
    /// How old what is cleaned up must be.
    pub age: Option<Age>,
    /// The last column.
    pub argument: Argument,
    /// Where the line stands.
    pub at: Location,
}

impl Item {
    /// The permissions that the path is made with.
    pub fn creation_mode(&self) -> u32 {
        self.mode.map_or(if self.kind.is_folder() { 0o755 } else { 0o644 }, |mode| mode.bits)
    }

    /// Whether another line for the same path says the same of it.
    pub fn agrees_with(&self, other: &Item) -> bool {
        let says = |item: &Item| (item.argument.clone(), item.user, item.group, item.mode, item.age);
        let both_own = self.kind.owns() && other.kind.owns();
        !both_own || (says(self) == says(other) && self.creation_mode() == other.creation_mode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_mode_gives_nobody_what_nobody_had() {
        for (bits, current, is_folder, expected) in [
            (0o755, 0o600, false, 0o644),
            (0o755, 0o700, false, 0o755),
            (0o777, 0o444, false, 0o444),
            (0o4755, 0o755, false, 0o755),
            (0o1777, 0o755, true, 0o1777),
        ] {
            let mode = Mode { bits, only_new: false, masked: true };
            assert_eq!(mode.over(current, is_folder), expected, "{bits:o} over {current:o}");
        }
        let plain = Mode { bits: 0o4755, only_new: false, masked: false };
        assert_eq!(plain.over(0, false), 0o4755);
    }
}
