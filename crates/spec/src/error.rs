//! Complaints about a spec.

use std::fmt;

/// Where in its sources a value of the spec stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file, and in it, where known, a line and a column, both counted from 1.
    File {
        /// The file's name as it was given.
        name: String,
        /// Line and column.
        position: Option<(usize, usize)>,
    },
    /// A `--set` of the command line.
    Override(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, position: Some((line, column)) } => write!(f, "{name}:{line}:{column}"),
            Self::File { name, position: None } => f.write_str(name),
            Self::Override(text) => write!(f, "--set {text}"),
        }
    }
}

/// What is wrong with a spec, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Error {
    /// Where.
    pub place: Place,
    /// What, what was expected, and the nearest valid name.
    pub message: String,
}

impl Error {
    /// From the YAML reader's error, whose text ends with the position and names what was
    /// expected; the nearest valid key is added to it.
    pub(crate) fn from_yaml(file: &str, error: &serde_yaml::Error) -> Self {
        let position = error.location().map(|location| (location.line(), location.column()));
        let mut message = error.to_string();
        if let Some(cut) = message.find(" at line ") {
            message.truncate(cut);
        }
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        if message.contains("unknown field")
            && let Some((wrong, valid)) = quoted.split_first()
            && let Some(near) = nearest(wrong, valid.iter().copied())
        {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        Self { place: Place::File { name: file.to_owned(), position }, message }
    }
}

/// The valid name that `wrong` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(wrong: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    valid
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .min()
        .filter(|(distance, name)| *distance <= (name.len().max(wrong.len()) / 3).max(1))
        .map(|(_, name)| name)
}
