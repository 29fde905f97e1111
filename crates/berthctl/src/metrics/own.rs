//! What PID 1 knows, what its units use, and what is Berth's own.

use std::collections::BTreeMap;
use std::time::Duration;

use coredump::Store;
use layout::Slot;
use observe::group::{self, Usage};
use observe::{Root, slot};
use unit::control::{ManagerStatus, Reply, Request, UnitStatus};

use super::text::{Kind, Text};
use crate::client;

/// How long PID 1 has to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The states of node_exporter's collector of systemd's units.
const STATES: [&str; 5] = ["active", "activating", "deactivating", "failed", "inactive"];
/// Units that are there for this very scrape.
const SCRAPE: &str = "berth-metrics@";
/// A page of memory (x86-64), in bytes.
const PAGE: f64 = 4096.0;

/// What PID 1 answered; nothing where it did not.
#[derive(Debug, Default)]
pub struct Told {
    /// Of itself.
    pub manager: Option<ManagerStatus>,
    /// Of the units.
    pub units: Vec<UnitStatus>,
}

/// Asks PID 1.
pub fn ask() -> Told {
    let manager = match client::ask_within(&Request::Manager, PATIENCE) {
        Ok(Reply::Manager { manager }) => Some(*manager),
        _ => return Told::default(),
    };
    let units = match client::ask_within(&Request::List, PATIENCE) {
        Ok(Reply::List { units }) => units,
        _ => Vec::new(),
    };
    Told { manager, units }
}

/// Adds all of it.
pub fn collect(root: &Root, told: &Told, text: &mut Text) {
    let mut told_units: Vec<&UnitStatus> =
        told.units.iter().filter(|unit| unit.load != "not-found" && !unit.name.starts_with(SCRAPE)).collect();
    told_units.sort_by(|a, b| a.name.cmp(&b.name));
    units(&told_units, text);
    usage(root, text);
    init(root, told, text);
    let running = slot::running(root);
    let mut family = text.family("berth_slot_running", Kind::Gauge, "Whether /usr is this slot's.");
    for slot in Slot::ALL {
        family.sample(&[("slot", &slot.to_string())], f64::from(u8::from(running == Some(slot))));
    }
    let crashes = Store::new(root.path(layout::path::COREDUMPS)).count(None).unwrap_or_default();
    text.family("berth_crashes_kept", Kind::Gauge, "Crashes that are known of.").sample(&[], crashes as f64);
}

fn units(units: &[&UnitStatus], text: &mut Text) {
    let mut family = text.family("node_systemd_unit_state", Kind::Gauge, "Whether a unit is in a state.");
    let mut counts: BTreeMap<&str, u32> = STATES.iter().map(|state| (*state, 0)).collect();
    for unit in units {
        // A unit that is reloading is up.
        let now = if unit.active == "reloading" { "active" } else { unit.active.as_str() };
        *counts.entry(now).or_default() += 1;
        for state in STATES {
            let value = f64::from(u8::from(state == now));
            family.sample(&[("name", &unit.name), ("state", state)], value);
        }
    }
    let mut family = text.family("node_systemd_units", Kind::Gauge, "How many units are in a state.");
    for (state, count) in &counts {
        family.sample(&[("state", state)], f64::from(*count));
    }
    let mut family = text.family(
        "node_systemd_service_restart",
        Kind::Counter,
        "Automatic restarts since it was started.",
    );
    for unit in units.iter().filter(|unit| unit.name.ends_with(".service")) {
        family.sample(&[("name", &unit.name)], f64::from(unit.restarts));
    }
}

fn usage(root: &Root, text: &mut Text) {
    let groups: Vec<(String, Usage)> = group::units(root)
        .into_iter()
        .filter(|(unit, _)| !unit.starts_with(SCRAPE))
        .map(|(unit, path)| (unit, Usage::of(root, &path)))
        .collect();
    type Figure = fn(&Usage) -> Option<f64>;
    let figures: [(&str, Kind, &str, Figure); 5] = [
        ("berth_unit_memory_bytes", Kind::Gauge, "Memory in use.", |usage| Some(usage.memory? as f64)),
        ("berth_unit_cpu_seconds", Kind::Counter, "Processor time.", |usage| {
            Some(usage.cpu_us? as f64 / 1e6)
        }),
        ("berth_unit_tasks", Kind::Gauge, "Processes and threads.", |usage| Some(usage.tasks? as f64)),
        ("berth_unit_read_bytes", Kind::Counter, "Bytes read from disks.", |usage| {
            Some(usage.read_bytes? as f64)
        }),
        ("berth_unit_written_bytes", Kind::Counter, "Bytes written to disks.", |usage| {
            Some(usage.written_bytes? as f64)
        }),
    ];
    for (name, kind, help, figure) in figures {
        let mut family = text.family(name, kind, help);
        for (unit, usage) in &groups {
            if let Some(value) = figure(usage) {
                family.sample(&[("name", unit)], value);
            }
        }
    }
}

fn init(root: &Root, told: &Told, text: &mut Text) {
    let answers = f64::from(u8::from(told.manager.is_some()));
    text.family("berth_init_up", Kind::Gauge, "Whether PID 1 answers.").sample(&[], answers);
    let statm = root.text("/proc/1/statm");
    if let Some(pages) = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()) {
        text.family("berth_init_resident_memory_bytes", Kind::Gauge, "Memory of PID 1 itself.")
            .sample(&[], pages as f64 * PAGE);
    }
    let Some(manager) = &told.manager else {
        return;
    };
    text.family(
        "node_systemd_system_running",
        Kind::Gauge,
        "Whether the system is up and nothing has failed.",
    )
    .sample(&[], f64::from(u8::from(manager.state == "running")));
    text.family("berth_init_jobs", Kind::Gauge, "Jobs that are not done.").sample(&[], manager.jobs as f64);
    text.family("berth_init_units", Kind::Gauge, "Units that are loaded.").sample(&[], manager.units as f64);
    let mut family =
        text.family("berth_boot_duration_seconds", Kind::Gauge, "How long a stage of the boot took.");
    let stages = [
        ("kernel", 0, manager.initramfs_us),
        ("initramfs", manager.initramfs_us, manager.userspace_us),
        ("userspace", manager.userspace_us, manager.finished_us),
    ];
    for (stage, from, to) in stages.into_iter().filter(|(_, from, to)| from <= to) {
        family.sample(&[("stage", stage)], (to - from) as f64 / 1e6);
    }
}

#[cfg(test)]
mod tests;
