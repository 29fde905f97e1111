//! Verbs that change what is enabled: links are made and removed, then PID 1 reads them.

use anyhow::{Context, Result, bail};
use unit::control::JobAction;
use unit::install::{self, Change, DEFAULT_TARGET, Enabled, FileState, Place};
use unit::preset::Preset;
use unit::{UnitName, UnitType};

use super::jobs;
use crate::arguments::Parsed;
use crate::files::Files;
use crate::names::{unit_name, with_suffix};

const NO_INSTALL: &str = "\
The unit files have no installation config (WantedBy=, RequiredBy=, Alias=, Also= settings in
[Install]), so they cannot be enabled. They are started by a link in a .wants folder, by another
unit, or by hand.";

/// The units that a command line names, and those of them that are paths.
fn named(parsed: &Parsed) -> Result<(Vec<UnitName>, Vec<String>)> {
    if parsed.words.is_empty() {
        bail!("name a unit");
    }
    if parsed.has("now") && parsed.value("root").is_some() {
        bail!("--now and --root do not go together: nothing runs there");
    }
    let (paths, words): (Vec<String>, Vec<String>) =
        parsed.words.iter().cloned().partition(|word| word.starts_with('/'));
    let mut names: Vec<UnitName> = words.iter().map(|word| unit_name(word)).collect::<Result<_>>()?;
    for path in &paths {
        let file = path.rsplit('/').next().unwrap_or_default();
        names.push(UnitName::parse(file).with_context(|| format!("{path} is no unit file"))?);
    }
    Ok((names, paths))
}

/// Makes changes, and has PID 1 take them in.
fn commit(parsed: &Parsed, files: &Files, changes: &[Change]) -> Result<()> {
    files.apply(changes, parsed.has("quiet"))?;
    if changes.is_empty() || parsed.has("no-reload") { Ok(()) } else { files.reload() }
}

/// With `--now`, does a job, too.
fn now(parsed: &Parsed, action: JobAction, units: &[UnitName]) -> Result<u8> {
    if parsed.has("now") { jobs::ask(parsed, action, units) } else { Ok(0) }
}

fn plan_enable(parsed: &Parsed, files: &Files, names: &[UnitName]) -> Result<Enabled> {
    let install = |name: &UnitName| files.install(name);
    let into = files.target(parsed.has("runtime"));
    Ok(install::enable(&files.view, names, into, parsed.has("force"), &install)?)
}

fn plan_disable(parsed: &Parsed, files: &Files, names: &[UnitName]) -> Vec<Change> {
    let install = |name: &UnitName| files.install(name);
    install::disable(&files.view, names, files.target(parsed.has("runtime")), &install)
}

/// Makes files outside the folders known; gives the folders as they are then.
fn link_paths(parsed: &Parsed, paths: &[String]) -> Result<Files> {
    let files = Files::open(parsed.value("root"))?;
    if paths.is_empty() {
        return Ok(files);
    }
    for path in paths {
        files.read(path)?;
    }
    let changes =
        install::link(&files.view, paths, files.target(parsed.has("runtime")), parsed.has("force"))?;
    commit(parsed, &files, &changes)?;
    Files::open(parsed.value("root"))
}

pub(super) fn link(parsed: &Parsed) -> Result<u8> {
    let (_, paths) = named(parsed)?;
    if paths.len() != parsed.words.len() {
        bail!("link takes absolute paths of unit files");
    }
    link_paths(parsed, &paths).map(|_| 0)
}

pub(super) fn enable(parsed: &Parsed) -> Result<u8> {
    let (names, paths) = named(parsed)?;
    let files = link_paths(parsed, &paths)?;
    let enabled = plan_enable(parsed, &files, &names)?;
    commit(parsed, &files, &enabled.changes)?;
    if !enabled.has_install && !parsed.has("quiet") {
        eprintln!("{NO_INSTALL}");
    }
    now(parsed, JobAction::Start, &names)
}

pub(super) fn disable(parsed: &Parsed) -> Result<u8> {
    let (names, _) = named(parsed)?;
    let files = Files::open(parsed.value("root"))?;
    for name in &names {
        match files.view.place(name) {
            Place::Missing if plan_disable(parsed, &files, std::slice::from_ref(name)).is_empty() => {
                bail!("Unit {name} does not exist");
            }
            Place::Masked { .. } => eprintln!("Unit {name} is masked, ignoring."),
            _ => {}
        }
    }
    commit(parsed, &files, &plan_disable(parsed, &files, &names))?;
    now(parsed, JobAction::Stop, &names)
}

