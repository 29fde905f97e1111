//! The one rule for version numbers.
//!
//! A version is `X.Y.Z`, three numbers, and any number of suffixes, each behind a dot: small
//! letters, a number, or letters and then a number (`1.2.3`, `1.2.3.dev4`, `2026.11.0.rc1.7`).
//! There is no `+` and no `-`, since the boot loader's counter uses them in file names; no capital,
//! since FAT does not tell them apart; and no leading zero, so that no two texts mean the same.
//!
//! The order is the one by which systemd-boot sorts entries (UAPI.10, Version Format
//! Specification), so that the loader, the updater and a person agree on which is newer. A suffix
//! is therefore newer than none: `1.2.3 < 1.2.3.dev4 < 1.2.4`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest version, in bytes: file names on the ESP hold it.
const MAX_LEN: usize = 64;
/// Most digits of a number.
const MAX_DIGITS: usize = 9;

/// A version number.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Version {
    text: String,
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a version: {reason}; a version is like 1.2.3 or 1.2.3.dev4")]
pub struct InvalidVersion {
    text: String,
    reason: String,
}

impl Version {
    /// Reads a version.
    ///
    /// # Errors
    /// Where the text breaks the rule; the error says which part of it.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        match check(text) {
            Ok(()) => Ok(Self { text: text.to_owned() }),
            Err(reason) => Err(InvalidVersion { text: text.to_owned(), reason }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn ranks(&self) -> impl Iterator<Item = Rank<'_>> {
        self.text.split('.').map(Rank::of)
    }
}

fn check(text: &str) -> Result<(), String> {
    if text.len() > MAX_LEN {
        return Err(format!("it is longer than {MAX_LEN} bytes"));
    }
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() < 3 {
        return Err("it has fewer than three numbers".to_owned());
    }
    for (i, part) in parts.iter().enumerate() {
        check_part(part, i < 3)?;
    }
    Ok(())
}

fn check_part(part: &str, must_be_number: bool) -> Result<(), String> {
    let (letters, digits) = split(part);
    if part.is_empty() {
        Err("there is nothing between two dots".to_owned())
    } else if must_be_number && !letters.is_empty() {
        Err(format!("{part:?} stands where a number must"))
    } else if let Some(c) = letters.chars().find(|c| !c.is_ascii_lowercase()) {
        Err(match c {
            '+' | '-' => format!("{c:?} is the boot loader's, for counting tries"),
            c => format!("{c:?} is neither a small letter, a digit nor a dot"),
        })
    } else if digits.len() > 1 && digits.starts_with('0') {
        Err(format!("{part:?} has a leading zero"))
    } else if digits.len() > MAX_DIGITS {
        Err(format!("{part:?} has more than {MAX_DIGITS} digits"))
    } else {
        Ok(())
    }
}

/// A part's letters (all up to its last digits) and its number.
fn split(part: &str) -> (&str, &str) {
    part.split_at(part.trim_end_matches(|c: char| c.is_ascii_digit()).len())
}

/// A part in the loader's order: letters before numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank<'a> {
    Letters(&'a str, Option<u32>),
    Number(u32),
}

impl<'a> Rank<'a> {
    fn of(part: &'a str) -> Self {
        let (letters, digits) = split(part);
        match (letters, digits.parse().ok()) {
            ("", Some(number)) => Self::Number(number),
            (letters, number) => Self::Letters(letters, number),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ranks().cmp(other.ranks())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text
    }
}
