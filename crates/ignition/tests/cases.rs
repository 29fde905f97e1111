//! The cases of tests/cases: each config with what the reference's validator says of it, and what Berth says where
//! that is something else. docs/ignition-cases.md is made of them (BERTH_BLESS=1 writes it). With
//! BERTH_IGNITION_VALIDATE=PATH the reference is asked, too.
#![allow(clippy::unwrap_used, reason = "a test's own helpers")]

mod reference;

use reference::{Verdict, ours};
use std::fmt::Write as _;
use std::path::Path;

const TYPES: &str = include_str!("cases/types.txt");
const BLACKBOX: &str = include_str!("cases/blackbox.txt");
const OWN: &str = include_str!("cases/own.txt");

/// A config, and what is expected of it.
struct Case {
    group: String,
    text: String,
    theirs: Verdict,
    /// What Berth says, where that is something else.
    berth: Option<Verdict>,
}

/// Reads a file of cases: `## NAME`, then a config and its verdicts. Where those begin with versions, the config
/// has none of its own.
fn read(file: &str) -> Vec<Case> {
    let (mut cases, mut group, mut config) = (Vec::new(), "", "");
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        if let Some(name) = line.strip_prefix("## ") {
            (group, config) = (name, "");
        } else if config.is_empty() || line.starts_with('{') {
            config = line;
        } else if let Some(berth) = line.strip_prefix("berth: ") {
            let last: &mut Case = cases.last_mut().unwrap();
            last.berth = Some(verdict(berth));
        } else if let Some((from, to, rest)) = versions(line) {
            for minor in from..=to {
                let mut whole: serde_json::Value = serde_json::from_str(config).unwrap();
                whole["ignition"]["version"] = format!("3.{minor}.0").into();
                let (text, theirs) = (whole.to_string(), verdict(rest));
                cases.push(Case { group: group.to_owned(), text, theirs, berth: None });
            }
        } else {
            let text = if config.starts_with('"') {
                serde_json::from_str(config).unwrap()
            } else {
                config.to_owned()
            };
            cases.push(Case { group: group.to_owned(), text, theirs: verdict(line), berth: None });
        }
    }
    cases
}

/// Reads `error $.a; warning $.b`, or `ok`.
fn verdict(text: &str) -> Verdict {
    let split = |entry: &str| {
        let (severity, path) = entry.split_once(' ').unwrap_or((entry, ""));
        (severity.to_owned(), path.to_owned())
    };
    Verdict(text.split("; ").filter(|entry| *entry != "ok").map(split).collect())
}

/// `3.0.0-3.5.0 VERDICT` or `3.5.0 VERDICT`.
fn versions(line: &str) -> Option<(u32, u32, &str)> {
    let (span, verdict) = line.split_once(' ')?;
    let (from, to) = span.split_once('-').unwrap_or((span, span));
    let minor = |text: &str| text.strip_prefix("3.")?.strip_suffix(".0")?.parse().ok();
    Some((minor(from)?, minor(to)?, verdict))
}

fn hold(file: &str) {
    let cases = read(file);
    assert!(cases.len() > 50);
    let mut wrong = String::new();
    for case in cases {
        let ours = ours(case.text.as_bytes());
        if !case.berth.as_ref().map_or_else(|| ours.agrees(&case.theirs), |berth| ours == *berth) {
            let _ =
                writeln!(wrong, "{}: {}\n  theirs: {}\n  berth: {ours}", case.group, case.text, case.theirs);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_references_types_are_judged_as_it_judges_them() {
    hold(TYPES);
}

#[test]
fn the_references_blackbox_configs_are_judged_as_it_judges_them() {
    hold(BLACKBOX);
}

#[test]
fn what_people_and_platforms_give_is_judged() {
    hold(OWN);
}

/// What the files say of the reference is what it says.
#[test]
fn the_reference_says_what_is_written_of_it() {
    let Some(reference) = reference::validator() else { return };
    for case in [TYPES, BLACKBOX, OWN].map(read).into_iter().flatten() {
        assert_eq!(reference.verdict(case.text.as_bytes()), case.theirs, "{}: {}", case.group, case.text);
    }
}

#[test]
fn the_table_is_that_of_the_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ignition-cases.md");
    let table = table();
    if std::env::var_os("BERTH_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == table,
        "write it anew: BERTH_BLESS=1 cargo test -p ignition"
    );
}

fn table() -> String {
    let files = [("own", read(OWN)), ("types", read(TYPES)), ("blackbox", read(BLACKBOX))];
    let all = || files.iter().flat_map(|(_, cases)| cases);
    let mut out = format!(
        "# Ignition configs: cases\n\n\
         Made of crates/ignition/tests/cases; docs/ignition.md explains what differs. The reference is\n\
         ignition-validate 2.24.0. A verdict is each error and warning with its place; the reference tells\n\
         errors of JSON and of the version without one.\n\n\
         {} configs, {} of which come to the same verdict.\n",
        all().count(),
        all().filter(|case| case.berth.is_none()).count()
    );
    for (name, title) in
        [("own", "What people and platforms give"), ("blackbox", "The reference's blackbox tests")]
    {
        let _ = write!(out, "\n## {title}\n\n| case | ours | the reference's |\n|---|---|---|\n");
        for case in files.iter().filter(|(file, _)| *file == name).flat_map(|(_, cases)| cases) {
            let theirs = if case.berth.is_some() { case.theirs.to_string() } else { "the same".to_owned() };
            let _ = writeln!(out, "| {} | {} | {theirs} |", case.group, ours(case.text.as_bytes()));
        }
    }
    out.push_str(
        "\n## The reference's tests of its types\n\n| test | configs | same verdict |\n|---|---|---|\n",
    );
    let types =
        files.iter().filter(|(file, _)| *file == "types").flat_map(|(_, cases)| cases).collect::<Vec<_>>();
    for group in types.chunk_by(|one, other| one.group == other.group) {
        let same = group.iter().filter(|case| case.berth.is_none()).count();
        let _ = writeln!(out, "| {} | {} | {same} |", group[0].group, group.len());
    }
    out
}
