//! Finds where in a YAML text a value stands. The typed reader knows places only while it reads;
//! what is checked afterwards is looked up here, by its path.

use crate::{Error, Override, Place};
use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};

/// What a spec was read from: what only a build finds wrong with a value has its place from here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The file's name as it was given.
    pub(crate) file: String,
    pub(crate) text: String,
    /// What the command line changed, in its order.
    pub(crate) overrides: Vec<Override>,
}

impl Source {
    /// An error about the value at `path` (keys, and indexes or texts of lists), or about the nearest one above it.
    pub fn error(&self, path: &[&str], message: impl Into<String>) -> Error {
        let is_about = |one: &&Override| one.path().eq(path.iter().copied().take(one.path().count()));
        let place = match self.overrides.iter().rfind(is_about) {
            Some(one) => Place::Override(one.to_string()),
            None => Place::File { name: self.file.clone(), position: position(&self.text, path) },
        };
        Error { place, message: message.into() }
    }
}

fn position(text: &str, path: &[&str]) -> Option<(usize, usize)> {
    let documents = MarkedYaml::load_from_str(text).ok()?;
    let mut node = documents.first()?;
    for part in path {
        let inner = match &node.data {
            YamlData::Mapping(map) => {
                map.iter().find(|(key, _)| key.data.as_str() == Some(part)).map(|(_, v)| v)
            }
            YamlData::Sequence(items) => match part.parse::<usize>() {
                Ok(index) => items.get(index),
                Err(_) => items.iter().find(|item| item.data.as_str() == Some(part)),
            },
            _ => None,
        };
        match inner {
            Some(inner) => node = inner,
            None => break,
        }
    }
    Some((node.span.start.line(), node.span.start.col() + 1))
}
