//! What systemd 257 makes of times: the cases of its own tests (test-calendarspec, test-time-util),
//! and answers that `systemd-analyze calendar` gave. docs/calendar-cases.md counts them, and tells of
//! each that comes out otherwise here. To write that page again:
//! `BERTH_BLESS=1 cargo test -p calendar --test systemd`.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use calendar::{Expression, Zone, Zones, span, timestamp};

/// Fri 2026-11-27 17:30:00 UTC.
const NOW: Duration = Duration::from_secs(1_795_800_600);

/// Cases that come out otherwise here, by their beginning, and why.
const DIFFERENCES: [(&str, &str); 2] = [
    ("*:0/7 | UTC | 1830297599", "systemd passes over the first moment of the year 2028, which is a match"),
    (
        "*-*-* 1..3:0/30 | Europe/Dublin | 1743293400",
        "systemd passes over the rest of a day on which Irish clocks are put forward",
    ),
];

/// The zones of tests/zones.
struct Files {
    local: &'static str,
}

impl Zones for Files {
    fn local(&self) -> Zone {
        match self.local {
            "" => Zone::utc(),
            name => self.named(name).or_else(|| Zone::rule(name).ok()).unwrap_or_else(Zone::utc),
        }
    }

    fn named(&self, name: &str) -> Option<Zone> {
        let name = if name == "NZ" { "Pacific/Auckland" } else { name };
        let bytes = std::fs::read(folder("zones").join(name.replace('/', "-"))).ok()?;
        Some(Zone::read(name, &bytes).unwrap())
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The lines of a table, cut at tabs.
fn table(name: &str) -> Vec<Vec<&'static str>> {
    let text = std::fs::read_to_string(folder("cases").join(name)).unwrap();
    text.leak().lines().map(|line| line.split('\t').collect()).collect()
}

/// A group of cases: where they are from, what they are about, and of each what it is, what it is
/// to come to and what it comes to.
struct Group {
    source: &'static str,
    about: &'static str,
    cases: Vec<[String; 3]>,
}

impl Group {
    fn new(
        source: &'static str,
        about: &'static str,
        file: &str,
        run: fn(&[&'static str]) -> String,
    ) -> Group {
        let case = |row: Vec<&'static str>| {
            let (expected, given) = row.split_last().unwrap();
            [given.join(" | "), (*expected).to_owned(), run(given)]
        };
        Group { source, about, cases: table(file).into_iter().map(case).collect() }
    }

    fn failed(&self) -> impl Iterator<Item = &[String; 3]> {
        self.cases.iter().filter(|[_, expected, got]| expected != got)
    }
}

fn micros(at: Option<Duration>) -> String {
    at.map_or_else(|| "refused".to_owned(), |at| at.as_micros().to_string())
}

/// The normal form, which must be its own.
fn normal(given: &[&'static str]) -> String {
    let written = Expression::parse(given[0]).unwrap().to_string();
    assert_eq!(Expression::parse(&written).unwrap().to_string(), written);
    written
}

/// As many moments as are asked for, one after the other.
fn next(given: &[&'static str], count: usize) -> String {
    let (zones, after) = (Files { local: given[1] }, Duration::from_micros(given[2].parse().unwrap()));
    let expression = Expression::parse(given[0]).unwrap();
    let zone = expression.zone().resolve(&zones, after).unwrap();
    let found = std::iter::successors(expression.next(after, &zone), |at| expression.next(*at, &zone));
    let found: Vec<String> = found.take(count).map(|at| at.as_micros().to_string()).collect();
    if found.is_empty() { "never".to_owned() } else { found.join(" ") }
}

fn span_of(given: &[&'static str]) -> String {
    match span::parse(given[0]) {
        Ok(None) => "infinity".to_owned(),
        Ok(time) => micros(time),
        Err(_) => "refused".to_owned(),
    }
}

fn moment(given: &[&'static str]) -> String {
    micros(timestamp::parse(given[0], NOW, &Files { local: given[1] }).ok())
}

fn page(groups: &[Group]) -> String {
    let mut page = "\
# Times as systemd has them

What systemd 257 holds itself to in its own tests of calendar expressions, time spans and timestamps, and
what its `systemd-analyze calendar` answered. Made by `crates/calendar/tests/systemd.rs`, which a test holds
this page to.

| from | about | cases | same |
|---|---|---|---|
"
    .to_owned();
    for group in groups {
        let same = group.cases.len() - group.failed().count();
        page.push_str(&format!("| {} | {} | {} | {same} |\n", group.source, group.about, group.cases.len()));
    }
    page.push_str("\nWhat is otherwise, and why:\n\n| case | systemd | here | why |\n|---|---|---|---|\n");
    for [case, expected, got] in groups.iter().flat_map(Group::failed) {
        let why = DIFFERENCES.iter().find(|(known, _)| case.starts_with(known)).map_or("", |(_, why)| why);
        page.push_str(&format!("| `{}` | {expected} | {got} | {why} |\n", case.replace('|', "/")));
    }
    page
}

#[test]
fn what_systemd_makes_of_times_holds_here() {
    let refused = |given: &[&'static str]| match Expression::parse(&given[0].replace("\\n", "\n")) {
        Ok(expression) => expression.to_string(),
        Err(_) => "refused".to_owned(),
    };
    let groups = [
        Group::new("test-calendarspec", "the normal form", "normal.tsv", normal),
        Group::new("test-calendarspec", "what is no expression", "refused.tsv", refused),
        Group::new("test-calendarspec", "what comes next", "next.tsv", |given| next(given, 1)),
        Group::new("systemd-analyze calendar", "the next three", "asked.tsv", |given| next(given, 3)),
        Group::new("test-time-util", "time spans", "spans.tsv", span_of),
        Group::new("test-time-util", "timestamps", "timestamps.tsv", moment),
    ];
    let unexplained: Vec<&[String; 3]> = groups
        .iter()
        .flat_map(Group::failed)
        .filter(|[case, ..]| !DIFFERENCES.iter().any(|(known, _)| case.starts_with(known)))
        .collect();
    assert!(
        unexplained.is_empty(),
        "{} are otherwise: {:#?}",
        unexplained.len(),
        &unexplained[..unexplained.len().min(20)]
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/calendar-cases.md");
    if std::env::var_os("BERTH_BLESS").is_some() {
        std::fs::write(&path, page(&groups)).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page(&groups));
}
