//! Path units (systemd.path(5)): files whose appearance or change starts a unit.

pub mod machine;

use crate::model::StartLimit;
use crate::name::UnitName;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// `PathExists=`.
    Exists,
    /// `PathExistsGlob=`.
    ExistsGlob,
    /// `PathChanged=`: a file that was written to has been closed.
    Changed,
    /// `PathModified=`: every write counts.
    Modified,
    /// `DirectoryNotEmpty=`.
    DirectoryNotEmpty,
}

/// Every test by its directive.
pub const TESTS: [(&str, Test); 5] = [
    ("PathExists", Test::Exists),
    ("PathExistsGlob", Test::ExistsGlob),
    ("PathChanged", Test::Changed),
    ("PathModified", Test::Modified),
    ("DirectoryNotEmpty", Test::DirectoryNotEmpty),
];

impl Test {
    /// Whether it is met by a change rather than by what is there.
    pub fn is_change(self) -> bool {
        matches!(self, Test::Changed | Test::Modified)
    }
}

/// A path, and what is waited for there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What.
    pub test: Test,
    /// Where: an absolute path, for a glob a pattern.
    pub path: String,
}

/// A path unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Any one of these is enough.
    pub watched: Vec<Watched>,
    /// `Unit=`: what it starts.
    pub unit: UnitName,
    /// `MakeDirectory=`: make the folders that are waited for.
    pub make_directory: bool,
    /// `DirectoryMode=`.
    pub directory_mode: u32,
    /// `TriggerLimitIntervalSec=`, `TriggerLimitBurst=`.
    pub trigger_limit: StartLimit,
}
