//! Layer: pure. Butane configs, translated to Ignition's.
//!
//! A Butane config is an Ignition config as people write it: YAML, with sugar such as `inline`
//! contents, `local` files and `trees`. [`translate`] makes of it what a machine takes. What it
//! says of a config it says of the YAML: each finding has the line and column there.
//!
//! docs/butane.md has the variants and the sugar.
#![forbid(unsafe_code)]

mod berth;
mod format;
mod read;
mod schema;
mod sugar;
mod yaml;

pub use format::Variant;
pub use ignition::{Entry, Report, Severity};

use std::fmt;

use format::Format;
use read::Reader;
use serde_json::Value as Json;
use yaml::{Node, Place, Value};

/// The files that a config may take in: those of one folder.
///
/// Paths are relative to it, clean, and without `..`. That no link leads out of it is for the
/// implementation to see to.
pub trait Files {
    /// The contents of the file at `path`.
    ///
    /// # Errors
    /// It cannot be read: why, with the path.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// All that is below the folder at `path`, folders themselves not included, in the order of a
    /// walk in which each folder's entries are sorted by name.
    ///
    /// # Errors
    /// It is no folder, or cannot be read: why, with the path.
    fn tree(&self, path: &str) -> Result<Vec<Leaf>, String>;
}

/// Something in a tree that is no folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its path from the tree's root.
    pub path: String,
    /// What it is.
    pub kind: LeafKind,
}

/// What a [`Leaf`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeafKind {
    /// A regular file.
    File {
        /// What is in it.
        contents: Vec<u8>,
        /// Whether anybody may execute it.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// Where it points, as it is written.
        target: String,
    },
    /// A device, socket or pipe, which no config can hold.
    Other,
}

/// What came of a config.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The Ignition config as JSON; none where the report is fatal.
    pub config: Option<String>,
    /// What is to be said of the config, by place in the YAML. Paths are the YAML's.
    pub report: Report,
}

/// Translates the Butane config `text`. Its `local` files come from `files`; without, they are
/// refused.
pub fn translate(text: &str, files: Option<&dyn Files>) -> Translation {
    let start = Place { line: 1, column: 1 };
    let document = match yaml::read(text.trim_start_matches('\u{feff}')) {
        Ok(document) => document,
        Err(stop) => return refused("$", stop.place, stop.message),
    };
    let (Some(root), more) = document else { return refused("$", start, "an empty config") };
    if !matches!(root.value, Value::Map(_)) {
        return refused("$", root.place, "a config is a map of keys and values, the first of them `variant`");
    }
    let format = match Format::named(top(&root, "variant").0, top(&root, "version").0) {
        Ok(format) => format,
        Err((key, message)) => {
            let place = top(&root, key).1.unwrap_or(root.place);
            return refused(&format!("$.{key}"), place, message);
        }
    };
    let mut reader = Reader::new(format, files);
    if let Some(place) = more {
        reader.say_at(
            Severity::Warning,
            "$",
            place,
            "only the first document of a file is read, and this is the second",
        );
    }
    let mut config = reader.config(&root, &schema::CONFIG);
    sugar::finish(&mut reader, &mut config);
    if reader.is_fatal() {
        return finished(reader, None);
    }
    let text = format!("{:#}\n", Json::from(config));
    for entry in ignition::parse(text.as_bytes()).report.entries {
        let origin = reader.origin(&entry.path).cloned();
        let (yaml, place) = origin.map_or(("$".to_owned(), start), |origin| (origin.yaml, origin.place));
        let severity = match entry.severity {
            // Berth lacks it. A config in Berth's own variant is for no other system.
            Severity::Info if format.variant == Variant::Berth => Severity::Error,
            Severity::Info => Severity::Warning,
            severity => severity,
        };
        reader.say_at(severity, &yaml, place, entry.message);
    }
    finished(reader, Some(text))
}

/// The text of a key of the whole config, and where it stands.
fn top<'n>(root: &'n Node, name: &str) -> (Option<&'n str>, Option<Place>) {
    let Value::Map(entries) = &root.value else { return (None, None) };
    match entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node) {
        Some(Node { value: Value::Scalar(scalar), place }) if !scalar.is_null() => {
            (Some(&scalar.text), Some(*place))
        }
        Some(node) => (None, Some(node.place)),
        None => (None, None),
    }
}

fn refused(path: &str, place: Place, message: impl fmt::Display) -> Translation {
    let entry = Entry {
        severity: Severity::Error,
        path: path.to_owned(),
        line: place.line,
        column: place.column,
        message: message.to_string(),
    };
    Translation { config: None, report: Report { entries: vec![entry] } }
}

fn finished(reader: Reader<'_>, config: Option<String>) -> Translation {
    let config = config.filter(|_| !reader.is_fatal());
    let mut entries = reader.entries;
    entries.sort_by_key(|entry| (entry.line, entry.column));
    Translation { config, report: Report { entries } }
}
