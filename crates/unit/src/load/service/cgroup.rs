//! Settings of systemd.resource-control(5).

use crate::load::setter::{Outcome, Setter, text, unit_name};
use crate::name::UnitType;
use crate::service::config::{CgroupLimits, IoLimit, IoLimitKind, Service};
use crate::text::value::{self, Amount, Bound};

const DEVICE_LIMITS: [(&str, IoLimitKind); 6] = [
    ("IODeviceWeight", IoLimitKind::Weight),
    ("IODeviceLatencyTargetSec", IoLimitKind::LatencyTarget),
    ("IOReadBandwidthMax", IoLimitKind::ReadBandwidth),
    ("IOWriteBandwidthMax", IoLimitKind::WriteBandwidth),
    ("IOReadIOPSMax", IoLimitKind::ReadOperations),
    ("IOWriteIOPSMax", IoLimitKind::WriteOperations),
];

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
    let weight = || -> Outcome<Option<u16>> {
        match setter.value.parse::<u16>() {
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
        "CPUWeight" => limits.weights.cpu = weight()?,
        "StartupCPUWeight" => limits.weights.startup_cpu = weight()?,
        "IOWeight" => limits.weights.io = weight()?,
        "StartupIOWeight" => limits.weights.startup_io = weight()?,
        "MemoryZSwapMax" => limits.memory_zswap_max = amount()?,
        "CPUQuotaPeriodSec" => {
            limits.cpu_quota_period = match setter.value {
                "" => None,
                value => value::time_span(value).map_err(text)?.finite(),
            };
        }
        // Everything is counted always.
        "CPUAccounting" | "MemoryAccounting" | "TasksAccounting" | "IOAccounting" | "BlockIOAccounting" => {
            value::boolean(setter.value).map_err(text)?;
        }
        "CPUQuota" => {
            limits.cpu_quota = match setter.value {
                "" => None,
                quota if quota.ends_with('%') => value::percent(quota),
                _ => return Err("expected a percentage (such as 150%)".to_owned()),
            };
        }
        "AllowedMemoryNodes" => {
            let nodes = value::cpus(setter.value).map_err(text)?;
            let nodes: Vec<String> = nodes.iter().map(u32::to_string).collect();
            limits.allowed_nodes = (!nodes.is_empty()).then(|| nodes.join(","));
        }
        "AllowedCPUs" => {
            let plain = |c: char| c.is_ascii_digit() || ",- ".contains(c);
            if !setter.value.chars().all(plain) {
                return Err("expected processors (such as 0-3,8)".to_owned());
            }
            let cpus = setter.value.split_ascii_whitespace().collect::<Vec<_>>();
            limits.allowed_cpus = (!cpus.is_empty()).then(|| cpus.join(","));
        }
        _ => match DEVICE_LIMITS.iter().find(|(name, _)| *name == key) {
            Some((_, kind)) => device_limit(&mut limits.io_devices, *kind, setter)?,
            None => return Ok(false),
        },
    }
    Ok(true)
}

/// Adds a limit of one block device: its path, and the limit. An empty value takes out all of a kind.
fn device_limit(limits: &mut Vec<IoLimit>, kind: IoLimitKind, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        limits.retain(|limit| limit.kind != kind);
        return Ok(());
    }
    let words = setter.words()?;
    let [path, value] = words.as_slice() else {
        return Err("expected a device and its limit (such as /dev/vda 10M)".to_owned());
    };
    if !path.starts_with('/') {
        return Err(format!("{path:?} must be an absolute path"));
    }
    let value = match kind {
        _ if value == "infinity" => Bound::Infinite,
        IoLimitKind::LatencyTarget => match value::time_span(value).map_err(text)? {
            Bound::Finite(time) => Bound::Finite(time.as_micros() as u64),
            Bound::Infinite => Bound::Infinite,
        },
        IoLimitKind::Weight => match value.parse() {
            Ok(weight) if (1..=10_000).contains(&weight) => Bound::Finite(weight),
            _ => return Err("expected a number from 1 to 10000".to_owned()),
        },
        // Of bandwidth a kilobyte is 1000 bytes.
        _ => Bound::Finite(decimal(value).ok_or("expected a number (such as 10M)")?),
    };
    limits.push(IoLimit { kind, path: path.clone(), value });
    Ok(())
}

/// Reads a number with K, M, G or T (powers of 1000).
fn decimal(text: &str) -> Option<u64> {
    let units = [('K', 1_000), ('M', 1_000_000), ('G', 1_000_000_000), ('T', 1_000_000_000_000)];
    let scaled = units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(*unit)?, *scale)));
    let (digits, scale): (&str, u64) = scaled.unwrap_or((text, 1));
    digits.trim().parse::<u64>().ok()?.checked_mul(scale)
}
