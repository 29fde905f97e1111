//! Layer: pure. Ignition configs: read, validated, merged.
//!
//! [`parse`] reads a config of any stable version, says what is wrong with it and where, and raises it to the newest
//! version. [`merge`] makes one config of two, and [`validate`] judges the result. docs/ignition.md says where the
//! verdicts differ from those of the reference.
#![forbid(unsafe_code)]

mod data_url;
mod decode;
mod foreign;
mod keys;
mod merge;
mod missing;
mod report;
mod rules;
mod shape;
mod tree;
mod unit_text;
mod url;
mod version;

/// What a `data:` address carries, or what is wrong with it.
pub use data_url::decode as decode_data_url;
/// The types of a config, of the newest version: older ones are translated up.
pub use ignition_config::v3_6 as config;
pub use report::{Entry, Report, Severity};
pub use url::scheme;
/// The newest version that is read.
pub use version::NEWEST_TEXT;

use config::Config;
use decode::At;
use rules::Finding;
use tree::{Broken, Lines, Node, Value};

/// A config as it was read.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The config, of the newest version; none where the report is fatal.
    pub config: Option<Config>,
    /// What is wrong with it.
    pub report: Report,
}

/// How many findings a report has at most: errors rather than warnings.
const FINDINGS_MAX: usize = 1000;

/// Reads a config of any version from 3.0.0 to 3.6.0.
pub fn parse(bytes: &[u8]) -> Parsed {
    if let Some(message) = foreign::name(bytes) {
        return refused(1, 1, message.to_owned());
    }
    // What is no UTF-8 is read as U+FFFD, as the reference does.
    let text = String::from_utf8_lossy(bytes);
    let lines = Lines::of(&text);
    let tree = match tree::read(&text) {
        Ok(tree) => tree,
        Err(Broken::Syntax { line, column, message }) => {
            return refused(line, column, format!("the config is not JSON: {message}"));
        }
        Err(Broken::Deep(offset)) => {
            let (line, column) = lines.place(offset);
            return refused(
                line,
                column,
                format!("values stand in each other more than {} deep", tree::DEPTH),
            );
        }
    };
    let mut found = Vec::new();
    if let Err(error) = std::str::from_utf8(bytes) {
        let message = "the text is not UTF-8 from here on; what is wrong stands for U+FFFD".to_owned();
        found.push(At {
            severity: Severity::Warning,
            path: "$".to_owned(),
            start: error.valid_up_to(),
            message,
        });
    }
    let minor = match version_of(&tree) {
        Ok(minor) => minor,
        Err(error) => return Parsed { config: None, report: in_order(vec![error], &lines) },
    };
    let config = raise(&tree, minor, &mut found);
    let report = in_order(found, &lines);
    Parsed { config: config.filter(|_| !report.is_fatal()), report }
}

/// What is wrong with a config that has no text of its own, as one that was merged.
pub fn validate(config: &Config) -> Report {
    let found = rules::check(config, version::NEWEST).into_iter().chain(missing::check(config));
    Report { entries: found.map(|finding| entry(finding, 0, 0)).collect() }
}

/// What a config asks for that Berth does not have: empty where it can be provisioned by. Each entry is an error.
pub fn missing(config: &Config) -> Report {
    let entries = missing::check(config)
        .into_iter()
        .map(|finding| Entry { severity: Severity::Error, ..entry(finding, 0, 0) });
    Report { entries: entries.collect() }
}

/// One config of two: where both say something, the child's word counts; lists are merged entry by entry. Two valid
/// configs can make one that is not: [`validate`] it.
pub fn merge(parent: &Config, child: &Config) -> Config {
    merge::Merge::merge(parent, child)
}

/// A config as JSON, without the keys that say nothing.
pub fn to_json(config: &Config) -> serde_json::Value {
    fn prune(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(object) => object
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, prune(value)))
                .collect(),
            serde_json::Value::Array(list) => list.into_iter().map(prune).collect(),
            value => value,
        }
    }
    prune(serde_json::to_value(config).unwrap_or_default())
}

fn refused(line: usize, column: usize, message: String) -> Parsed {
    let entry = Entry { severity: Severity::Error, path: "$".to_owned(), line, column, message };
    Parsed { config: None, report: Report { entries: vec![entry] } }
}

/// The minor version that a config says it is written for.
fn version_of(tree: &Node) -> Result<u32, At> {
    let error =
        |path: &str, start, message| At { severity: Severity::Error, path: path.to_owned(), start, message };
    let Value::Object(_) = tree.value else {
        return Err(error("$", tree.start, "a config is an object, between { and }".to_owned()));
    };
    let path = "$.ignition.version";
    let text = match tree.get("ignition").and_then(|ignition| ignition.get("version")).map(|node| &node.value)
    {
        Some(Value::Text(text)) => text,
        _ => "",
    };
    version::minor(text).map_err(|message| error(path, tree.nearest(path).start, message))
}

/// Makes of the tree a config of the newest version; none where its shape is wrong.
fn raise(tree: &Node, minor: u32, found: &mut Vec<At>) -> Option<Config> {
    let value = decode::decode(tree, &shape::CONFIG, minor, found);
    if found.iter().any(|at| at.severity == Severity::Error) {
        return None;
    }
    let mut config: Config = match serde_json::from_value(value) {
        Ok(config) => config,
        Err(error) => {
            let message = format!("the config cannot be read: {error}");
            found.push(At { severity: Severity::Error, path: "$".to_owned(), start: tree.start, message });
            return None;
        }
    };
    config.ignition.version = version::NEWEST_TEXT.to_owned();
    let mut broken = rules::check(&config, minor);
    broken.extend(missing::check(&config));
    // Errors come first, since no more are kept than a person reads.
    broken.sort_by_key(|finding| finding.severity);
    found.extend(broken.into_iter().take(FINDINGS_MAX).map(|Finding { severity, path, message }| {
        let start = tree.nearest(&path).start;
        At { severity, path, start, message }
    }));
    if minor < 6
        && let Some(storage) = &mut config.storage
    {
        let files = storage.files.iter_mut().flatten().map(|file| &mut file.mode);
        let directories = storage.directories.iter_mut().flatten().map(|directory| &mut directory.mode);
        for mode in files.chain(directories).flatten() {
            *mode &= !0o7000;
        }
    }
    Some(config)
}

fn entry(finding: Finding, line: usize, column: usize) -> Entry {
    let Finding { severity, path, message } = finding;
    Entry { severity, path, line, column, message }
}

/// The findings as a report, in the order of the text.
fn in_order(mut found: Vec<At>, lines: &Lines) -> Report {
    found.sort_by_key(|at| at.severity);
    found.truncate(FINDINGS_MAX);
    found.sort_by(|one, other| (one.start, &one.path).cmp(&(other.start, &other.path)));
    let entries = found.into_iter().map(|At { severity, path, start, message }| {
        let (line, column) = lines.place(start);
        Entry { severity, path, line, column, message }
    });
    Report { entries: entries.collect() }
}
