//! Control groups: where a unit's is, and what is written to it (the kernel's cgroup-v2.rst).

use crate::name::{UnitName, UnitType};
use crate::service::config::{CgroupLimits, IoLimit, Weights};
use crate::text::value::{Amount, Bound};

/// The period of a processor quota, in microseconds.
const QUOTA_PERIOD_US: u64 = 100_000;
/// The kernel's own weight.
const WEIGHT: u16 = 100;

/// The slice of a unit that names none: `system.slice`, or below it one for all instances of
/// its template.
pub fn default_slice(name: &UnitName) -> UnitName {
    let slice = match name.instance() {
        Some(_) => format!("system-{}.slice", name.prefix().replace('-', "\\x2d")),
        None => "system.slice".to_owned(),
    };
    UnitName::parse(&slice).unwrap_or_else(|_| name.clone())
}

/// A slice's folder below the root of the hierarchy: `a-b.slice` is in `a.slice`. The root
/// slice is `-.slice`.
pub fn slice_path(slice: &UnitName) -> String {
    let mut path = String::new();
    let mut name = String::new();
    for part in slice.stem().split('-').filter(|part| !part.is_empty()) {
        if !name.is_empty() {
            name.push('-');
            path.push('/');
        }
        name.push_str(part);
        path.push_str(&name);
        path.push_str(".slice");
    }
    path
}

/// A unit's folder below the root of the hierarchy.
pub fn unit_path(slice: &UnitName, unit: &UnitName) -> String {
    match slice_path(slice).as_str() {
        "" => unit.to_string(),
        slice => format!("{slice}/{unit}"),
    }
}

/// Whether a group of this name is one that PID 1 makes for a unit's own processes.
pub fn is_of_unit(group: &str) -> bool {
    use UnitType::{Mount, Scope, Service, Socket, Swap};
    let kind = group.rsplit_once('.').map(|(_, suffix)| suffix);
    [Service, Scope, Socket, Mount, Swap].iter().any(|own| kind == Some(own.suffix()))
}

/// The unit of a process in the group at a path below the root of the hierarchy. A service may
/// have groups of its own below the one that PID 1 made (`Delegate=`), so the outermost counts.
pub fn unit_in(path: &str) -> Option<&str> {
    match path {
        "/init" => Some("init.scope"),
        _ => path.split('/').find(|part| is_of_unit(part)),
    }
}

/// What to write where, for a group's limits. `memory` is the machine's, in bytes, and `tasks`
/// the most that it can have: shares are of these. Files come in a fixed order.
pub fn settings(limits: &CgroupLimits, memory: u64, tasks: u64, phase: Phase) -> Vec<(&'static str, String)> {
    let amount = |amount: &Amount, whole: u64| match amount {
        Amount::Absolute(value) => value.to_string(),
        Amount::Share(share) => (u128::from(whole) * u128::from(*share) / 10_000).to_string(),
        Amount::Infinite => "max".to_owned(),
    };
    let mut out = Vec::new();
    for (file, limit, whole) in [
        ("memory.min", &limits.memory_min, memory),
        ("memory.low", &limits.memory_low, memory),
        ("memory.high", &limits.memory_high, memory),
        ("memory.max", &limits.memory_max, memory),
        ("memory.swap.max", &limits.memory_swap_max, memory),
        ("memory.zswap.max", &limits.memory_zswap_max, memory),
        ("pids.max", &limits.tasks_max, tasks),
    ] {
        out.extend(limit.as_ref().map(|limit| (file, amount(limit, whole))));
    }
    out.extend(weights(limits.weights, phase));
    out.extend(limits.cpu_quota.map(|quota| {
        let period = limits.cpu_quota_period.map_or(QUOTA_PERIOD_US, |period| period.as_micros() as u64);
        let period = period.clamp(1_000, 1_000_000);
        let time = (u64::from(quota) * period / 10_000).max(1_000);
        ("cpu.max", format!("{time} {period}"))
    }));
    out.extend(limits.allowed_cpus.clone().map(|cpus| ("cpuset.cpus", cpus)));
    out.extend(limits.allowed_nodes.clone().map(|nodes| ("cpuset.mems", nodes)));
    out.extend(limits.oom_group.then(|| ("memory.oom.group", "1".to_owned())));
    out
}

