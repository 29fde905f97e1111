//! `systemctl status`: a unit as a person wants to see it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use journal::{Query, Reader};
use unit::control::UnitStatus;

use super::{NO_UNIT, NOT_ACTIVE, ask_status, units};
use crate::arguments::Parsed;
use crate::journalctl;
use crate::time::{size, span};

/// How many log lines are shown.
const LINES: usize = 10;
const CGROUPS: &str = "/sys/fs/cgroup";

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    let lines = match parsed.value("lines") {
        None => LINES,
        Some(number) => number.parse().with_context(|| format!("-n takes a number, not {number}"))?,
    };
    let mut code = 0;
    for (index, unit) in units(parsed)?.iter().enumerate() {
        if index > 0 {
            println!();
        }
        let status = ask_status(unit)?;
        if status.load == "not-found" {
            eprintln!("Unit {} could not be found.", status.name);
            code = NO_UNIT;
            continue;
        }
        show(&status);
        show_log(&status, lines)?;
        if !matches!(status.active.as_str(), "active" | "reloading") && code == 0 {
            code = NOT_ACTIVE;
        }
    }
    Ok(code)
}

fn show(unit: &UnitStatus) {
    let mark = match unit.active.as_str() {
        "active" | "reloading" => "\u{25cf}",
        "failed" => "\u{d7}",
        _ => "\u{25cb}",
    };
    println!("{mark} {} - {}", unit.name, unit.description);
    let row = |name: &str, value: &str| println!("{name:>11}: {value}");
    let source = unit.load_error.as_ref().or(unit.fragment.as_ref());
    row("Loaded", &format!("{} ({})", unit.load, source.map_or("built in", String::as_str)));
    if !unit.drop_ins.is_empty() {
        row("Drop-In", &unit.drop_ins.join("\n             "));
    }
    let result = if unit.active == "failed" { format!(" (Result: {})", unit.result) } else { String::new() };
    let since = match unit.since_us {
        0 => String::new(),
        micros => format!(" since {} ago", span(uptime().saturating_sub(Duration::from_micros(micros)))),
    };
    row("Active", &format!("{} ({}){result}{since}", unit.active, unit.sub));
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
        let pids = processes(&Path::new(CGROUPS).join(group));
        for (index, pid) in pids.iter().enumerate() {
            let branch = if index + 1 == pids.len() { "\u{2514}\u{2500}" } else { "\u{251c}\u{2500}" };
            println!("             {branch}{pid} {}", command_line(*pid));
        }
    }
}

fn show_log(unit: &UnitStatus, lines: usize) -> Result<()> {
    let query = Query { units: vec![unit.name.clone()], last: Some(lines), ..Query::default() };
    // Who may not read the journal sees the rest all the same.
    let entries = Reader::new(journal::DIR).entries(&query).unwrap_or_default();
    if !entries.is_empty() {
        println!();
    }
    journalctl::print(entries.iter().map(|(_, entry)| entry), "short")
}

/// The time since the machine started.
fn uptime() -> Duration {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(0.0))
}

fn processes(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn command(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned()
}
