//! `systemctl show`: a unit, or PID 1, as properties.

use std::time::Duration;

use anyhow::Result;
use unit::UnitName;
use unit::control::{ManagerStatus, Reply, Request, TimerStatus, UnitStatus};

use super::{listed, units};
use crate::arguments::Parsed;
use crate::client;
use crate::files::Files;
use crate::time::{moment, written};

type Properties = Vec<(String, String)>;

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    if parsed.words.is_empty() {
        print(parsed, &of_manager(&client::manager()?));
        return Ok(0);
    }
    let files = Files::open(None)?;
    for (index, unit) in units(parsed)?.iter().enumerate() {
        if index > 0 {
            println!();
        }
        let request = Request::Show { unit: unit.to_string() };
        let (status, stated) = match client::ask(&request)? {
            Reply::Show { unit, properties } => (unit, properties),
            other => return client::unexpected(other),
        };
        let mut properties = of_unit(&status, &files);
        properties.extend(stated);
        print(parsed, &properties);
    }
    Ok(0)
}

/// Prints the properties that are wanted; without a wish, those that are not empty. One that is
/// not known is passed over, as scripts expect.
fn print(parsed: &Parsed, properties: &Properties) {
    let mut wanted = listed(parsed, "property");
    wanted.extend(listed(parsed, "value-of"));
    let bare = parsed.has("value") || parsed.has("value-of");
    for (name, value) in properties {
        let shown = match wanted.is_empty() {
            true => parsed.has("all") || !value.is_empty(),
            false => wanted.contains(&name.as_str()),
        };
        if !shown {
            continue;
        }
        if bare {
            println!("{value}");
        } else {
            println!("{name}={value}");
        }
    }
}

fn of_unit(unit: &UnitStatus, files: &Files) -> Properties {
    let number = |value: Option<u64>| value.map_or_else(|| "[not set]".to_owned(), |value| value.to_string());
    let pid = |value: Option<i32>| value.unwrap_or(0).to_string();
    let name = UnitName::parse(&unit.name).ok();
    let state = name.as_ref().and_then(|name| files.state(name));
    let install = name.as_ref().filter(|_| state.is_some()).map(|name| files.preset(name));
    // As waitid(2) numbers how a process ended.
    let code = match unit.main_code.as_deref() {
        Some("exited") => 1,
        Some("killed") => 2,
        Some("dumped") => 3,
        _ => 0,
    };
    let job = unit.job_id.map_or_else(|| "0".to_owned(), |id| id.to_string());
    let mut out: Properties = [
        ("Id", unit.name.clone()),
        ("Description", unit.description.clone()),
        ("LoadState", unit.load.clone()),
        ("LoadError", unit.load_error.clone().unwrap_or_default()),
        ("ActiveState", unit.active.clone()),
        ("SubState", unit.sub.clone()),
        ("UnitFileState", state.map_or_else(String::new, |state| state.name().to_owned())),
        ("UnitFilePreset", install.map_or_else(String::new, |preset| preset.name().to_owned())),
        ("Result", unit.result_word.clone()),
        ("MainPID", pid(unit.main_pid)),
        ("ControlPID", pid(unit.control_pid)),
        ("ExecMainCode", code.to_string()),
        ("ExecMainStatus", unit.main_status.unwrap_or(0).to_string()),
        ("NRestarts", unit.restarts.to_string()),
        ("StatusText", unit.status_text.clone().unwrap_or_default()),
        ("FragmentPath", unit.fragment.clone().unwrap_or_default()),
        ("DropInPaths", unit.drop_ins.join(" ")),
        ("Listen", unit.listens.join(" ")),
        ("ControlGroup", unit.cgroup.as_ref().map_or_else(String::new, |path| format!("/{path}"))),
        ("MemoryCurrent", number(unit.memory_bytes)),
        ("TasksCurrent", number(unit.tasks)),
        ("CPUUsageNSec", number(unit.cpu_us.map(|micros| micros.saturating_mul(1000)))),
        ("Job", job),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for (name, micros) in [
        ("StateChangeTimestamp", unit.since_us),
        ("InactiveExitTimestamp", unit.inactive_exit_us),
        ("ActiveEnterTimestamp", unit.active_enter_us),
        ("ActiveExitTimestamp", unit.active_exit_us),
        ("InactiveEnterTimestamp", unit.inactive_enter_us),
    ] {
        add_time(&mut out, name, micros);
    }
    for (name, value) in [("Following", &unit.following), ("SysFSPath", &unit.syspath)] {
        out.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
    }
    if unit.name.ends_with(".timer") {
        out.extend(of_timer(&unit.timer.clone().unwrap_or_default()));
    }
    out
}

/// When a timer elapses, and did.
fn of_timer(timer: &TimerStatus) -> Properties {
    let wall = |micros: u64| if micros == 0 { String::new() } else { written(Duration::from_micros(micros)) };
    let properties = [
        ("NextElapseUSecRealtime", wall(timer.next_us)),
        (
            "NextElapseUSecMonotonic",
            match timer.next_monotonic_us {
                0 => "infinity".to_owned(),
                micros => calendar::span::span(micros, 1),
            },
        ),
        ("LastTriggerUSec", wall(timer.last_us)),
        ("LastTriggerUSecMonotonic", calendar::span::span(timer.last_monotonic_us, 1)),
    ];
    properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn of_manager(manager: &ManagerStatus) -> Properties {
    let mut out: Properties = [
        ("Version", format!("berth {}", manager.version)),
        ("SystemState", manager.state.clone()),
        ("NNames", manager.units.to_string()),
        ("NFailedUnits", manager.failed.to_string()),
        ("NJobs", manager.jobs.to_string()),
        ("DefaultTarget", manager.target.clone()),
        ("UnitPath", manager.unit_path.join(" ")),
        ("ControlGroup", String::new()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for (name, micros) in [
        ("InitRDTimestamp", manager.initramfs_us),
        ("UserspaceTimestamp", manager.userspace_us),
        ("FinishTimestamp", manager.finished_us),
    ] {
        add_time(&mut out, name, micros);
    }
    out
}

/// Adds a moment by the clock on the wall, and as the monotonic one read.
fn add_time(properties: &mut Properties, name: &str, micros: u64) {
    let wall = if Duration::from_micros(micros).is_zero() { String::new() } else { moment(micros) };
    properties.push((name.to_owned(), wall));
    properties.push((format!("{name}Monotonic"), micros.to_string()));
}
