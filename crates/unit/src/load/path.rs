//! `[Path]` (systemd.path(5)).

use std::time::Duration;

use crate::load::LoadError;
use crate::load::setter::{self, Outcome, Setter, text, unit_name};
use crate::model::StartLimit;
use crate::name::{UnitName, UnitType};
use crate::path::{Path, TESTS, Test, Watched};
use crate::text::glob;
use crate::text::value;

/// A path unit before its files are read: it starts the service of its own name.
pub(super) fn unset(name: &UnitName) -> Result<Path, LoadError> {
    let own = UnitName::parse(&format!("{}.service", name.stem()));
    let unit = own.map_err(|error| LoadError::Bad { name: name.clone(), reason: error.to_string() })?;
    Ok(Path {
        watched: Vec::new(),
        unit,
        make_directory: false,
        directory_mode: 0o755,
        trigger_limit: StartLimit { interval: Duration::from_secs(2), burst: 200 },
    })
}

/// Applies one directive.
pub(super) fn assign(path: &mut Path, setter: &Setter, key: &str) -> Outcome {
    if let Some((_, test)) = TESTS.iter().find(|(name, _)| *name == key) {
        // An empty value resets all tests.
        if setter.value.is_empty() {
            path.watched.clear();
        } else {
            let watched = setter::path(&setter.expanded()?)?;
            path.watched.push(Watched { test: *test, path: watched });
        }
        return Ok(());
    }
    match key {
        "Unit" => {
            let name = unit_name(&setter.expanded()?)?;
            if name.kind() == UnitType::Path {
                return Err("a path unit cannot start another".to_owned());
            }
            path.unit = name;
        }
        "MakeDirectory" => path.make_directory = value::boolean(setter.value).map_err(text)?,
        "DirectoryMode" => path.directory_mode = value::mode(setter.value).map_err(text)?,
        "TriggerLimitIntervalSec" => {
            let interval = value::time_span(setter.value).map_err(text)?;
            path.trigger_limit.interval = interval.finite().unwrap_or(Duration::MAX);
        }
        "TriggerLimitBurst" => {
            path.trigger_limit.burst = setter.value.parse().map_err(|_| "expected a number".to_owned())?;
        }
        other => return Err(format!("{other}= has no code behind it")),
    }
    Ok(())
}

/// Checks that there is something to wait for.
pub(super) fn finish(path: &mut Path) -> Result<(), String> {
    // What has no wildcard is a path, and cheaper to look for.
    for watched in &mut path.watched {
        if watched.test == Test::ExistsGlob && glob::base(&watched.path) == watched.path {
            watched.test = Test::Exists;
        }
    }
    match path.watched.is_empty() {
        true => Err("it has nothing to wait for (PathExists=, PathChanged=, ...)".to_owned()),
        false => Ok(()),
    }
}