pub(super) fn reenable(parsed: &Parsed) -> Result<u8> {
    let (names, paths) = named(parsed)?;
    let files = Files::open(parsed.value("root"))?;
    files.apply(&plan_disable(parsed, &files, &names), parsed.has("quiet"))?;
    let files = link_paths(parsed, &paths)?;
    let enabled = plan_enable(parsed, &files, &names)?;
    commit(parsed, &files, &enabled.changes)?;
    now(parsed, JobAction::Restart, &names)
}

pub(super) fn preset(parsed: &Parsed) -> Result<u8> {
    let (names, _) = named(parsed)?;
    let files = Files::open(parsed.value("root"))?;
    if let Some(missing) = names.iter().find(|name| files.state(name).is_none()) {
        bail!("Unit {missing} does not exist");
    }
    apply_presets(parsed, &files, &names)
}

pub(super) fn preset_all(parsed: &Parsed) -> Result<u8> {
    if !parsed.words.is_empty() {
        bail!("preset-all takes no unit; preset does");
    }
    let files = Files::open(parsed.value("root"))?;
    let names = files.view.names();
    apply_presets(parsed, &files, &names)
}

/// Enables and disables units as the presets say. Those that cannot be are left as they are.
fn apply_presets(parsed: &Parsed, files: &Files, names: &[UnitName]) -> Result<u8> {
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for name in names {
        let can_change = matches!(
            files.state(name),
            Some(FileState::Enabled | FileState::Disabled | FileState::EnabledRuntime)
        );
        match files.preset(name) {
            _ if !can_change => {}
            Preset::Ignore => {}
            Preset::Disable => off.push(name.clone()),
            Preset::Enable(instances) if name.is_template() => {
                for instance in instances {
                    on.push(name.with_instance(&instance)?);
                }
            }
            Preset::Enable(_) => on.push(name.clone()),
        }
    }
    let mut changes = plan_disable(parsed, files, &off);
    // What one unit takes along (Also=) another rule may have switched off: enabling wins.
    let enabled = plan_enable(parsed, files, &on)?.changes;
    changes.extend(enabled);
    match parsed.has("dry-run") {
        true => files.tell(&changes),
        false => commit(parsed, files, &changes)?,
    }
    Ok(0)
}

pub(super) fn mask(parsed: &Parsed) -> Result<u8> {
    let (names, _) = named(parsed)?;
    let files = Files::open(parsed.value("root"))?;
    for name in names.iter().filter(|name| files.view.place(name) == Place::Missing) {
        eprintln!("Unit {name} does not exist, proceeding anyway.");
    }
    let changes = install::mask(&files.view, &names, files.target(parsed.has("runtime")))?;
    commit(parsed, &files, &changes)?;
    now(parsed, JobAction::Stop, &names)
}

pub(super) fn unmask(parsed: &Parsed) -> Result<u8> {
    let (names, _) = named(parsed)?;
    let files = Files::open(parsed.value("root"))?;
    let changes = install::unmask(&files.view, &names, files.target(parsed.has("runtime")));
    commit(parsed, &files, &changes)?;
    now(parsed, JobAction::Start, &names)
}

pub(super) fn get_default(parsed: &Parsed) -> Result<u8> {
    if !parsed.words.is_empty() {
        bail!("get-default takes no unit");
    }
    let files = Files::open(parsed.value("root"))?;
    let link = UnitName::parse(DEFAULT_TARGET)?;
    let target = files.view.resolve(&link);
    // What PID 1 starts where nothing is linked.
    println!("{}", if target == link { "multi-user.target" } else { target.as_str() });
    Ok(0)
}

pub(super) fn set_default(parsed: &Parsed) -> Result<u8> {
    let [target] = parsed.words.as_slice() else {
        bail!("set-default takes one target");
    };
    let name = with_suffix(target, UnitType::Target.suffix())?;
    let files = Files::open(parsed.value("root"))?;
    let changes = install::set_default(&files.view, &name, files.target(false))?;
    commit(parsed, &files, &changes)?;
    Ok(0)
}

/// A unit file's state and preset as `status` shows them.
pub(super) fn describe(files: &Files, name: &UnitName) -> String {
    let Some(state) = files.state(name) else {
        return String::new();
    };
    match files.install(name).has_place() {
        true => format!("; {}; preset: {}", state.name(), files.preset(name).name()),
        false => format!("; {}", state.name()),
    }
}
