//! Lists of units, sockets, timers, jobs and unit files.

use std::time::Duration;

use anyhow::Result;
use calendar::timestamp::from_now;
use unit::control::{JobStatus, Reply, Request, UnitStatus};
use unit::install::FileState;

use super::{has_legend, listed};
use crate::arguments::Parsed;
use crate::client;
use crate::files::Files;
use crate::names::{loaded, matches};
use crate::table::{Paint, columns, paint};
use crate::time::{next_elapse, written};

fn cells(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether a unit is of the types, in the states and of the names that were asked for.
fn is_wanted(parsed: &Parsed, unit: &UnitStatus) -> bool {
    let kind = unit.name.rsplit('.').next().unwrap_or("");
    let (types, states) = (listed(parsed, "type"), listed(parsed, "state"));
    let is_in = |state: &&str| [&unit.load, &unit.active, &unit.sub].iter().any(|word| word == state);
    (types.is_empty() || types.iter().any(|wanted| *wanted == kind || is_in(wanted)))
        && (states.is_empty() || states.iter().any(is_in))
        && (!parsed.has("failed") || unit.active == "failed")
        // A device is shown by one of its names.
        && (unit.following.is_none() || parsed.has("all"))
        && (parsed.words.is_empty() || parsed.words.iter().any(|pattern| matches(pattern, &unit.name)))
}

pub(super) fn units(parsed: &Parsed) -> Result<u8> {
    let all = parsed.has("all") || !listed(parsed, "state").is_empty();
    let shown = |unit: &UnitStatus| all || unit.active != "inactive" || unit.job.is_some();
    let units: Vec<UnitStatus> =
        loaded()?.into_iter().filter(|unit| shown(unit) && is_wanted(parsed, unit)).collect();
    let has_jobs = units.iter().any(|unit| unit.job.is_some());
    let mut rows = Vec::new();
    if has_legend(parsed) {
        let mut heading = cells(&["UNIT", "LOAD", "ACTIVE", "SUB"]);
        heading.extend(has_jobs.then(|| "JOB".to_owned()));
        heading.push("DESCRIPTION".to_owned());
        rows.push(heading);
    }
    for unit in &units {
        let mut row = cells(&[&unit.name, &unit.load, &unit.active, &unit.sub]);
        if has_jobs {
            row.push(unit.job.clone().unwrap_or_default());
        }
        row.push(unit.description.clone());
        rows.push(row);
    }
    let marked = units.iter().map(|unit| match unit.active.as_str() {
        "failed" => format!("{} ", paint("\u{25cf}", Paint::Bad)),
        _ if unit.load != "loaded" => format!("{} ", paint("\u{25cf}", Paint::Busy)),
        _ => "  ".to_owned(),
    });
    let marks = has_legend(parsed).then(|| "  ".to_owned()).into_iter().chain(marked);
    for (mark, line) in marks.zip(columns(&rows)) {
        let mark = if parsed.has("plain") { "" } else { mark.as_str() };
        println!("{mark}{line}");
    }
    if has_legend(parsed) {
        let hint = if all { "" } else { " Pass --all to see loaded but inactive units, too." };
        println!("\n{} loaded units listed.{hint}", units.len());
        println!("To show all installed unit files use 'systemctl list-unit-files'.");
    }
    Ok(0)
}

pub(super) fn sockets(parsed: &Parsed) -> Result<u8> {
    let units = loaded()?;
    let shown = units.iter().filter(|unit| !unit.listens.is_empty() && is_wanted(parsed, unit));
    let shown = shown.filter(|unit| parsed.has("all") || unit.active == "active");
    let rows: Vec<Vec<String>> = shown
        .flat_map(|unit| {
            unit.listens.iter().map(|address| cells(&[address, &unit.name, &unit.triggers.join(" ")]))
        })
        .collect();
    let count = rows.len();
    let heading = has_legend(parsed).then(|| cells(&["LISTEN", "UNIT", "ACTIVATES"]));
    let all: Vec<Vec<String>> = heading.into_iter().chain(rows).collect();
    columns(&all).iter().for_each(|line| println!("{line}"));
    if has_legend(parsed) {
        println!("\n{count} sockets listed.");
    }
    Ok(0)
}

/// Timers, by when they elapse next; those that do not come last.
pub(super) fn timers(parsed: &Parsed) -> Result<u8> {
    let now = sys::machine::wall_clock();
    let shown = loaded()?.into_iter().filter(|unit| unit.name.ends_with(".timer") && is_wanted(parsed, unit));
    let shown = shown.filter(|unit| parsed.has("all") || unit.active == "active");
    let mut timers: Vec<(Option<Duration>, UnitStatus)> =
        shown.map(|unit| (unit.timer.as_ref().and_then(next_elapse), unit)).collect();
    timers.sort_by_key(|(next, unit)| (next.is_none(), *next, unit.name.clone()));
    let count = timers.len();
    let none = || "-".to_owned();
    let rows = timers.into_iter().map(|(next, unit)| {
        let last = unit.timer.as_ref().map(|timer| timer.last_us).filter(|micros| *micros > 0);
        let last = last.map(Duration::from_micros);
        let left = |at: Duration| from_now(at, now).trim_end_matches(" left").to_owned();
        vec![
            next.map_or_else(none, written),
            next.map_or_else(none, left),
            last.map_or_else(none, written),
            last.map_or_else(none, |at| from_now(at, now)),
            unit.name,
            unit.triggers.join(" "),
        ]
    });
    let heading = has_legend(parsed).then(|| cells(&["NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"]));
    let all: Vec<Vec<String>> = heading.into_iter().chain(rows).collect();
    columns(&all).iter().for_each(|line| println!("{line}"));
    if has_legend(parsed) {
        println!("\n{count} timers listed.");
        if !parsed.has("all") {
            println!("Pass --all to see loaded but inactive timers, too.");
        }
    }
    Ok(0)
}

pub(super) fn jobs(parsed: &Parsed) -> Result<u8> {
    let jobs = match client::ask(&Request::Jobs)? {
        Reply::Jobs { jobs } => jobs,
        other => return client::unexpected(other),
    };
    let wanted = |job: &&JobStatus| {
        parsed.words.is_empty() || parsed.words.iter().any(|pattern| matches(pattern, &job.unit))
    };
    let jobs: Vec<&JobStatus> = jobs.iter().filter(wanted).collect();
    if jobs.is_empty() {
        if has_legend(parsed) {
            println!("No jobs running.");
        }
        return Ok(0);
    }
    let heading = has_legend(parsed).then(|| cells(&["JOB", "UNIT", "TYPE", "STATE"]));
    let rows = jobs.iter().map(|job| {
        cells(&[&job.id.to_string(), &job.unit, &job.kind, if job.running { "running" } else { "waiting" }])
    });
    let all: Vec<Vec<String>> = heading.into_iter().chain(rows).collect();
    columns(&all).iter().for_each(|line| println!("{line}"));
    if has_legend(parsed) {
        println!("\n{} jobs listed.", jobs.len());
    }
    Ok(0)
}

pub(super) fn unit_files(parsed: &Parsed) -> Result<u8> {
    let files = Files::open(parsed.value("root"))?;
    let (types, states) = (listed(parsed, "type"), listed(parsed, "state"));
    let mut rows = Vec::new();
    for name in files.view.names() {
        let wanted = (types.is_empty() || types.contains(&name.kind().suffix()))
            && (parsed.words.is_empty()
                || parsed.words.iter().any(|pattern| matches(pattern, name.as_str())));
        let Some(state) = files.state(&name).filter(|_| wanted) else {
            continue;
        };
        if !states.is_empty() && !states.contains(&state.name()) {
            continue;
        }
        let preset = match state {
            FileState::Static | FileState::Alias | FileState::Indirect | FileState::Transient => "-",
            _ => files.preset(&name).name(),
        };
        rows.push(cells(&[name.as_str(), state.name(), preset]));
    }
    let count = rows.len();
    let heading = has_legend(parsed).then(|| cells(&["UNIT FILE", "STATE", "PRESET"]));
    let all: Vec<Vec<String>> = heading.into_iter().chain(rows).collect();
    columns(&all).iter().for_each(|line| println!("{line}"));
    if has_legend(parsed) {
        println!("\n{count} unit files listed.");
    }
    Ok(0)
}
