//! Layer: pure. What tmpfiles.d(5), sysusers.d(5), sysctl.d(5) and modules-load.d(5) say, and what is to be
//! done for it. The crate `settings-apply` does it.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod base64;
pub mod files;
pub mod modules_load;
pub mod path;
pub mod specifier;
pub mod sysctl;
pub mod sysusers;
pub mod tmpfiles;

use std::fmt;

pub use unit::text::file::{Location, Source};

/// How much a fault matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The line is followed as far as it goes, or left out for a reason that is no mistake.
    Note,
    /// The line makes no sense, or cannot be followed: it is left out.
    Error,
}

/// Something to tell the author of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Location,
    /// How much it matters.
    pub severity: Severity,
    /// What, in one sentence.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.text)
    }
}

/// The lines of a source that say something: without blanks at their ends, and without comments.
fn lines<'a>(source: &'a Source, comments: &'static [char]) -> impl Iterator<Item = (Location, &'a str)> {
    let numbered = source.text.lines().zip(1u32..);
    let said = numbered.map(|(line, number)| (number, line.trim_ascii()));
    let said = said.filter(move |(_, line)| !line.is_empty() && !line.starts_with(comments));
    said.map(|(line, text)| (Location { path: source.path.clone(), line }, text))
}

/// The words of a line's columns: `-` and nothing are no value.
fn column(word: Option<String>) -> Option<String> {
    word.filter(|word| !matches!(word.as_str(), "" | "-"))
}
