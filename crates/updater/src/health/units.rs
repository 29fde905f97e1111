//! Units: those that an operator wants a good boot to have, and those that only deserve a word.

use std::time::Duration;

use unit::control::{Reply, Request, UnitRelations, UnitStatus};

use super::Problem;

/// What stands for a boot that is complete; operators' units are wanted or required by it.
const COMPLETE: &str = "boot-complete.target";
/// Units of the system itself that it requires.
const OWN: [&str; 2] = ["multi-user.target", "berth-health.service"];
/// The machine's services are wanted by it.
const MULTI_USER: &str = "multi-user.target";
/// How long PID 1 has for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be thought of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is up.
    Up,
    /// It does not run, and need not: it has done its work, nobody wants it, or its conditions do not hold.
    Off,
    /// It is not as it should be, or not yet.
    Bad(String),
}

/// Judges a unit by what PID 1 knows of it.
pub fn judge(status: &UnitStatus) -> Verdict {
    match (status.active.as_str(), &status.job) {
        ("active" | "reloading" | "refreshing", _) => Verdict::Up,
        ("failed", _) => Verdict::Bad(format!("failed ({})", status.result)),
        ("inactive", None) if status.load == "error" => {
            let why = status.load_error.clone().unwrap_or_default();
            Verdict::Bad(format!("cannot be loaded: {why}"))
        }
        ("inactive", None) => Verdict::Off,
        // Of one that restarts again and again, how its last run ended tells more.
        ("activating", _) if status.restarts > 0 => Verdict::Bad(format!(
            "was restarted {} times, and is not up ({})",
            status.restarts, status.result
        )),
        (state, _) => Verdict::Bad(format!("is not up yet ({state})")),
    }
}

/// Asks PID 1 for a unit.
pub fn status(unit: &str) -> Result<UnitStatus, String> {
    match ask(&Request::Status { unit: unit.to_owned() })? {
        Reply::Status { unit } => Ok(*unit),
        Reply::Error { message, .. } => Err(message),
        other => Err(format!("PID 1 answered {other:?}")),
    }
}

/// What is not well of the operator's units.
pub fn of_operator() -> Vec<Problem> {
    let wanted = match relations(COMPLETE) {
        Ok(relations) => pulled_in(&relations, &OWN),
        Err(error) => return vec![Problem::of_unit(COMPLETE, COMPLETE, error)],
    };
    let problem = |unit: String| {
        let what = match status(&unit).map(|status| judge(&status)) {
            Ok(Verdict::Up | Verdict::Off) => return None,
            Ok(Verdict::Bad(why)) | Err(why) => why,
        };
        Some(Problem { check: unit.clone(), unit, what })
    };
    wanted.into_iter().filter_map(problem).collect()
}

/// What deserves a word: services of the machine that failed, though a boot is good without them.
pub fn warnings() -> Vec<String> {
    let wanted = relations(MULTI_USER).map(|relations| pulled_in(&relations, &[])).unwrap_or_default();
    let warn = |unit: String| {
        let status = status(&unit).ok().filter(|status| status.active == "failed")?;
        Some(format!("warning: {unit} failed ({}); the boot may be good all the same", status.result))
    };
    wanted.into_iter().filter_map(warn).collect()
}

fn relations(unit: &str) -> Result<UnitRelations, String> {
    match ask(&Request::Relations { units: vec![unit.to_owned()] })? {
        Reply::Relations { units } => {
            units.into_iter().next().ok_or_else(|| format!("PID 1 knows nothing of {unit}"))
        }
        Reply::Error { message, .. } => Err(message),
        other => Err(format!("PID 1 answered {other:?}")),
    }
}

/// The units that one pulls in, without some.
fn pulled_in(relations: &UnitRelations, without: &[&str]) -> Vec<String> {
    let names = ["Wants", "Requires", "Requisite", "BindsTo"].map(|kind| relations.relations.get(kind));
    let mut names: Vec<String> = names.into_iter().flatten().flatten().cloned().collect();
    names.retain(|name| !without.contains(&name.as_str()));
    names.sort();
    names.dedup();
    names
}

fn ask(request: &Request) -> Result<Reply, String> {
    init_client::ask_within(request, PATIENCE).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_judged_by_its_state() {
        let status = |active: &str, job: Option<&str>, restarts| UnitStatus {
            load: "loaded".into(),
            active: active.into(),
            job: job.map(str::to_owned),
            restarts,
            result: "exit-code 1".into(),
            ..UnitStatus::default()
        };
        let bad = |why: &str| Verdict::Bad(why.into());
        for (active, job, restarts, expected) in [
            ("active", None, 0, Verdict::Up),
            ("active", None, 7, Verdict::Up),
            ("reloading", Some("reload"), 0, Verdict::Up),
            ("inactive", None, 0, Verdict::Off),
            ("inactive", Some("start"), 0, bad("is not up yet (inactive)")),
            ("activating", Some("start"), 0, bad("is not up yet (activating)")),
            ("activating", None, 3, bad("was restarted 3 times, and is not up (exit-code 1)")),
            ("deactivating", None, 0, bad("is not up yet (deactivating)")),
            ("failed", None, 0, bad("failed (exit-code 1)")),
        ] {
            assert_eq!(judge(&status(active, job, restarts)), expected, "{active} {job:?}");
        }
        let broken = UnitStatus {
            load: "error".into(),
            load_error: Some("no ExecStart=".into()),
            ..status("inactive", None, 0)
        };
        assert_eq!(judge(&broken), bad("cannot be loaded: no ExecStart="));
    }

    #[test]
    fn what_a_target_pulls_in_is_what_it_wants_and_requires() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let relations = UnitRelations {
            unit: COMPLETE.into(),
            relations: [
                ("Requires", list(&["multi-user.target", "berth-health.service", "db.service"])),
                ("Wants", list(&["web.service", "db.service"])),
                ("After", list(&["other.service"])),
                ("WantedBy", list(&["berth-bless.service"])),
            ]
            .map(|(kind, names)| (kind.to_owned(), names))
            .into(),
        };
        assert_eq!(pulled_in(&relations, &OWN), ["db.service", "web.service"]);
    }
}
