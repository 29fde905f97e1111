//! Why a boot is late, by what is heard of it. Pure.

use unit::control::JobStatus;

use crate::health::Problem;

/// How many units are named.
const NAMED: usize = 4;

/// What is heard of a boot.
#[derive(Debug, Default)]
pub struct Heard {
    /// The state of the system, by PID 1. None where it does not answer.
    pub state: Option<String>,
    /// Its jobs.
    pub jobs: Vec<JobStatus>,
    /// What is not well. None where it was not come so far as to ask.
    pub problems: Option<Vec<Problem>>,
}

/// The reason, in a line, and the unit whose log tells more.
pub fn reason(heard: &Heard) -> (String, Option<String>) {
    if heard.state.is_none() {
        return ("PID 1 does not answer".to_owned(), None);
    }
    match &heard.problems {
        None => {
            let running: Vec<&JobStatus> = heard.jobs.iter().filter(|job| job.running).collect();
            let names: Vec<&str> = running.iter().take(NAMED).map(|job| job.unit.as_str()).collect();
            let (names, unit) = match names.first() {
                None => ("no job that runs".to_owned(), None),
                Some(unit) => (names.join(", "), Some((*unit).to_owned())),
            };
            let more = running.len().saturating_sub(NAMED);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            (format!("multi-user.target is not reached: the boot waits for {names}{more}"), unit)
        }
        Some(problems) => match problems.first() {
            None => ("all was well, but not for the hold time".to_owned(), None),
            Some(first) => {
                let texts: Vec<String> = problems.iter().take(NAMED).map(ToString::to_string).collect();
                (texts.join("; "), Some(first.unit.clone()))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_the_boot_waits_for_or_what_is_not_well() {
        let job = |unit: &str, running| JobStatus { id: 1, unit: unit.into(), kind: "start".into(), running };
        let jobs = |names: &[&str]| names.iter().map(|name| job(name, true)).collect::<Vec<_>>();
        let problem = |check: &str, what: &str| Problem::of_unit(check, &format!("{check}.service"), what);
        let heard = |jobs, problems| Heard { state: Some("starting".into()), jobs, problems };
        let waits = "multi-user.target is not reached: the boot waits for";
        for (heard, text, unit) in [
            (Heard::default(), "PID 1 does not answer".to_owned(), None),
            (
                heard([jobs(&["a.service"]), vec![job("multi-user.target", false)]].concat(), None),
                format!("{waits} a.service"),
                Some("a.service"),
            ),
            (heard(vec![], None), format!("{waits} no job that runs"), None),
            (
                heard(jobs(&["a", "b", "c", "d", "e", "f"]), None),
                format!("{waits} a, b, c, d and 2 more"),
                Some("a"),
            ),
            (
                heard(vec![], Some(vec![problem("etcd", "no answer"), problem("network", "not online")])),
                "etcd: no answer; network: not online".to_owned(),
                Some("etcd.service"),
            ),
            (heard(vec![], Some(vec![])), "all was well, but not for the hold time".to_owned(), None),
        ] {
            assert_eq!(reason(&heard), (text, unit.map(str::to_owned)), "{heard:?}");
        }
    }
}
