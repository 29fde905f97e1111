//! Verdicts, ours and the reference's.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The errors and warnings of a config, with their places. Messages are each validator's own. The reference tells
/// some errors, such as those of JSON, without a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict(pub BTreeSet<(String, String)>);

impl Verdict {
    /// Whether the reference's verdict comes to this one: the same entries, or an error without a place, which stands
    /// for any error.
    pub fn agrees(&self, theirs: &Verdict) -> bool {
        self == theirs || theirs.is_placeless() && self.is_fatal()
    }

    /// Whether an error has no place.
    pub fn is_placeless(&self) -> bool {
        self.0.contains(&("error".to_owned(), String::new()))
    }

    /// Whether the config is refused.
    pub fn is_fatal(&self) -> bool {
        self.0.iter().any(|(severity, _)| severity == "error")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("ok");
        }
        let entries: Vec<String> = self
            .0
            .iter()
            .map(|(severity, path)| format!("{severity} {path}").trim_end().to_owned())
            .collect();
        f.write_str(&entries.join("; "))
    }
}

/// What Berth says of a config.
pub fn ours(text: &[u8]) -> Verdict {
    let parsed = ignition::parse(text);
    assert_eq!(parsed.config.is_none(), parsed.report.is_fatal());
    let entries =
        parsed.report.entries.into_iter().filter(|entry| entry.severity != ignition::Severity::Info);
    Verdict(entries.map(|entry| (entry.severity.to_string(), entry.path)).collect())
}

/// The reference's validator, where BERTH_IGNITION_VALIDATE names it.
pub fn validator() -> Option<Validator> {
    std::env::var_os("BERTH_IGNITION_VALIDATE").map(|path| Validator(path.into()))
}

pub struct Validator(PathBuf);

impl Validator {
    pub fn verdict(&self, text: &[u8]) -> Verdict {
        let mut child = Command::new(&self.0)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(text).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let mut entries: BTreeSet<(String, String)> =
            String::from_utf8_lossy(&output.stdout).lines().filter_map(entry).collect();
        // Some errors have no entry at all.
        if !output.status.success() && !entries.iter().any(|(severity, _)| severity == "error") {
            entries.insert(("error".to_owned(), String::new()));
        }
        Verdict(entries)
    }
}

/// Reads `error at $.a.b, line 1 col 2: MESSAGE`, where the path, or the line, may be missing.
fn entry(line: &str) -> Option<(String, String)> {
    let (severity, rest) = line.split_once(" at ")?;
    if !matches!(severity, "error" | "warning") {
        return None;
    }
    let path = if rest.starts_with('$') { rest.split(", line ").next()?.split(": ").next()? } else { "" };
    Some((severity.to_owned(), path.to_owned()))
}
