//! Generated configs, put to the reference's validator as well: BERTH_IGNITION_VALIDATE=PATH cargo test -p ignition
//! --test generated (BERTH_IGNITION_CONFIGS says how many, 3000 where it does not; BERTH_IGNITION_SEED which).
#![allow(clippy::unwrap_used, reason = "a test's own helpers")]

mod generator;
mod reference;

use generator::Generator;
use reference::{Verdict, ours};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Why verdicts may differ, where docs/ignition.md explains it.
fn explained(text: &str, ours: &Verdict, theirs: &Verdict) -> Option<&'static str> {
    if ours.agrees(theirs) {
        return Some("the same");
    }
    if ours.is_fatal() != theirs.is_fatal() {
        return None;
    }
    // Where a value is of the wrong kind, the reference says no more than that; ours goes on to unknown keys.
    if theirs.is_placeless() {
        return Some("the same");
    }
    // Below a key in other case, the reference does not look for unknown keys.
    let upper = ["\"Storage\"", "\"Systemd\"", "\"Files\"", "\"PATH\"", "\"Name\""];
    let errors = |verdict: &Verdict| {
        verdict.0.iter().filter(|(severity, _)| severity == "error").cloned().collect::<Vec<_>>()
    };
    if upper.iter().any(|key| text.contains(key)) && errors(ours) == errors(theirs) {
        return Some("a key in other case");
    }
    None
}

#[test]
fn generated_configs_are_judged_as_the_reference_judges_them() {
    let Some(reference) = reference::validator() else { return };
    let (seed, count) = (number("BERTH_IGNITION_SEED", 1), number("BERTH_IGNITION_CONFIGS", 3000));
    let (mut refused, mut same) = (0, 0);
    let mut wrong = Vec::new();
    for index in 0..count {
        let text = Generator::new(seed.wrapping_mul(1 << 32) + index).config();
        let (ours, theirs) = (ours(text.as_bytes()), reference.verdict(text.as_bytes()));
        refused += u64::from(ours.is_fatal());
        match explained(&text, &ours, &theirs) {
            Some("the same") => same += 1,
            Some(_) => {}
            None => wrong.push(format!("{text}\n  ours: {ours}\n  theirs: {theirs}")),
        }
    }
    println!(
        "{count} configs, {refused} refused; {same} the same verdict, {} that differ without reason",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(20)].join("\n"));
}

/// Without the reference: no config makes a fault, and what is taken makes the same config when it is read again.
#[test]
fn generated_configs_are_read_without_fault() {
    for seed in 0..2000 {
        let text = Generator::new(seed).config();
        let parsed = ignition::parse(text.as_bytes());
        let Some(config) = parsed.config else {
            assert!(parsed.report.is_fatal());
            continue;
        };
        // Older versions let links and the like have less, so that a raised config may be one that is not valid.
        let again = ignition::parse(ignition::to_json(&config).to_string().as_bytes());
        if let Some(again) = again.config {
            assert_eq!(ignition::to_json(&again), ignition::to_json(&config), "{text}");
        } else {
            assert!(ignition::validate(&config).is_fatal(), "{text}");
        }
    }
}

/// A thousand configs that are broken somewhere: a report, in no time, whatever it says.
#[test]
fn broken_configs_are_judged_without_fault() {
    for seed in 0..1000 {
        let mut bytes = Generator::new(seed).config().into_bytes();
        let mut at = usize::try_from(seed).unwrap() * 7919;
        for _ in 0..=seed % 3 {
            at = (at * 31 + 17) % bytes.len();
            match at % 4 {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, b"{}[],:\"\\\x00\xff0e-"[at % 13]),
                2 => bytes[at] ^= 1 << (at % 8),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let parsed = ignition::parse(&bytes);
        assert_eq!(parsed.config.is_none(), parsed.report.is_fatal());
        assert!(
            parsed
                .report
                .entries
                .iter()
                .all(|entry| entry.line > 0 && entry.column > 0 && entry.path.starts_with('$'))
        );
    }
}

/// Configs of a megabyte or more whose every part is looked at: what would take their length squared is noticed.
#[test]
fn large_configs_take_no_time_out_of_proportion() {
    const COUNT: usize = 100_000;
    let many = |entry: &str| vec![entry; COUNT].join(",");
    let numbered = |entry: &str| {
        (0..COUNT).map(|index| entry.replace('#', &index.to_string())).collect::<Vec<_>>().join(",")
    };
    let started = std::time::Instant::now();
    for rest in [
        format!(r#""storage":{{"files":[{}]}}"#, many("{}")),
        format!(r#""storage":{{{},"files":[{}]}}"#, numbered(r##""#":0"##), many("{}")),
        format!(
            r#""storage":{{"links":[{}],"files":[{}]}}"#,
            numbered(r##"{"path":"/#"}"##),
            numbered(r##"{"path":"/#/a"}"##)
        ),
        format!(r#""storage":{{"links":[{{"path":"/b"}}],"files":[{{"path":"{}"}}]}}"#, "/a".repeat(COUNT)),
        format!(
            r#""storage":{{"disks":[{{"device":"/dev/a","partitions":[{}]}}]}}"#,
            numbered(r##"{"number":#,"startMiB":#,"sizeMiB":1}"##)
        ),
        format!(
            r#""systemd":{{"units":[{{"name":"a.service","contents":"[A]\n{}"}}]}}"#,
            "b=c\n".repeat(COUNT)
        ),
        format!(
            r#""systemd":{{"units":[{{"name":"a.service","contents":"{}"}}]}}"#,
            "[A]\n[B]".repeat(COUNT)
        ),
        format!(r#""x":{{"a":[{}]}}"#, many("[]")),
        format!(r#""passwd":{{"users":[{{"name":"a","groups":[{}]}}]}}"#, many("\"g\"")),
        format!(r#""x":"{}""#, "\\u0041".repeat(COUNT)),
    ] {
        let report =
            ignition::parse(format!(r#"{{"ignition":{{"version":"3.5.0"}},{rest}}}"#).as_bytes()).report;
        assert!(report.entries.len() <= 1000);
    }
    // In seconds, without optimization, on a busy machine; squared, hours.
    assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
}
