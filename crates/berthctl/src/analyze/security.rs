//! `systemd-analyze security`: how exposed services leave the system, by what their files say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use unit::load::{self, UnitFiles};
use unit::security::{Assessment, Finding, assess, tenths};
use unit::service::config::ServiceType;
use unit::text::file::Source;
use unit::text::value;
use unit::{Unit, UnitName};
use unit_files::Catalog;

use crate::arguments::Parsed;
use unit_files::installed::host;

use crate::files::Files;
use crate::names::{loaded, unit_name};
use crate::table::{Paint, columns, paint};

/// The instance that a template is read as.
const INSTANCE: &str = "test-instance";
/// A threshold that nothing exceeds.
const NO_THRESHOLD: u64 = 100;

/// How to write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Short,
    Pretty,
}

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    if parsed.has("root") {
        bail!("security --root is not supported yet");
    }
    let format = match parsed.value("json") {
        None | Some("off") => Format::Table,
        Some("short") => Format::Short,
        Some("pretty") => Format::Pretty,
        Some(other) => bail!("--json={other}: expected off, short or pretty"),
    };
    let threshold = match parsed.value("threshold") {
        None => NO_THRESHOLD,
        Some(text) => {
            let number = text.parse().ok().filter(|number| *number <= NO_THRESHOLD);
            number.with_context(|| format!("--threshold={text}: expected a number from 0 to 100"))?
        }
    };
    let is_offline = match parsed.value("offline") {
        None => false,
        Some(word) => value::boolean(word).map_err(|error| anyhow::anyhow!("--offline={word}: {error}"))?,
    };
    if is_offline && parsed.words.is_empty() {
        bail!("security --offline=yes needs the files of units");
    }
    let (units, is_overview) = match parsed.words.as_slice() {
        [] => (running()?, true),
        words => (words.iter().map(|word| named(word)).collect::<Result<_>>()?, false),
    };
    let assessed: Vec<(String, Assessment)> =
        units.iter().filter_map(|unit| Some((unit.name.to_string(), assess(unit)?))).collect();
    if !is_overview {
        for (at, (name, assessment)) in assessed.iter().enumerate() {
            if at > 0 {
                println!();
            }
            details(name, assessment, format);
        }
    }
    if is_overview || assessed.len() > 1 {
        if !is_overview {
            println!();
        }
        overview(&assessed, format);
    }
    Ok(u8::from(assessed.iter().any(|(_, assessment)| assessment.exposure > threshold)))
}

/// The services that PID 1 has loaded and that go on running.
fn running() -> Result<Vec<Unit>> {
    let files = Files::open(None)?;
    let mut units = Vec::new();
    for status in loaded()? {
        let is_loaded = status.load == "loaded" && status.name.ends_with(".service");
        let Some(name) = UnitName::parse(&status.name).ok().filter(|_| is_loaded) else {
            continue;
        };
        // One without a file is PID 1's own.
        let unit = files.unit(&name).ok();
        units.extend(unit.filter(|unit| unit.service().is_some_and(|one| one.kind != ServiceType::Oneshot)));
    }
    Ok(units)
}

/// The unit that is named, or whose file is, with what its folder holds for it.
fn named(word: &str) -> Result<Unit> {
    let is_file = word.contains('/');
    let name = match is_file {
        false => unit_name(word)?,
        true => {
            let file = word.rsplit('/').next().unwrap_or_default();
            UnitName::parse(file).with_context(|| format!("{word}: the file's name"))?
        }
    };
    if !name.as_str().ends_with(".service") {
        bail!("Unit {name} is not a service unit, refusing.");
    }
    let name = if name.is_template() { name.with_instance(INSTANCE)? } else { name };
    if !is_file {
        return Files::open(None)?.unit(&name);
    }
    let folder = Path::new(word).parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    let drop_ins = Catalog::list(&[folder]).drop_ins(&name);
    let paths = std::iter::once(PathBuf::from(word)).chain(drop_ins);
    let sources = paths.map(|path| {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Source { path: Arc::from(path.display().to_string()), text })
    });
    let files = UnitFiles { sources: sources.collect::<Result<_>>()?, ..UnitFiles::default() };
    Ok(load::load(&name, &files, &host(Path::new("/")))?)
}

fn details(name: &str, assessment: &Assessment, format: Format) {
    if format != Format::Table {
        return print_json(assessment.findings.iter().map(json_of).collect(), format);
    }
    let heading = ["NAME", "DESCRIPTION", "EXPOSURE"].map(str::to_owned).to_vec();
    let rows = assessment.findings.iter().map(|finding| {
        let exposure = finding.exposure.map(tenths).unwrap_or_default();
        vec![finding.name.to_owned(), finding.description.clone(), exposure]
    });
    let marks = assessment.findings.iter().map(|finding| match finding.badness {
        None => " ".to_owned(),
        Some(0) => paint("\u{2713}", Paint::Good),
        Some(_) => paint("\u{2717}", Paint::Bad),
    });
    let lines = columns(&std::iter::once(heading).chain(rows).collect::<Vec<_>>());
    for (mark, line) in std::iter::once(" ".to_owned()).chain(marks).zip(lines) {
        println!("{mark} {line}");
    }
    println!(
        "\n\u{2192} Overall exposure level for {name}: {} {} {}",
        tenths(assessment.exposure),
        assessment.rating(),
        assessment.face()
    );
}

fn overview(assessed: &[(String, Assessment)], format: Format) {
    if format != Format::Table {
        let rows = assessed.iter().map(|(name, assessment)| {
            json!({
                "unit": name,
                "exposure": tenths(assessment.exposure),
                "predicate": assessment.rating(),
                "happy": assessment.face(),
            })
        });
        return print_json(rows.collect(), format);
    }
    let heading = ["UNIT", "EXPOSURE", "PREDICATE", "HAPPY"].map(str::to_owned).to_vec();
    let rows = assessed.iter().map(|(name, assessment)| {
        let exposure = format!("{:>8}", tenths(assessment.exposure));
        vec![name.clone(), exposure, assessment.rating().to_owned(), assessment.face().to_owned()]
    });
    columns(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
        .iter()
        .for_each(|line| println!("{line}"));
}

fn json_of(finding: &Finding) -> Value {
    json!({
        "set": finding.badness.map(|badness| badness == 0),
        "name": finding.name,
        "json_field": finding.field,
        "description": finding.description,
        "exposure": finding.exposure.map(tenths),
    })
}

fn print_json(rows: Vec<Value>, format: Format) {
    let value = Value::Array(rows);
    match format {
        Format::Pretty => println!("{value:#}"),
        Format::Short | Format::Table => println!("{value}"),
    }
}
