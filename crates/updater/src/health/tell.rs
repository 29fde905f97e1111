//! What is not well, where the deadline and whoever looks at the machine find it.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use layout::path::HEALTH;
use serde::{Deserialize, Serialize};

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What was looked at: `etcd`, or a unit's name.
    pub check: String,
    /// The unit whose log tells more.
    pub unit: String,
    /// What is wrong with it.
    pub what: String,
}

impl Problem {
    /// Of what a unit does.
    pub fn of_unit(check: &str, unit: &str, what: impl Into<String>) -> Problem {
        Problem { check: check.to_owned(), unit: unit.to_owned(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

/// Leaves them for others.
pub fn publish(problems: &[Problem]) -> Result<()> {
    let text = serde_json::to_vec(problems).context("cannot write what is not well")?;
    Ok(sys::file::replace(Path::new(HEALTH), &text, 0o644)?)
}

/// What was left last; none where health was not asked for yet.
pub fn published() -> Option<Vec<Problem>> {
    serde_json::from_slice(&fs::read(HEALTH).ok()?).ok()
}
