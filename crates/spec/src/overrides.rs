//! `--set key=value`: one value of a spec, given on the command line.

use crate::{Error, Place, RawSpec};
use serde_yaml::Value;
use std::fmt;
use std::str::FromStr;

/// One `key.key=value`; the value is YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    text: String,
    equals: usize,
}

impl Override {
    /// The keys that lead to the value.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.text[..self.equals].split('.')
    }

    fn value(&self) -> &str {
        &self.text[self.equals + 1..]
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.find('=') {
            Some(equals) if equals > 0 => Ok(Self { text: text.to_owned(), equals }),
            _ => Err(format!("`{text}` is not `key=value`; an example: --set version=1.2.3")),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const NO_VALUE: &str = "a value is missing: write one, or `[]` for an empty list, or leave this out and have what the \
                        spec says";

/// Whether a value, or one inside it, is none: as text it would be the word `null`.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Sequence(values) => values.iter().any(says_nothing),
        Value::Mapping(map) => map.iter().any(|(key, value)| says_nothing(key) || says_nothing(value)),
        Value::Tagged(tagged) => says_nothing(&tagged.value),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The spec with the overrides put in.
pub(crate) fn apply(file: &str, text: &str, overrides: &[Override]) -> Result<RawSpec, Error> {
    let mut tree: Value = serde_yaml::from_str(text).map_err(|error| Error::from_yaml(file, &error))?;
    let mut spec = None;
    for one in overrides {
        let failed = |error: serde_yaml::Error| Error {
            place: Place::Override(one.to_string()),
            ..Error::from_yaml(file, &error)
        };
        let mut node = &mut tree;
        for key in one.path() {
            if !node.is_mapping() {
                *node = Value::Mapping(serde_yaml::Mapping::new());
            }
            let Value::Mapping(map) = node else { break };
            node = map.entry(Value::String(key.to_owned())).or_insert(Value::Null);
        }
        let value: Value = serde_yaml::from_str(one.value()).map_err(failed)?;
        if says_nothing(&value) {
            let place = Place::Override(one.to_string());
            return Err(Error { place, message: NO_VALUE.to_owned() });
        }
        *node = value;
        // Read after each one, so that a complaint names the right one; and as text, as the file is: there a
        // number is a string where one is meant.
        let text = serde_yaml::to_string(&tree).map_err(failed)?;
        spec = Some(serde_yaml::from_str(&text).map_err(failed)?);
    }
    match spec {
        Some(spec) => Ok(spec),
        None => serde_yaml::from_str(text).map_err(|error| Error::from_yaml(file, &error)),
    }
}
