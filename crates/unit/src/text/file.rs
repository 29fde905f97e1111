//! A unit file as a list of assignments (systemd.syntax(7)).

use std::fmt;
use std::sync::Arc;

/// One unit file or drop-in: where it came from, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path, for messages.
    pub path: Arc<str>,
    /// What the file holds.
    pub text: String,
}

/// A line of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file.
    pub path: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

/// `Key=value` in a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The section's name, without brackets.
    pub section: String,
    /// What stands before the `=`.
    pub key: String,
    /// What stands after it, continuation lines joined by a space.
    pub value: String,
    /// Where it begins.
    pub at: Location,
}

/// Something to tell the author of a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub at: Location,
    /// What, in one sentence.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.text)
    }
}

/// Reads one source. A line that makes no sense is left out, with a warning: one typing error
/// must not keep a machine from booting.
pub fn parse(source: &Source) -> (Vec<Assignment>, Vec<Warning>) {
    let mut assignments = Vec::new();
    let mut warnings = Vec::new();
    let mut section: Option<String> = None;
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);

    for (line, text) in logical_lines(text) {
        let at = Location { path: source.path.clone(), line };
        let mut warn = |text: String| {
            warnings.push(Warning { at: at.clone(), text });
        };
        if let Some(rest) = text.strip_prefix('[') {
            section = rest.strip_suffix(']').map(str::to_owned);
            if section.is_none() {
                warn(format!("section {text:?} has no closing bracket"));
            }
        } else if let Some((key, value)) = text.split_once('=') {
            let Some(section) = &section else {
                warn(format!("{:?} stands outside any section", key.trim_end()));
                continue;
            };
            assignments.push(Assignment {
                section: section.clone(),
                key: key.trim_end().to_owned(),
                value: value.trim_start().to_owned(),
                at,
            });
        } else {
            warn(format!("{text:?} is neither a section nor an assignment"));
        }
    }
    (assignments, warnings)
}

/// Joins continued lines, drops comments and blank lines, strips white space; gives each logical
/// line with the number of its first one.
pub fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, String)> = None;
    for (number, raw) in (1u32..).zip(text.lines()) {
        // A comment between continued lines does not end them.
        if raw.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let (start, mut joined) = open.take().unwrap_or((number, String::new()));
        let backslashes = raw.len() - raw.trim_end_matches('\\').len();
        match raw.strip_suffix('\\') {
            // Two of them are an escaped one, which continues nothing.
            Some(head) if backslashes % 2 == 1 => {
                joined.push_str(head);
                joined.push(' ');
                open = Some((start, joined));
            }
            _ => {
                joined.push_str(raw);
                lines.push((start, joined));
            }
        }
    }
    lines.extend(open);
    lines
        .into_iter()
        .map(|(number, line)| (number, line.trim().to_owned()))
        .filter(|(_, line)| !line.is_empty())
        .collect()
}
