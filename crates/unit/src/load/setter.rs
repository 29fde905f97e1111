//! What every directive's value goes through: specifiers, words, lists that an empty value
//! resets.

use std::fmt::Display;

use crate::mount::normal_path;
use crate::name::UnitName;
use crate::text::specifier::{self, Host};
use crate::text::words::{self, Backslash};

/// A value, and what it is read against.
pub(super) struct Setter<'a> {
    pub name: &'a UnitName,
    pub host: &'a Host,
    pub value: &'a str,
}

/// A reason why a value does not hold, as text for the warning.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// The end of a reason that concerns one word of a line.
pub(super) const REST_HOLDS: &str = "; the rest of the line holds";

/// Turns an error into its text.
pub(super) fn text(error: impl Display) -> String {
    error.to_string()
}

impl Setter<'_> {
    /// The value with its specifiers expanded.
    pub fn expanded(&self) -> Outcome<String> {
        self.expand(self.value)
    }

    /// Part of the value with its specifiers expanded.
    pub fn expand(&self, part: &str) -> Outcome<String> {
        specifier::expand(part, self.name, self.host).map_err(text)
    }

    /// The value's words, quotes removed and specifiers expanded.
    pub fn words(&self) -> Outcome<Vec<String>> {
        self.split(Backslash::CEscape)
    }

    fn split(&self, backslash: Backslash) -> Outcome<Vec<String>> {
        words::split(self.value, backslash).map_err(text)?.iter().map(|word| self.expand(word)).collect()
    }

    /// The unit names in the value. Their escapes are part of them.
    pub fn names(&self) -> Outcome<Vec<UnitName>> {
        self.split(Backslash::Literal)?.iter().map(|word| unit_name(word)).collect()
    }

    /// Sets a list: an empty value empties it, any other adds to it.
    pub fn list<T>(&self, list: &mut Vec<T>, mut read: impl FnMut(String) -> Outcome<T>) -> Outcome {
        if self.value.is_empty() {
            list.clear();
            return Ok(());
        }
        for word in self.words()? {
            list.push(read(word)?);
        }
        Ok(())
    }

    /// Sets a list of unit names in the same way.
    pub fn name_list(&self, list: &mut Vec<UnitName>) -> Outcome {
        match self.value.is_empty() {
            true => list.clear(),
            false => list.extend(self.names()?),
        }
        Ok(())
    }

    /// Sets an optional string; an empty value unsets it.
    pub fn option(&self, option: &mut Option<String>) -> Outcome {
        let value = self.expanded()?;
        *option = (!value.is_empty()).then_some(value);
        Ok(())
    }

    /// Reads the value by a table of words.
    pub fn choice<T: Copy>(&self, table: &[(&'static str, T)]) -> Outcome<T> {
        let found = table.iter().find(|(word, _)| *word == self.value);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
            format!("expected one of {}", words.join(", "))
        })
    }
}

/// Reads an absolute path, without doubled slashes and without one at its end.
pub(super) fn path(word: &str) -> Outcome<String> {
    normal_path(word).ok_or_else(|| format!("{word:?} must be an absolute path without dots"))
}

/// Reads a unit name.
pub(super) fn unit_name(word: &str) -> Outcome<UnitName> {
    UnitName::parse(word).map_err(text)
}
