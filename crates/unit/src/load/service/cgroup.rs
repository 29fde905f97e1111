//! Settings of systemd.resource-control(5).

use crate::load::setter::{Outcome, Setter, text, unit_name};
use crate::name::UnitType;
use crate::service::config::{CgroupLimits, Service};
use crate::text::value::{self, Amount};

/// Applies one directive; false where it is none of these.
pub(super) fn assign(service: &mut Service, setter: &Setter, key: &str) -> Outcome<bool> {
    match key {
        "Slice" => {
            let name = unit_name(&setter.expanded()?)?;
            if name.kind() != UnitType::Slice {
                return Err("expected the name of a slice".to_owned());
            }
            service.slice = name;
        }
        // A list of controllers delegates as `yes` does: they all are.
        "Delegate" => service.delegate = value::boolean(setter.value).unwrap_or(true),
        _ => return limit(&mut service.cgroup, setter, key),
    }
    Ok(true)
}

/// Applies one directive that limits a group; false where it is none of these.
pub(super) fn limit(limits: &mut CgroupLimits, setter: &Setter, key: &str) -> Outcome<bool> {
    let amount = || -> Outcome<Option<Amount>> {
        match setter.value {
            "" => Ok(None),
            value => value::amount(value).map(Some).map_err(text),
        }
    };
    let weight = || -> Outcome<Option<u64>> {
        match setter.value.parse::<u64>() {
            _ if setter.value.is_empty() => Ok(None),
            Ok(weight) if (1..=10_000).contains(&weight) => Ok(Some(weight)),
            _ => Err("expected a number from 1 to 10000".to_owned()),
        }
    };
    match key {
        "MemoryMin" => limits.memory_min = amount()?,
        "MemoryLow" => limits.memory_low = amount()?,
        "MemoryHigh" => limits.memory_high = amount()?,
        "MemoryMax" => limits.memory_max = amount()?,
        "MemorySwapMax" => limits.memory_swap_max = amount()?,
        "TasksMax" => limits.tasks_max = amount()?,
        "CPUWeight" => limits.cpu_weight = weight()?,
        "IOWeight" => limits.io_weight = weight()?,
        "CPUQuota" => {
            limits.cpu_quota = match setter.value {
                "" => None,
                quota if quota.ends_with('%') => value::percent(quota),
                _ => return Err("expected a percentage (such as 150%)".to_owned()),
            };
        }
        "AllowedCPUs" => {
            let plain = |c: char| c.is_ascii_digit() || ",- ".contains(c);
            if !setter.value.chars().all(plain) {
                return Err("expected processors (such as 0-3,8)".to_owned());
            }
            let cpus = setter.value.split_ascii_whitespace().collect::<Vec<_>>();
            limits.allowed_cpus = (!cpus.is_empty()).then(|| cpus.join(","));
        }
        _ => return Ok(false),
    }
    Ok(true)
}
