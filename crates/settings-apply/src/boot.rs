//! What a starting system does for its settings. PID 1 makes the folders and links of `/run` itself: nobody
//! else runs yet, and they are gone at every end. It finds out whether something else is left to do, and only
//! then is a process started for it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use layout::path::SETTINGS_DONE;
use settings::accounts::Accounts;
use settings::modules_load;
use settings::path::is_below;
use settings::specifier::Specifiers;
use settings::sysusers::Config;
use settings::tmpfiles::{Context, Item, Kind, Operation, Plan};
use settings::{Fault, Severity, Source};

use crate::root::{credential, extra};
use crate::tmpfiles::Runner;
use crate::{Root, host, modules, sysusers};

/// What devices are made in is the kernel's.
const NOT_AT_BOOT: [&str; 1] = ["/dev"];
/// What is new at every boot.
const VOLATILE: &str = "/run";

/// Whether lines that are safe only while the system starts were not followed yet.
pub fn is_first_run(root: &Root) -> bool {
    root.look(Path::new(SETTINGS_DONE), false).is_err()
}

/// Notes that they were.
///
/// # Errors
/// The note cannot be written.
pub fn note_run(root: &Root) -> Result<()> {
    let path = root.outside(Path::new(SETTINGS_DONE));
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(&path, "")).with_context(|| format!("cannot write {SETTINGS_DONE}"))
}

/// Files of a kind; those that cannot be read are told.
fn sources(root: &Root, kind: &str, name: &str, tell: &mut dyn FnMut(String)) -> Vec<Source> {
    let read = root.settings(kind).into_iter().map(|found| root.source(&found));
    let all = read.chain(extra(name).transpose());
    all.filter_map(|source| source.map_err(|error| tell(format!("{error:#}"))).ok()).collect()
}

/// What sysusers.d says.
pub fn accounts(root: &Root, specifiers: &Specifiers, tell: &mut dyn FnMut(String)) -> (Config, Vec<Fault>) {
    Config::read(&sources(root, "sysusers.d", "sysusers.extra", tell), specifiers)
}

/// What tmpfiles.d says. Where it cannot be read who the system's accounts are, it has none but root.
pub fn files(
    root: &Root,
    specifiers: &Specifiers,
    boot: bool,
    tell: &mut dyn FnMut(String),
) -> (Plan, Vec<Fault>) {
    let accounts = host::accounts(root).unwrap_or_else(|error| {
        tell(format!("{error:#}"));
        Accounts::read([], [])
    });
    let context = Context {
        boot,
        graceful: false,
        include: &[],
        exclude: &NOT_AT_BOOT.map(str::to_owned),
        specifiers,
        accounts: &accounts,
        credential: &credential,
    };
    Plan::read(&sources(root, "tmpfiles.d", "tmpfiles.extra", tell), &context)
}

/// Does what is to be done for files; what is to go goes only while the system starts. Says whether all
/// went well.
pub fn run(root: &Root, plan: &Plan, boot: bool, tell: &mut dyn FnMut(String)) -> bool {
    let operations: &[Operation] =
        if boot { &[Operation::Remove, Operation::Create] } else { &[Operation::Create] };
    Runner::new(root, plan, false, tell).run(operations)
}

/// What is left to do, each with the unit that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Users, files and folders.
    pub files: bool,
    /// Modules of the kernel.
    pub modules: bool,
}

/// What modules-load.d says, and the kernel's command line.
pub fn modules(root: &Root, tell: &mut dyn FnMut(String)) -> Vec<String> {
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    modules_load::names(&command_line, &sources(root, "modules-load.d", "modules-load.extra", tell))
}

/// Makes what `/run` is to have, as far as that is simple, and says what is left to do. Where that is nothing,
/// the lines for a starting system are done with: a process that is started later does not follow them.
pub fn ready(root: &Root) -> Left {
    let mut is_left = false;
    let modules = modules(root, &mut |_| is_left = true);
    let modules = is_left || !modules::missing(&modules).is_empty();
    Left { files: ready_files(root) || note_run(root).is_err(), modules }
}

fn ready_files(root: &Root) -> bool {
    let mut is_left = false;
    let mut tell = |_| is_left = true;
    let specifiers = host::specifiers(root);
    let (config, faults) = accounts(root, &specifiers, &mut tell);
    let plan = sysusers::plan(root, &config);
    let (files, more) = files(root, &specifiers, true, &mut tell);
    let is_simple =
        |item: &Item| is_below(&item.path, VOLATILE) && (item.kind.is_folder() || item.kind == Kind::Link);
    // What fails here is tried again, and told, by the process that is then started.
    Runner::new(root, &files, false, &mut |_| {}).only(&is_simple).run(&[Operation::Create]);
    Runner::new(root, &files, true, &mut tell).run(&[Operation::Remove, Operation::Create]);
    let has_errors = faults.iter().chain(&more).any(|fault| fault.severity == Severity::Error);
    is_left || has_errors || !plan.changes.is_empty() || !plan.errors.is_empty()
}
