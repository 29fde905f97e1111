//! Finds where in a YAML text a value stands. The typed reader knows places only while it reads;
//! what is checked afterwards is looked up here, by its path.

use crate::Place;
use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};

/// The place of the value at `path` (keys, and indexes as digits), or of the nearest one above it.
pub(crate) fn place(file: &str, text: &str, path: &[String]) -> Place {
    Place::File { name: file.to_owned(), position: position(text, path) }
}

fn position(text: &str, path: &[String]) -> Option<(usize, usize)> {
    let documents = MarkedYaml::load_from_str(text).ok()?;
    let mut node = documents.first()?;
    for part in path {
        let inner = match &node.data {
            YamlData::Mapping(map) => {
                map.iter().find(|(key, _)| key.data.as_str() == Some(part)).map(|(_, v)| v)
            }
            YamlData::Sequence(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        match inner {
            Some(inner) => node = inner,
            None => break,
        }
    }
    Some((node.span.start.line(), node.span.start.col() + 1))
}
