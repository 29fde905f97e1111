//! The four roles of a repository, and for how long their word counts.

use std::fmt;
use std::time::Duration;
use tough::schema::RoleType;

/// Who signs what (TUF specification, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Says whose signatures count, its own included.
    Root,
    /// Says what the releases are.
    Targets,
    /// Says which metadata belongs together.
    Snapshot,
    /// Says which snapshot is the newest.
    Timestamp,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// Its name in the metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }

    /// How many keys it has.
    pub(crate) fn keys(self) -> usize {
        match self {
            Self::Root => 3,
            _ => 1,
        }
    }

    /// How many of its keys must sign.
    pub(crate) fn threshold(self) -> u8 {
        match self {
            Self::Root => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Role> for RoleType {
    fn from(role: Role) -> Self {
        match role {
            Role::Root => Self::Root,
            Role::Targets => Self::Targets,
            Role::Snapshot => Self::Snapshot,
            Role::Timestamp => Self::Timestamp,
        }
    }
}

/// For how long a signature counts. What is expired is refused by machines: nobody can keep them on an old state for
/// longer than the timestamp lives, and a maker who does not sign anew within it has machines that take no updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of the root.
    pub root: Duration,
    /// Of the targets.
    pub targets: Duration,
    /// Of the snapshot.
    pub snapshot: Duration,
    /// Of the timestamp.
    pub timestamp: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Lifetimes {
    /// Ten years, a year, 90 days and 30 days.
    fn default() -> Self {
        Self { root: DAY * 3653, targets: DAY * 365, snapshot: DAY * 90, timestamp: DAY * 30 }
    }
}

impl Lifetimes {
    /// The one of a role.
    pub fn of(&self, role: Role) -> Duration {
        match role {
            Role::Root => self.root,
            Role::Targets => self.targets,
            Role::Snapshot => self.snapshot,
            Role::Timestamp => self.timestamp,
        }
    }
}
