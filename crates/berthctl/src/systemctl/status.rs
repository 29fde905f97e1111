//! `systemctl status`: a unit as a person wants to see it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use calendar::timestamp::from_now;
use unit::UnitName;
use unit::control::{TimerStatus, UnitStatus};

use super::enable::describe;
use super::{NO_UNIT, NOT_ACTIVE, units};
use crate::arguments::Parsed;
use crate::files::Files;
use crate::processes::{self, CGROUPS, command};
use crate::table::{Paint, mark, paint};
use crate::time::{ago, moment, next_elapse, size, span, written};
use crate::{client, journalctl};

/// How many log lines are shown.
const LINES: usize = 10;

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    let lines = match parsed.value("lines") {
        None => LINES,
        Some(number) => number.parse().with_context(|| format!("-n takes a number, not {number}"))?,
    };
    let files = Files::open(None)?;
    let mut code = 0;
    for (index, unit) in units(parsed)?.iter().enumerate() {
        if index > 0 {
            println!();
        }
        let status = client::status(unit)?;
        if status.load == "not-found" {
            eprintln!("Unit {} could not be found.", status.name);
            code = NO_UNIT;
            continue;
        }
        show(&status, &files);
        if lines > 0 {
            journalctl::last_of_unit(&status.name, lines, parsed.value("output").unwrap_or("short"))?;
        }
        if !matches!(status.active.as_str(), "active" | "reloading") && code == 0 {
            code = NOT_ACTIVE;
        }
    }
    Ok(code)
}

fn show(unit: &UnitStatus, files: &Files) {
    let (symbol, color) = mark(&unit.active);
    println!("{} {} - {}", paint(symbol, color), unit.name, unit.description);
    let row = |name: &str, value: &str| println!("{name:>11}: {value}");
    let source = unit.load_error.as_ref().or(unit.fragment.as_ref());
    let enabled = UnitName::parse(&unit.name).map(|name| describe(files, &name)).unwrap_or_default();
    row("Loaded", &format!("{} ({}{enabled})", unit.load, source.map_or("built in", String::as_str)));
    if !unit.drop_ins.is_empty() {
        row("Drop-In", &unit.drop_ins.join("\n             "));
    }
    row("Active", &active(unit));
    if let Some(main) = &unit.following {
        row("Follows", main);
    }
    if let Some(path) = &unit.syspath {
        row("Device", path);
    }
    if let Some(timer) = unit.timer.as_ref().filter(|_| unit.active == "active") {
        row("Trigger", &elapses(timer));
    }
    if !unit.triggered_by.is_empty() {
        row("TriggeredBy", &unit.triggered_by.join(" "));
    }
    if !unit.triggers.is_empty() {
        row("Triggers", &unit.triggers.join(" "));
    }
    for address in &unit.listens {
        row("Listen", address);
    }
    for warning in &unit.warnings {
        row("Warning", warning);
    }
    for page in &unit.documentation {
        row("Docs", page);
    }
    if let Some(exit) = &unit.main_exit {
        row("Main ended", exit);
    }
    if let Some(pid) = unit.main_pid {
        row("Main PID", &format!("{pid} ({})", command(pid)));
    }
    if unit.restarts > 0 {
        row("Restarts", &unit.restarts.to_string());
    }
    if let Some(text) = &unit.status_text {
        row("Status", &format!("{text:?}"));
    }
    if let Some(tasks) = unit.tasks {
        row("Tasks", &tasks.to_string());
    }
    if let Some(bytes) = unit.memory_bytes {
        row("Memory", &size(bytes));
    }
    if let Some(micros) = unit.cpu_us {
        row("CPU", &span(Duration::from_micros(micros)));
    }
    if let Some(group) = &unit.cgroup {
        row("CGroup", &format!("/{group}"));
        for line in processes::read(&Path::new(CGROUPS).join(group)).lines() {
            println!("             {}", paint(&line, Paint::Dim));
        }
    }
}

/// `Tue 2026-11-24 18:10:00 UTC; 5min left`.
fn elapses(timer: &TimerStatus) -> String {
    match next_elapse(timer) {
        None => "n/a".to_owned(),
        Some(at) => format!("{}; {}", written(at), from_now(at, sys::machine::wall_clock())),
    }
}

/// `active (running) since Tue 2026-11-24 18:10:00 UTC; 5min ago`.
fn active(unit: &UnitStatus) -> String {
    let result = if unit.active == "failed" { format!(" (Result: {})", unit.result) } else { String::new() };
    let (_, color) = mark(&unit.active);
    let state = match color {
        // What rests is nothing to look at.
        Paint::Dim => format!("{} ({})", unit.active, unit.sub),
        color => paint(&format!("{} ({})", unit.active, unit.sub), color),
    };
    let since = match unit.since_us {
        0 => String::new(),
        micros => format!(" since {}; {}", moment(micros), ago(micros)),
    };
    format!("{state}{result}{since}")
}
