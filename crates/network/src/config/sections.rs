//! A file as a list of sections. A section that stands twice is two: two `[Address]` are two addresses.

use std::fmt;

use unit::text::file::logical_lines;

use super::directive;

/// A text, and the file that it came from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The path, for messages.
    pub path: &'a str,
    /// What the file holds.
    pub text: &'a str,
}

/// Something of a file that is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub path: String,
    /// The line, from 1; 0 where it is of the file as a whole.
    pub line: u32,
    /// What, in one sentence.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// `[Name]` and what stands below it.
#[derive(Debug)]
pub struct Section {
    pub name: String,
    pub path: String,
    pub line: u32,
    pub assignments: Vec<Assignment>,
}

/// `Key=value`.
#[derive(Debug)]
pub struct Assignment {
    pub key: String,
    pub value: String,
    pub line: u32,
}

/// Why an assignment is not followed.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The section has no such key that is built.
    Key,
    /// The value makes no sense, or stands for what is not built; the text says so.
    Value(String),
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::Value(text)
    }
}

/// Gives `take` each section of a file and its drop-ins, in the order in which they count. The path of the file, for
/// what is said of it as a whole.
pub fn each(
    sources: &[Source<'_>],
    warnings: &mut Vec<Warning>,
    mut take: impl FnMut(&Section, &mut Vec<Warning>),
) -> String {
    for source in sources {
        for section in read(*source, warnings) {
            take(&section, warnings);
        }
    }
    sources.first().map(|source| source.path.to_owned()).unwrap_or_default()
}

/// Reads a file; lines that make no sense are named and left out.
pub fn read(source: Source<'_>, warnings: &mut Vec<Warning>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    // After a line that should be a section's and is none, assignments are nobody's.
    let mut is_open = false;
    for (line, text) in logical_lines(text) {
        let mut warn = |text: String| warnings.push(Warning { path: source.path.to_owned(), line, text });
        if let Some(rest) = text.strip_prefix('[') {
            is_open = rest.ends_with(']');
            match rest.strip_suffix(']') {
                Some(name) => sections.push(Section {
                    name: name.to_owned(),
                    path: source.path.to_owned(),
                    line,
                    assignments: Vec::new(),
                }),
                None => {
                    warn(format!("section {text:?} has no closing bracket; what is below it is left out"))
                }
            }
        } else if let Some((key, value)) = text.split_once('=') {
            let assignment =
                Assignment { key: key.trim_end().to_owned(), value: value.trim_start().to_owned(), line };
            match sections.last_mut().filter(|_| is_open) {
                Some(section) => section.assignments.push(assignment),
                None => warn(format!("{:?} stands outside any section, ignored", assignment.key)),
            }
        } else {
            warn(format!("{text:?} is neither a section nor an assignment, ignored"));
        }
    }
    sections
}

impl Section {
    /// Gives each assignment to `assign`, and names those that it does not take.
    pub fn each(&self, warnings: &mut Vec<Warning>, mut assign: impl FnMut(&str, &str) -> Result<(), Fault>) {
        for Assignment { key, value, line } in &self.assignments {
            let text = match assign(key, value) {
                Ok(()) => continue,
                Err(Fault::Value(text)) => format!("{key}={value}: {text}, ignored"),
                Err(Fault::Key) => format!("{}, ignored", directive::complaint(&self.name, key)),
            };
            warnings.push(Warning { path: self.path.clone(), line: *line, text });
        }
    }

    /// Says something of the section as a whole.
    pub fn warn(&self, warnings: &mut Vec<Warning>, text: impl Into<String>) {
        warnings.push(Warning { path: self.path.clone(), line: self.line, text: text.into() });
    }
}
