//! `systemd-analyze`: how long the boot took and why; whether unit files are sound; what times mean.

mod blame;
mod chain;
mod plot;
mod security;
mod times;
mod verify;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use calendar::span::span;
use unit::control::{ManagerStatus, Reply, Request, UNITS_MAX, UnitRelations, UnitStatus};

use crate::arguments::{self, Takes, long};
use crate::{client, names};

/// To this accuracy times are shown, in microseconds.
const ACCURACY: u64 = 1_000;

const USAGE: &str = "\
usage: systemd-analyze [COMMAND]

  time                    how long kernel, initramfs and services took (the default)
  blame                   units by the time that their start took
  critical-chain [UNIT]   what a unit waited for
  plot                    the boot as an SVG picture
  verify FILE...          what is wrong with unit files (--strict: a warning is an error, too)
  security [UNIT...]      how exposed services leave the system (--threshold 0..100,
                          --offline=yes, --json short|pretty)
  unit-paths              the folders of unit files
  calendar EXPRESSION...  when that is next (--iterations N, --base-time TIMESTAMP)
  timespan SPAN...        how long that is
  timestamp TIMESTAMP...  when that is

For example:  systemd-analyze critical-chain multi-user.target";

/// Runs `systemd-analyze`.
///
/// # Errors
/// The arguments make no sense, the boot has not ended, or PID 1 cannot be asked.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        long("no-pager", Takes::Nothing),
        long("system", Takes::Nothing),
        long("strict", Takes::Nothing),
        long("root", Takes::Value),
        long("threshold", Takes::Value),
        long("offline", Takes::Value),
        long("json", Takes::Value),
        long("iterations", Takes::Value),
        long("base-time", Takes::Value),
    ];
    let Some(mut parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    let command = if parsed.words.is_empty() { "time".to_owned() } else { parsed.words.remove(0) };
    match command.as_str() {
        "time" => println!("{}", time(&booted()?)),
        "blame" => blame::run(&names::loaded()?),
        "critical-chain" => {
            let manager = booted()?;
            let unit = match parsed.words.as_slice() {
                [] => manager.target.clone(),
                [unit] => names::unit_name(unit)?.to_string(),
                _ => bail!("critical-chain takes one unit"),
            };
            let units = names::loaded()?;
            let order = after(&units)?;
            for line in chain::lines(&unit, &units, &order, manager.userspace_us)? {
                println!("{line}");
            }
        }
        "plot" => print!("{}", plot::svg(&booted()?, &names::loaded()?)),
        "verify" => return verify::run(&parsed),
        "security" => return security::run(&parsed),
        "unit-paths" => client::manager()?.unit_path.iter().for_each(|path| println!("{path}")),
        "calendar" => times::calendar(&parsed)?,
        "timespan" => times::timespan(&parsed)?,
        "timestamp" => times::timestamp(&parsed)?,
        "dump" | "dot" | "cat-config" | "condition" => {
            bail!("{command} is not supported yet")
        }
        other => bail!("unknown command {other}\n{USAGE}"),
    }
    Ok(0)
}

/// PID 1, where the boot has come to its end.
fn booted() -> Result<ManagerStatus> {
    let manager = client::manager()?;
    if manager.finished_us == 0 {
        bail!("Bootup is not yet finished. Please try again later, or see systemctl list-jobs.");
    }
    Ok(manager)
}

/// How long the parts of the boot took.
fn time(manager: &ManagerStatus) -> String {
    let kernel = manager.initramfs_us;
    let initramfs = manager.userspace_us.saturating_sub(manager.initramfs_us);
    let userspace = manager.finished_us.saturating_sub(manager.userspace_us);
    let text = |micros| span(micros, ACCURACY);
    let initramfs = match initramfs {
        0 => String::new(),
        micros => format!(" + {} (initrd)", text(micros)),
    };
    format!(
        "Startup finished in {} (kernel){initramfs} + {} (userspace) = {}\n{} reached after {} in userspace.",
        text(kernel),
        text(userspace),
        text(manager.finished_us),
        manager.target,
        text(userspace)
    )
}

/// How long a unit's start took; none where it did not start.
fn activating(unit: &UnitStatus) -> Option<u64> {
    let begun = unit.inactive_exit_us;
    // One that does its work and ends was never up.
    let ended = [unit.active_enter_us, unit.inactive_enter_us].into_iter().filter(|at| *at >= begun).min()?;
    (begun > 0).then_some(ended - begun)
}

/// The units that each unit comes after.
fn after(units: &[UnitStatus]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut order = BTreeMap::new();
    let names: Vec<String> = units.iter().map(|unit| unit.name.clone()).collect();
    for names in names.chunks(UNITS_MAX) {
        match client::ask(&Request::Relations { units: names.to_vec() })? {
            Reply::Relations { units } => {
                let lists = units.into_iter().map(|UnitRelations { unit, mut relations }| {
                    (unit, relations.remove("After").unwrap_or_default())
                });
                order.extend(lists);
            }
            other => return client::unexpected(other),
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn unit(name: &str, begun: u64, up: u64) -> UnitStatus {
        UnitStatus {
            name: name.into(),
            load: "loaded".into(),
            active: "active".into(),
            inactive_exit_us: begun,
            active_enter_us: up,
            ..UnitStatus::default()
        }
    }

    #[test]
    fn the_parts_of_a_boot() {
        let manager = ManagerStatus {
            target: "multi-user.target".into(),
            initramfs_us: 1_020_000,
            userspace_us: 1_420_000,
            finished_us: 3_210_000,
            ..ManagerStatus::default()
        };
        assert_eq!(
            time(&manager),
            "Startup finished in 1.020s (kernel) + 400ms (initrd) + 1.790s (userspace) = 3.210s\n\
             multi-user.target reached after 1.790s in userspace."
        );
        let container = ManagerStatus { initramfs_us: 1_420_000, ..manager };
        assert!(time(&container).starts_with("Startup finished in 1.420s (kernel) + 1.790s (userspace)"));
    }

    #[test]
    fn the_time_of_a_start() {
        let done = UnitStatus { inactive_enter_us: 700, ..unit("a.service", 500, 0) };
        for (unit, time) in [
            (unit("a.service", 100, 350), Some(250)),
            (unit("a.service", 0, 0), None),
            (unit("a.service", 100, 0), None),
            (done, Some(200)),
        ] {
            assert_eq!(activating(&unit), time, "{unit:?}");
        }
    }
}
