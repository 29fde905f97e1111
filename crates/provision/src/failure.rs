//! Why a machine was not provisioned, for a person who is to mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong with one part of a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// JSON path of the part, such as `$.storage.files.0.contents`; empty where it is none's.
    pub path: String,
    /// What was being done, and what came in the way.
    pub cause: String,
    /// What to do about it.
    #[serde(rename = "try")]
    pub next_step: String,
}

impl Failure {
    /// A failure at a part of the config.
    pub fn new(path: impl Into<String>, cause: impl Into<String>, next_step: impl Into<String>) -> Failure {
        Failure { path: path.into(), cause: cause.into(), next_step: next_step.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { path, cause, next_step } = self;
        let at = if path.is_empty() { "" } else { ": " };
        write!(f, "{path}{at}{cause}; try: {next_step}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_what_and_what_to_do() {
        let failure = Failure::new("$.storage.files.0", "cannot write /a", "another path");
        assert_eq!(failure.to_string(), "$.storage.files.0: cannot write /a; try: another path");
        let json = r#"{"path":"","cause":"no network","try":"a cable"}"#;
        let failure: Failure = serde_json::from_str(json).unwrap();
        assert_eq!(failure.to_string(), "no network; try: a cable");
        assert_eq!(serde_json::to_string(&failure).unwrap(), json);
    }
}
