//! What is wrong with a config, and where.

use std::fmt;

/// How much an entry weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The config is refused.
    Error,
    /// The config is taken; a part of it does nothing, or not what it seems to.
    Warning,
    /// Worth knowing: a part of it that Berth does not have.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        })
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How much it weighs.
    pub severity: Severity,
    /// The place as a JSON path, such as `$.storage.files.0.path`; `$` is the whole config.
    pub path: String,
    /// The line in the text, from 1; 0 where there is no text, as of a merged config.
    pub line: usize,
    /// The column in the line, in bytes, from 1; 0 where there is no text.
    pub column: usize,
    /// What is wrong, and where it helps, what to do.
    pub message: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.severity, self.path)?;
        if self.line > 0 {
            write!(f, ", line {} col {}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All findings about a config. Its text is a line an entry, without an end of line after the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings, in the order of the text.
    pub entries: Vec<Entry>,
}

impl Report {
    /// Whether the config is refused.
    pub fn is_fatal(&self) -> bool {
        self.entries.iter().any(|entry| entry.severity == Severity::Error)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{entry}")?;
        }
        Ok(())
    }
}
