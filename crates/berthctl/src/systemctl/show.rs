//! `systemctl show`: a unit as properties.

use anyhow::{Result, bail};
use unit::control::UnitStatus;

use super::{ask_status, units};
use crate::arguments::Parsed;

pub(super) fn run(parsed: &Parsed) -> Result<u8> {
    let wanted: Vec<&str> = parsed.values("property").flat_map(|names| names.split(',')).collect();
    for (index, unit) in units(parsed)?.iter().enumerate() {
        if index > 0 {
            println!();
        }
        let properties = properties(&ask_status(unit)?);
        if let Some(name) = wanted.iter().find(|name| !properties.iter().any(|(known, _)| known == *name)) {
            bail!("property {name} is unknown or not supported yet");
        }
        for (name, value) in &properties {
            if !wanted.is_empty() && !wanted.contains(name) {
                continue;
            }
            if parsed.has("value") {
                println!("{value}");
            } else {
                println!("{name}={value}");
            }
        }
    }
    Ok(0)
}

fn properties(unit: &UnitStatus) -> Vec<(&'static str, String)> {
    let number = |value: Option<u64>| value.map_or_else(|| "[not set]".to_owned(), |value| value.to_string());
    let pid = |value: Option<i32>| value.unwrap_or(0).to_string();
    vec![
        ("Id", unit.name.clone()),
        ("Description", unit.description.clone()),
        ("LoadState", unit.load.clone()),
        ("ActiveState", unit.active.clone()),
        ("SubState", unit.sub.clone()),
        ("Result", unit.result_word.clone()),
        ("MainPID", pid(unit.main_pid)),
        ("ControlPID", pid(unit.control_pid)),
        ("NRestarts", unit.restarts.to_string()),
        ("StatusText", unit.status_text.clone().unwrap_or_default()),
        ("FragmentPath", unit.fragment.clone().unwrap_or_default()),
        ("DropInPaths", unit.drop_ins.join(" ")),
        ("ControlGroup", unit.cgroup.as_ref().map_or_else(String::new, |path| format!("/{path}"))),
        ("MemoryCurrent", number(unit.memory_bytes)),
        ("TasksCurrent", number(unit.tasks)),
        ("CPUUsageNSec", number(unit.cpu_us.map(|micros| micros * 1000))),
        ("StateChangeTimestampMonotonic", unit.since_us.to_string()),
    ]
}
