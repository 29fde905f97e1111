//! `[Install]` (systemd.unit(5)).

use crate::load::setter::{Outcome, Setter, unit_name};
use crate::model::Install;

/// Applies one directive.
pub(super) fn assign(install: &mut Install, setter: &Setter, key: &str) -> Outcome {
    let read = |word: String| unit_name(&word);
    match key {
        "WantedBy" => setter.list(&mut install.wanted_by, read),
        "RequiredBy" => setter.list(&mut install.required_by, read),
        "UpheldBy" => setter.list(&mut install.upheld_by, read),
        "Alias" => setter.list(&mut install.alias, read),
        "Also" => setter.list(&mut install.also, read),
        "DefaultInstance" => setter.option(&mut install.default_instance),
        other => Err(format!("{other}= has no code behind it")),
    }
}
