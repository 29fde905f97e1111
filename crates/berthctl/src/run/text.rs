//! The text of a transient unit.

use anyhow::{Result, bail};
use unit::directive::{self, Class};

/// Lines of `[Unit]` and of the section of the unit's type.
#[derive(Debug)]
pub struct Text {
    unit: String,
    section: &'static str,
    own: String,
}

impl Text {
    /// That of a unit whose own section has a name: `Service`.
    pub fn of(section: &'static str) -> Text {
        Text { unit: String::new(), section, own: String::new() }
    }

    /// Adds a line of `[Unit]`.
    pub fn unit(&mut self, name: &str, value: &str) {
        self.unit.push_str(&format!("{name}={value}\n"));
    }

    /// Adds a line of the unit's own section.
    pub fn own(&mut self, name: &str, value: &str) {
        self.own.push_str(&format!("{name}={value}\n"));
    }

    /// Adds a line of the section that has a directive of that name.
    ///
    /// # Errors
    /// None has, or it is not built.
    pub fn property(&mut self, name: &str, value: &str) -> Result<()> {
        let own = directive::class(self.section, name);
        let unit = directive::class("Unit", name);
        match own.or(unit) {
            None => bail!("property {name} is unknown"),
            Some(Class::NotDone | Class::Confines) => bail!("property {name} is not supported yet"),
            Some(Class::Done) if own.is_some() => self.own(name, value),
            Some(Class::Done) => self.unit(name, value),
        }
        Ok(())
    }

    /// The whole.
    pub fn finish(self) -> String {
        format!("[Unit]\n{}\n[{}]\n{}", self.unit, self.section, self.own)
    }
}

/// A value in which `%` is no specifier.
pub fn literal(value: &str) -> String {
    value.replace('%', "%%")
}

/// A word in double quotes, all in it standing for itself.
pub fn quoted(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '%' => out.push_str("%%"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A command line that is run as it stands: without variables.
pub fn command_line(argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quoted(word).replace('$', "$$")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use unit::UnitName;
    use unit::load::{self, UnitFiles};
    use unit::service::config::ExecList;
    use unit::text::expand;
    use unit::text::file::Source;
    use unit::text::specifier::Host;

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        let argv =
            ["/bin/echo", "a b", "100%", "$HOME", "\"q\"", "back\\slash", "two\nlines", ";", "", "'", "# x"];
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let mut text = Text::of("Service");
        text.unit("Description", &literal("50% \"done\""));
        text.own("ExecStart", &command_line(&argv));
        text.own("Environment", &quoted("A=1 % \"x\" \\"));
        text.property("MemoryMax", "1G").unwrap();
        text.property("After", "a.service").unwrap();
        let source = Source { path: Arc::from("/x"), text: text.finish() };
        let name = UnitName::parse("a.service").unwrap();
        let files = UnitFiles { sources: vec![source], ..UnitFiles::default() };
        let unit = load::load(&name, &files, &Host::default()).unwrap();
        assert!(unit.warnings.is_empty(), "{:?}", unit.warnings);
        assert_eq!(unit.description, "50% \"done\"");
        let service = unit.service().unwrap();
        let command = &service.commands.list(ExecList::Start)[0];
        let (words, missing) = expand::arguments(&command.argv, &std::collections::BTreeMap::new());
        assert_eq!(words, argv);
        assert!(missing.is_empty());
        assert_eq!(service.exec.environment, [("A".to_owned(), "1 % \"x\" \\".to_owned())]);
        assert!(service.cgroup.memory_max.is_some());
    }

    #[test]
    fn properties_that_are_not_there_are_refused() {
        for (name, reason) in
            [("Fly", "property Fly is unknown"), ("RootImage", "property RootImage is not supported yet")]
        {
            assert_eq!(Text::of("Service").property(name, "x").unwrap_err().to_string(), reason);
        }
    }
}