/// Which weights hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The system starts or ends: those of `StartupCPUWeight=` and `StartupIOWeight=`, where there are any.
    Startup,
    /// The others.
    Running,
}

/// The share of the processors, as a weight, that a unit gets while the system starts.
pub fn startup_cpu_weight(weights: Weights) -> u16 {
    weights.startup_cpu.or(weights.cpu).unwrap_or(WEIGHT)
}

/// What to write where for weights. Where something is to be undone, that is the kernel's own weight.
pub fn weights(weights: Weights, phase: Phase) -> impl Iterator<Item = (&'static str, String)> {
    let of = |always: Option<u16>, startup: Option<u16>| match phase {
        Phase::Startup => startup.or(always),
        Phase::Running => always.or(startup.and(Some(WEIGHT))),
    };
    let cpu = of(weights.cpu, weights.startup_cpu).map(|weight| ("cpu.weight", weight.to_string()));
    let io = of(weights.io, weights.startup_io).map(|weight| ("io.weight", format!("default {weight}")));
    cpu.into_iter().chain(io)
}

/// What to write for a limit of one block device, `device` being its numbers as `MAJOR:MINOR`.
pub fn device_setting(limit: &IoLimit, device: &str) -> (&'static str, String) {
    let value = match limit.value {
        Bound::Finite(value) => value.to_string(),
        Bound::Infinite => "max".to_owned(),
    };
    match limit.kind.file() {
        (file, Some(key)) => (file, format!("{device} {key}={value}")),
        (file, None) => (file, format!("{device} {value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UnitName {
        UnitName::parse(text).unwrap()
    }

    #[test]
    fn slices_nest_by_their_names() {
        for (slice, path) in [
            ("system.slice", "system.slice/a.service"),
            ("a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice/a.service"),
            ("-.slice", "a.service"),
        ] {
            assert_eq!(unit_path(&name(slice), &name("a.service")), path);
        }
        assert_eq!(
            slice_path(&default_slice(&name("get-ty@tty1.service"))),
            "system.slice/system-get\\x2dty.slice"
        );
    }

    #[test]
    fn a_process_is_of_the_outermost_unit() {
        for (path, unit) in [
            ("/system.slice/etcd.service", Some("etcd.service")),
            ("/a.slice/a-b.slice/x.service/y.slice/b.service", Some("x.service")),
            ("/system.slice/containerd.service/k8s/b.service", Some("containerd.service")),
            ("/kubepods/cri-1.scope", Some("cri-1.scope")),
            ("/system.slice/a.socket", Some("a.socket")),
            ("/init", Some("init.scope")),
            ("/system.slice/x.target", None),
            ("/k8s.io/abc", None),
            ("/service", None),
            ("", None),
        ] {
            assert_eq!(unit_in(path), unit, "{path}");
        }
    }

    #[test]
    fn limits_in_the_words_of_the_kernel() {
        let limits = CgroupLimits {
            memory_max: Some(Amount::Absolute(64 << 20)),
            memory_high: Some(Amount::Share(5000)),
            tasks_max: Some(Amount::Infinite),
            cpu_quota: Some(15_000),
            weights: Weights { cpu: Some(50), startup_cpu: Some(500), ..Weights::default() },
            ..CgroupLimits::default()
        };
        assert_eq!(
            settings(&limits, 1000, 10, Phase::Running),
            [
                ("memory.high", "500".to_owned()),
                ("memory.max", "67108864".to_owned()),
                ("pids.max", "max".to_owned()),
                ("cpu.weight", "50".to_owned()),
                ("cpu.max", "150000 100000".to_owned()),
            ]
        );
        for (cpu, startup_cpu, startup_io, phase, expected) in [
            (Some(50), Some(500), None, Phase::Startup, "cpu.weight=500"),
            (Some(50), None, None, Phase::Startup, "cpu.weight=50"),
            (None, Some(500), Some(7), Phase::Startup, "cpu.weight=500 io.weight=default 7"),
            (None, Some(500), Some(7), Phase::Running, "cpu.weight=100 io.weight=default 100"),
            (None, None, None, Phase::Running, ""),
        ] {
            let given = Weights { cpu, startup_cpu, startup_io, ..Weights::default() };
            let written: Vec<String> =
                weights(given, phase).map(|(file, value)| format!("{file}={value}")).collect();
            assert_eq!(written.join(" "), expected);
        }
    }
}
