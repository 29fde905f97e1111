//! Units: their files, their drop-ins, what is masked, and what is enabled.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ignition::config::{Config, Unit};
use layout::path::{ETC_UNITS, RUN_TRANSIENT};
use rustix::fs::FileType;
use unit::UnitName;
use unit::install::{self, Change, InstallError, MASK, Place};
use unit_files::installed::{Installed, UNIT_PATH};

use super::tree::{FILE_MODE, Owner, Tree};
use crate::failure::Failure;

/// Where what a config enables and disables stands for who asks later; it counts more than the image's.
pub const PRESET: &str = "/etc/systemd/system-preset/20-ignition.preset";

const LOOK_AT_DISK: &str = "check that the disk is large enough and not damaged";

/// A unit and its place in the config.
struct Wanted<'a> {
    at: String,
    name: UnitName,
    unit: &'a Unit,
}

/// Has units be as a config wants them.
///
/// # Errors
/// One cannot be. That one that is enabled is not there, or says not by what, is only told.
pub fn apply(tree: &Tree, config: &Config, tell: &mut dyn FnMut(String)) -> Result<(), Failure> {
    let units = config.systemd.iter().flat_map(|systemd| systemd.units.iter().flatten()).enumerate();
    let mut all = Vec::new();
    for (index, unit) in units {
        let at = format!("$.systemd.units.{index}");
        let name = UnitName::parse(&unit.name).map_err(|error| {
            let next = "a name with its type, such as etcd.service";
            Failure::new(format!("{at}.name"), format!("{:?} is no unit's name: {error}", unit.name), next)
        })?;
        all.push(Wanted { at, name, unit });
    }
    for wanted in &all {
        wanted.write(tree)?;
    }
    for wanted in &all {
        wanted.mask(tree)?;
    }
    let mut lines = BTreeMap::new();
    for wanted in &all {
        wanted.enable(tree, &mut lines, tell)?;
    }
    if lines.is_empty() {
        return Ok(());
    }
    let text: String = lines.into_values().flat_map(|line| [line, "\n".to_owned()]).collect();
    write(tree, "$.systemd.units", Path::new(PRESET), &text)
}

impl Wanted<'_> {
    fn path(&self) -> PathBuf {
        Path::new(ETC_UNITS).join(self.name.as_str())
    }

    fn write(&self, tree: &Tree) -> Result<(), Failure> {
        for (index, drop_in) in self.unit.dropins.iter().flatten().enumerate() {
            // One without contents is none; an empty one may hide one of the image's.
            let Some(contents) = &drop_in.contents else { continue };
            let path = Path::new(ETC_UNITS).join(format!("{}.d", self.name)).join(&drop_in.name);
            write(tree, &format!("{}.dropins.{index}", self.at), &path, contents)?;
        }
        match self.unit.contents.as_deref() {
            Some(contents) if !contents.is_empty() => {
                write(tree, &format!("{}.contents", self.at), &self.path(), contents)
            }
            _ => Ok(()),
        }
    }

    fn mask(&self, tree: &Tree) -> Result<(), Failure> {
        let Some(mask) = self.unit.mask else { return Ok(()) };
        let change = || -> io::Result<()> {
            let path = tree.resolve(&self.path())?;
            let found = tree.look(&path)?;
            if mask {
                if found.is_some() {
                    tree.remove(&path)?;
                }
                return tree.symlink(&path, MASK);
            }
            let is_link = found.is_some_and(|found| found.kind == FileType::Symlink);
            if is_link && tree.link(&path)? == Path::new(MASK) { tree.remove(&path) } else { Ok(()) }
        };
        change().map_err(|error| {
            let doing = if mask { "mask" } else { "unmask" };
            Failure::new(
                format!("{}.mask", self.at),
                format!("cannot {doing} {}: {error}", self.name),
                LOOK_AT_DISK,
            )
        })
    }

    /// Enables or disables it. `lines` are those of the preset file, by what they are sorted by.
    fn enable(
        &self,
        tree: &Tree,
        lines: &mut BTreeMap<String, String>,
        tell: &mut dyn FnMut(String),
    ) -> Result<(), Failure> {
        let Some(enabled) = self.unit.enabled else { return Ok(()) };
        let at = format!("{}.enabled", self.at);
        let failed = |error: String| Failure::new(&at, error, LOOK_AT_DISK);
        // What another unit of the config brought about counts: the folders are looked at anew.
        let paths = UNIT_PATH.map(str::to_owned);
        let files = Installed::open(&tree.root().outside(Path::new("/")), &paths, RUN_TRANSIENT, &mut |_| ())
            .map_err(|error| failed(format!("{error:#}")))?;
        let name = &self.name;
        let install = |name: &UnitName| files.install(name);
        let one = std::slice::from_ref(name);
        if !enabled {
            let state = files.state(name);
            let changes = install::disable(&files.view, one, ETC_UNITS, &install);
            self.change(tree, &changes)?;
            if state.is_some_and(unit::install::FileState::is_enabled) {
                lines.insert(format!("{name}-disabled"), format!("disable {name}"));
            }
            return Ok(());
        }
        match install::enable(&files.view, one, ETC_UNITS, false, &install) {
            Ok(made) => {
                if !made.has_install {
                    tell(format!(
                        "{at}: unit {name} is enabled, but has no [Install] section, so that nothing starts it"
                    ));
                }
                self.change(tree, &made.changes)?;
            }
            // A unit that is masked as well is not started, as it says.
            Err(InstallError::Masked(..)) if self.unit.mask == Some(true) => {}
            Err(error) => tell(format!("{at}: unit {name} is not enabled: {}", reason(&files, name, error))),
        }
        let (key, word) = match (name.template(), name.instance()) {
            (Some(template), Some(instance)) => (template.to_string(), instance.to_owned()),
            _ => (name.to_string(), String::new()),
        };
        let line = lines.entry(format!("{key}-enabled")).or_insert_with(|| format!("enable {key}"));
        if !word.is_empty() {
            line.push(' ');
            line.push_str(&word);
        }
        Ok(())
    }

    fn change(&self, tree: &Tree, changes: &[Change]) -> Result<(), Failure> {
        for change in changes {
            let (path, done) = match change {
                Change::Link { path, to } => {
                    (path, tree.resolve(Path::new(path)).and_then(|path| tree.symlink(&path, to)))
                }
                Change::Remove { path } => {
                    (path, tree.resolve(Path::new(path)).and_then(|path| tree.remove(&path)))
                }
            };
            done.map_err(|error| {
                let cause = format!("cannot make or remove the link {path} of unit {}: {error}", self.name);
                Failure::new(format!("{}.enabled", self.at), cause, LOOK_AT_DISK)
            })?;
        }
        Ok(())
    }
}

/// Why a unit is not enabled, where that is no failure of the whole.
fn reason(files: &Installed, name: &UnitName, error: InstallError) -> String {
    match (files.view.place(name), error) {
        (Place::Missing, _) => "neither the image nor the config has its file".to_owned(),
        (_, error) => error.to_string(),
    }
}

fn write(tree: &Tree, at: &str, path: &Path, contents: &str) -> Result<(), Failure> {
    let write = || {
        let path = tree.resolve(path)?;
        tree.write(&path, contents.as_bytes(), Owner::default(), FILE_MODE)
    };
    write()
        .map_err(|error| Failure::new(at, format!("cannot write {}: {error}", path.display()), LOOK_AT_DISK))
}
