//! `systemd-analyze critical-chain`: of what a unit comes after, what was there last, and so on.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use calendar::span::span;
use unit::control::UnitStatus;

use super::{ACCURACY, activating};

const HEADING: [&str; 3] = [
    "The time when unit became active or started is printed after the \"@\" character.",
    "The time the unit took to start is printed after the \"+\" character.",
    "",
];

/// The chain, a line a unit. `order` is what each unit comes after, `begin` when PID 1 began.
pub(super) fn lines(
    unit: &str,
    units: &[UnitStatus],
    order: &BTreeMap<String, Vec<String>>,
    begin: u64,
) -> Result<Vec<String>> {
    let known: BTreeMap<&str, &UnitStatus> = units.iter().map(|unit| (unit.name.as_str(), unit)).collect();
    let mut at = *known.get(unit).with_context(|| format!("{unit} is not loaded"))?;
    let mut lines: Vec<String> = HEADING.iter().map(|line| (*line).to_owned()).collect();
    let mut seen = BTreeSet::new();
    for depth in 0.. {
        let branch = match depth {
            0 => String::new(),
            depth => format!("{}\u{2514}\u{2500}", "  ".repeat(depth - 1)),
        };
        lines.push(format!("{branch}{}", describe(at, begin)));
        seen.insert(at.name.as_str());
        let earlier = order.get(&at.name).into_iter().flatten().filter_map(|name| known.get(name.as_str()));
        // What came up only later held nobody up.
        let began = if at.inactive_exit_us > 0 { at.inactive_exit_us } else { u64::MAX };
        let earlier = earlier.filter(|other| other.active_enter_us > 0 && other.active_enter_us <= began);
        let last = earlier
            .filter(|other| !seen.contains(other.name.as_str()))
            .max_by_key(|other| other.active_enter_us);
        let Some(last) = last else {
            break;
        };
        at = last;
    }
    Ok(lines)
}

fn describe(unit: &UnitStatus, begin: u64) -> String {
    let at = |micros: u64| span(micros.saturating_sub(begin), ACCURACY);
    match activating(unit) {
        Some(0) => format!("{} @{}", unit.name, at(unit.active_enter_us)),
        Some(time) => format!("{} @{} +{}", unit.name, at(unit.inactive_exit_us), span(time, ACCURACY)),
        None => unit.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::unit;
    use super::*;

    #[test]
    fn what_was_there_last_is_what_was_waited_for() {
        let units = [
            unit("all.target", 9_000_000, 9_000_000),
            unit("slow.service", 3_000_000, 9_000_000),
            unit("fast.service", 3_000_000, 4_000_000),
            unit("base.target", 2_500_000, 2_500_000),
            unit("down.service", 0, 0),
        ];
        let order: BTreeMap<String, Vec<String>> = [
            ("all.target", vec!["fast.service", "slow.service", "down.service"]),
            ("slow.service", vec!["base.target", "fast.service"]),
            ("base.target", vec!["all.target"]),
        ]
        .into_iter()
        .map(|(unit, others)| (unit.to_owned(), others.into_iter().map(str::to_owned).collect()))
        .collect();
        let got = lines("all.target", &units, &order, 2_000_000).unwrap();
        assert_eq!(
            got[3..],
            [
                "all.target @7s",
                "\u{2514}\u{2500}slow.service @1s +6s",
                "  \u{2514}\u{2500}base.target @500ms"
            ]
        );
        assert!(lines("none.service", &units, &order, 0).is_err());
    }
}
