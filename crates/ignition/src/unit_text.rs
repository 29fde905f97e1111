//! The text of a unit file, as far as a config is judged by it: its sections. (Crate `unit` reads units to run
//! them, and is more lenient, as systemd is. A config is held to what the reference's validator takes.)

/// A line, in bytes, is shorter than this.
const LINE_MAX: usize = 2048;

/// The sections that have an option, or what is wrong with the text.
pub fn sections(text: &str) -> Result<Vec<&str>, String> {
    if let Some((index, _)) = text.split(['\r', '\n']).enumerate().find(|(_, line)| line.len() >= LINE_MAX) {
        return Err(format!(
            "line {} of the unit has {LINE_MAX} bytes or more: break it by backslashes",
            index + 1
        ));
    }
    let mut reader = Reader { whole: text, rest: text };
    let mut sections = Vec::new();
    // Before the first section anything may stand.
    loop {
        match reader.letter() {
            None => return Ok(sections),
            Some('[') => break,
            Some('#' | ';') => reader.comment(),
            Some(_) => {}
        }
    }
    loop {
        let name = reader.header()?;
        let mut used = false;
        let more = loop {
            match reader.letter() {
                None => break false,
                Some('[') => break true,
                Some('#' | ';') => reader.comment(),
                Some(letter) if letter.is_whitespace() => {}
                Some(letter) => {
                    reader.option(letter)?;
                    used = true;
                }
            }
        };
        sections.extend(used.then_some(name));
        if !more {
            return Ok(sections);
        }
    }
}

struct Reader<'t> {
    whole: &'t str,
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// The number of the line that is read, from 1.
    fn number(&self) -> usize {
        let read = self.whole.len() - self.rest.len();
        1 + self.whole.bytes().take(read).filter(|byte| *byte == b'\n').count()
    }

    fn letter(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    /// The rest of the line, without its end.
    fn line(&mut self) -> &'t str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line
    }

    /// A comment goes on behind a backslash at the end of its line.
    fn comment(&mut self) {
        loop {
            let line = self.line();
            if !line.strip_suffix(' ').unwrap_or(line).ends_with('\\') {
                return;
            }
        }
    }

    /// What stands behind `[`.
    fn header(&mut self) -> Result<&'t str, String> {
        let Some((name, rest)) = self.rest.split_once(']') else {
            return Err(format!("line {} of the unit opens a section that no ] closes", self.number()));
        };
        self.rest = rest;
        match self.line().trim() {
            "" => Ok(name),
            more => Err(format!("the section [{name}] of the unit has {more:?} behind it")),
        }
    }

    /// An option, whose first letter is read already. Its value goes on behind a backslash at a line's end.
    fn option(&mut self, first: char) -> Result<(), String> {
        let name = self.rest;
        let end = if first == '=' { Some('=') } else { self.end_of_name() };
        if end != Some('=') {
            self.rest = name;
            return Err(format!(
                "line {} of the unit is no section, option or comment: it has no =",
                self.number()
            ));
        }
        loop {
            let line = self.line();
            if line.trim().is_empty() || !line.ends_with('\\') {
                return Ok(());
            }
        }
    }

    /// The letter that ends an option's name.
    fn end_of_name(&mut self) -> Option<char> {
        std::iter::from_fn(|| self.letter()).find(|letter| "=\n\r".contains(*letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_those_with_options() {
        for (text, expected) in [
            ("", Some(&[][..])),
            ("junk", Some(&[])),
            ("[Install]", Some(&[])),
            ("[Unit]\nA=b\n[Install]\n# none\n", Some(&["Unit"])),
            ("[Unit]\nA=b \\\n[Install]\n[Install]\nC=d", Some(&["Unit", "Install"])),
            ("junk [Unit]\nA=b", Some(&["Unit"])),
            ("; [Unit] \\\nA=b\n[Service]\n=\n", Some(&["Service"])),
            ("[Foo", None),
            ("[Foo] bar\n", None),
            ("[Foo]\nbar\n", None),
            ("[Foo]\nbar", None),
            ("[Foo]\nA=\\\n\nbar\n", None),
        ] {
            assert_eq!(sections(text).ok().as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_are_bounded() {
        assert!(sections(&format!("[A]\nB={}\n", "x".repeat(LINE_MAX - 3))).is_ok());
        assert!(sections(&format!("[A]\nB={}\n", "x".repeat(LINE_MAX))).is_err());
    }

    #[test]
    fn what_is_wrong_names_its_line() {
        let error = sections("[Unit]\nA=b\n\nwrong\n").unwrap_err();
        assert_eq!(error, "line 4 of the unit is no section, option or comment: it has no =");
    }
}
