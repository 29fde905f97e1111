//! Kernel settings, written.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use settings::Source;
use settings::sysctl::{Setting, Settings};

use crate::Root;
use crate::tmpfiles::glob;

/// Where the kernel's settings are.
const KERNEL: &str = "/proc/sys";

/// What became of a setting.
#[derive(Debug)]
pub enum Outcome {
    /// It is set.
    Set,
    /// It is not, which is no failure.
    Passed(anyhow::Error),
    /// It is not.
    Failed(anyhow::Error),
}

/// All settings of the system's files; what is wrong with them is told by `tell`.
///
/// # Errors
/// Never of a single file: those are told.
pub fn read(root: &Root, prefixes: &[String], tell: &mut dyn FnMut(String)) -> Settings {
    let mut settings = Settings::new(prefixes);
    let sources = root.settings("sysctl.d").into_iter().map(|found| root.source(&found));
    for source in sources.chain(crate::root::extra("sysctl.extra").transpose()) {
        add(&mut settings, source, tell);
    }
    settings
}

/// Adds a file; tells what is wrong with it, and says whether that is nothing.
pub fn add(settings: &mut Settings, source: Result<Source>, tell: &mut dyn FnMut(String)) -> bool {
    let faults = match source {
        Ok(source) => settings.add(&source).iter().map(ToString::to_string).collect(),
        Err(error) => vec![format!("{error:#}")],
    };
    let is_well = faults.is_empty();
    faults.into_iter().for_each(tell);
    is_well
}

/// What is to be written, in order.
pub fn writes(root: &Root, settings: &Settings) -> Vec<Setting> {
    settings.writes(|pattern| find(root, pattern))
}

/// Writes a setting. What the kernel does not have, or does not let this process write, is no failure
/// unless it is to be `strict`.
pub fn write(setting: &Setting, strict: bool) -> Outcome {
    let path = Path::new(KERNEL).join(&setting.path);
    let value = setting.value.as_deref().unwrap_or_default();
    let written = fs::write(&path, value);
    let error = match &written {
        Ok(()) => return Outcome::Set,
        Err(error) => error.raw_os_error().map(rustix::io::Errno::from_raw_os_error),
    };
    use rustix::io::Errno;
    let is_foreign = matches!(error, Some(Errno::NOENT | Errno::ROFS | Errno::ACCESS | Errno::PERM));
    match written.with_context(|| format!("cannot set {} to {value:?}", path.display())) {
        Err(error) if setting.optional || (is_foreign && !strict) => Outcome::Passed(error),
        Err(error) => Outcome::Failed(error),
        Ok(()) => Outcome::Set,
    }
}

/// The settings that a pattern stands for.
fn find(root: &Root, pattern: &str) -> Vec<String> {
    let kernel = Path::new(KERNEL);
    let found =
        glob(root, &format!("{KERNEL}/{pattern}")).into_iter().filter(|path| root.outside(path).is_file());
    found.filter_map(|path| Some(path.strip_prefix(kernel).ok()?.to_str()?.to_owned())).collect()
}
