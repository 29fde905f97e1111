//! How much of the system a service could harm, as `systemd-analyze security` counts it
//! (systemd-analyze(1)): checks, each with a weight, and from them one number from 0 to 10. Checks and
//! weights are those of systemd 257, so that numbers can be compared; the words are our own.

mod checks;
mod judges;

use crate::model::Unit;
use crate::service::config::Service;
use checks::CHECKS;

/// What a check looks at.
#[derive(Clone, Copy)]
struct Subject<'a> {
    service: &'a Service,
    /// `DefaultDependencies=`: without them it may run before the file systems are there.
    is_ordinary: bool,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The directive, and what of it is looked at.
    pub name: &'static str,
    /// The same as a field's name.
    pub field: &'static str,
    /// What it means for the service.
    pub description: String,
    /// How much it counts.
    pub weight: u64,
    /// How bad it is, of `range`; none where the check does not apply.
    pub badness: Option<u64>,
    /// The worst.
    pub range: u64,
    /// Its part of the whole, in tenths; none where nothing is wrong.
    pub exposure: Option<u64>,
}

/// What is to be said of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// All checks, those that count most first.
    pub findings: Vec<Finding>,
    /// How exposed the service leaves the system, in tenths: 0 to 100.
    pub exposure: u64,
}

/// From this many tenths on a service is called so.
const RATINGS: [(u64, &str, &str); 7] = [
    (100, "DANGEROUS", "\u{1f628}"),
    (90, "UNSAFE", "\u{1f628}"),
    (75, "EXPOSED", "\u{1f641}"),
    (50, "MEDIUM", "\u{1f610}"),
    (10, "OK", "\u{1f642}"),
    (1, "SAFE", "\u{1f600}"),
    (0, "PERFECT", "\u{1f607}"),
];

impl Assessment {
    /// The exposure in one word.
    pub fn rating(&self) -> &'static str {
        self.row().1
    }

    /// The exposure as a face.
    pub fn face(&self) -> &'static str {
        self.row().2
    }

    fn row(&self) -> (u64, &'static str, &'static str) {
        RATINGS.into_iter().find(|(from, ..)| self.exposure >= *from).unwrap_or(RATINGS[RATINGS.len() - 1])
    }
}

/// Tenths as a number.
pub fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// Looks at a unit; none where it is not a service.
pub fn assess(unit: &Unit) -> Option<Assessment> {
    let subject = Subject { service: unit.service()?, is_ordinary: unit.default_dependencies };
    let mut findings: Vec<Finding> = CHECKS
        .iter()
        .map(|check| {
            let (badness, description) = check.judge(subject);
            Finding {
                name: check.name,
                field: check.field,
                description,
                weight: check.weight,
                badness,
                range: check.range,
                exposure: None,
            }
        })
        .collect();
    let counted = || findings.iter().filter_map(|finding| Some((finding, finding.badness?)));
    let weights: u64 = counted().map(|(finding, _)| finding.weight).sum();
    let sum: u64 = counted().map(|(finding, bad)| (bad * finding.weight).div_ceil(finding.range)).sum();
    let exposure = (sum * 100).div_ceil(weights.max(1));
    for finding in &mut findings {
        let bad = finding.badness.filter(|bad| *bad > 0);
        let part = |bad: u64| (bad * finding.weight * 100).div_ceil(finding.range).div_ceil(weights.max(1));
        finding.exposure = bad.map(part);
    }
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.weight), finding.name));
    Some(Assessment { findings, exposure })
}
