//! `systemd-analyze verify`: what PID 1 would say of unit files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use unit::UnitName;
use unit::load::{self, UnitFiles};
use unit::text::file::Source;

use crate::arguments::Parsed;
use unit_files::installed::host;

use crate::files::Files;
use crate::names::unit_name;

/// The instance that a template is read as.
const INSTANCE: &str = "test-instance";

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    if parsed.words.is_empty() {
        bail!("name a unit file");
    }
    let mut code = 0;
    for word in &parsed.words {
        let source = source(parsed, word)?;
        let (errors, warnings) = complaints(&source)?;
        for text in errors.iter().chain(&warnings) {
            eprintln!("{text}");
        }
        if !errors.is_empty() || parsed.has("strict") && !warnings.is_empty() {
            code = 1;
        }
    }
    Ok(code)
}

/// The file that is named, by its path or by the unit's name.
fn source(parsed: &Parsed, word: &str) -> Result<Source> {
    let path = match word.contains('/') || Path::new(word).exists() {
        true => word.to_owned(),
        false => {
            let files = Files::open(parsed.value("root"))?;
            let unit = unit_name(word)?;
            let path = files.view.file(&unit).with_context(|| format!("Unit {unit} does not exist"))?;
            return Ok(Source { text: files.read(&path)?, path: Arc::from(path) });
        }
    };
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(Source { path: Arc::from(path), text })
}

/// What keeps a unit from starting, and what else its author should know.
fn complaints(source: &Source) -> Result<(Vec<String>, Vec<String>)> {
    let file = source.path.rsplit('/').next().unwrap_or_default();
    let name = UnitName::parse(file).with_context(|| format!("{}: the file's name", source.path))?;
    let name = if name.is_template() { name.with_instance(INSTANCE)? } else { name };
    let files = UnitFiles { sources: vec![source.clone()], ..UnitFiles::default() };
    match load::load(&name, &files, &host(Path::new("/"))) {
        Ok(unit) => Ok((
            unit.refusals.iter().map(ToString::to_string).collect(),
            unit.warnings.iter().map(ToString::to_string).collect(),
        )),
        Err(error) => Ok((vec![format!("{}: {error}", source.path)], Vec::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_warnings() {
        let cases = [
            ("/u/a.service", "[Service]\nExecStart=/bin/x\n", 0, 0),
            ("/u/a.service", "[Service]\n", 1, 0),
            ("/u/a.service", "[Service]\nExecStart=/bin/x\nFly=yes\nNice=much\n", 0, 2),
            ("/u/a@.service", "[Service]\nExecStart=/bin/x %i\n", 0, 0),
            ("/u/a.target", "[Unit]\nWants=b.service\n", 0, 0),
        ];
        for (path, text, errors, warnings) in cases {
            let source = Source { path: Arc::from(path), text: text.into() };
            let got = complaints(&source).unwrap();
            assert_eq!((got.0.len(), got.1.len()), (errors, warnings), "{text}: {got:?}");
        }
        assert!(complaints(&Source { path: Arc::from("/u/notes.txt"), text: String::new() }).is_err());
    }
}
