//! `[Unit]` (systemd.unit(5)).

use crate::condition::{Condition, TESTS};
use crate::load::setter::{Outcome, Setter, path, text};
use crate::model::{JobMode, Need, Origin, Relation, SystemAction, Unit};
use crate::text::value;

const JOB_MODES: [(&str, JobMode); 5] = [
    ("replace", JobMode::Replace),
    ("fail", JobMode::Replace),
    ("replace-irreversibly", JobMode::Replace),
    ("ignore-dependencies", JobMode::Replace),
    ("isolate", JobMode::Isolate),
];

const SYSTEM_ACTIONS: [(&str, SystemAction); 12] = [
    ("none", SystemAction::None),
    ("reboot", SystemAction::Reboot),
    ("reboot-force", SystemAction::RebootForce),
    ("reboot-immediate", SystemAction::RebootForce),
    ("poweroff", SystemAction::Poweroff),
    ("poweroff-force", SystemAction::PoweroffForce),
    ("poweroff-immediate", SystemAction::PoweroffForce),
    ("halt", SystemAction::Halt),
    ("halt-force", SystemAction::HaltForce),
    ("halt-immediate", SystemAction::HaltForce),
    // Of a machine, to exit is to go off.
    ("exit", SystemAction::Poweroff),
    ("exit-force", SystemAction::PoweroffForce),
];

/// Applies one directive.
pub(super) fn assign(unit: &mut Unit, setter: &Setter, key: &str) -> Outcome {
    if let Some(relation) = Relation::of_directive(key) {
        return relate(unit, setter, relation);
    }
    for (prefix, list) in [("Condition", &mut unit.conditions), ("Assert", &mut unit.asserts)] {
        if let Some(test) = key.strip_prefix(prefix).and_then(test) {
            if setter.value.is_empty() {
                list.clear();
            } else {
                list.push(Condition::parse(test, &setter.expanded()?));
            }
            return Ok(());
        }
    }
    match key {
        "Description" => unit.description = setter.expanded()?,
        "Documentation" => setter.list(&mut unit.documentation, Ok)?,
        "DefaultDependencies" => {
            unit.default_dependencies = value::boolean(setter.value).map_err(text)?;
        }
        "RequiresMountsFor" => mounts_for(unit, setter, Need::Requires)?,
        "WantsMountsFor" => mounts_for(unit, setter, Need::Wants)?,
        "RefuseManualStart" => {
            unit.refuse_manual_start = value::boolean(setter.value).map_err(text)?;
        }
        "RefuseManualStop" => {
            unit.refuse_manual_stop = value::boolean(setter.value).map_err(text)?;
        }
        "OnFailureJobMode" => unit.on_failure_mode = setter.choice(&JOB_MODES)?,
        "OnSuccessJobMode" => unit.on_success_mode = setter.choice(&JOB_MODES)?,
        "FailureAction" => unit.system_actions.failure = setter.choice(&SYSTEM_ACTIONS)?,
        "SuccessAction" => unit.system_actions.success = setter.choice(&SYSTEM_ACTIONS)?,
        "StartLimitAction" => unit.system_actions.start_limit = setter.choice(&SYSTEM_ACTIONS)?,
        "JobTimeoutAction" => unit.system_actions.job_timeout = setter.choice(&SYSTEM_ACTIONS)?,
        "JobTimeoutSec" | "JobRunningTimeoutSec" => {
            unit.job_timeout = value::time_span(setter.value).map_err(text)?.finite();
        }
        "StopWhenUnneeded" => {
            unit.stop_when_unneeded = value::boolean(setter.value).map_err(text)?;
        }
        // For people: where a generated unit comes from.
        "SourcePath" => drop(setter.expanded()?),
        "AllowIsolate" => unit.allow_isolate = value::boolean(setter.value).map_err(text)?,
        "IgnoreOnIsolate" => unit.ignore_on_isolate = value::boolean(setter.value).map_err(text)?,
        "CollectMode" => {
            unit.collect_failed = setter.choice(&[("inactive", false), ("inactive-or-failed", true)])?;
        }
        "StartLimitIntervalSec" | "StartLimitInterval" => {
            let interval = value::time_span(setter.value).map_err(text)?;
            // Without end, every start counts for ever: the longest span says the same.
            unit.start_limit.interval = interval.finite().unwrap_or(std::time::Duration::MAX);
        }
        "StartLimitBurst" => {
            unit.start_limit.burst = setter.value.parse().map_err(|_| "expected a number".to_owned())?;
        }
        other => return Err(format!("{other}= has no code behind it")),
    }
    Ok(())
}

fn test(name: &str) -> Option<crate::condition::Test> {
    TESTS.iter().find(|(known, _)| *known == name).map(|(_, test)| *test)
}

/// Adds paths whose mounts are needed; an empty value takes out those so far.
fn mounts_for(unit: &mut Unit, setter: &Setter, need: Need) -> Outcome {
    if setter.value.is_empty() {
        unit.mounts_for.retain(|_, known| *known != need);
        return Ok(());
    }
    for word in setter.words()? {
        let path = path(&word)?;
        unit.needs_mounts_for(&path, need);
    }
    Ok(())
}

/// Adds the named units; an empty value takes out what files have stated so far.
fn relate(unit: &mut Unit, setter: &Setter, relation: Relation) -> Outcome {
    if setter.value.is_empty() {
        unit.relations.retain(|(kind, _), _| *kind != relation);
        return Ok(());
    }
    for name in setter.names()? {
        if name != unit.name {
            unit.relate(relation, name, Origin::Stated);
        }
    }
    Ok(())
}
