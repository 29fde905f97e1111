//! `[Install]` (systemd.unit(5)).

use crate::load::setter::{Outcome, Setter};
use crate::model::Install;

/// Applies one directive.
pub(super) fn assign(install: &mut Install, setter: &Setter, key: &str) -> Outcome {
    match key {
        "WantedBy" => setter.name_list(&mut install.wanted_by),
        "RequiredBy" => setter.name_list(&mut install.required_by),
        "UpheldBy" => setter.name_list(&mut install.upheld_by),
        "Alias" => setter.name_list(&mut install.alias),
        "Also" => setter.name_list(&mut install.also),
        "DefaultInstance" => setter.option(&mut install.default_instance),
        other => Err(format!("{other}= has no code behind it")),
    }
}
