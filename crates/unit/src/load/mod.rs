//! Units from their files.

mod command;
mod common;
mod defaults;
mod implied;
mod install;
mod mount;
mod path;
mod service;
mod setter;
mod socket;
mod swap;
mod timer;

use std::sync::Arc;

use crate::directive::{self, Class};
use crate::model::{Install, Kind, Origin, Relation, Unit};
use crate::mount::{Mount, Mounted};
use crate::name::{NameError, UnitName, UnitType};
use crate::slice;
use crate::swap::Swap;
use crate::text::file::{self, Assignment, Source, Warning};
use crate::text::specifier::Host;
use setter::Setter;

pub use defaults::builtin;

/// The files of one unit, as found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitFiles {
    /// The main file, then its drop-ins in the order they apply. Empty where only links in
    /// `.wants` folders speak of the unit.
    pub sources: Vec<Source>,
    /// What the links in its folders of links name, and the relation that each is.
    pub links: Vec<(Relation, UnitName)>,
}

/// Why a unit could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no file of that name.
    #[error("unit {0} not found")]
    NotFound(UnitName),
    /// The unit is switched off: its file is a link to /dev/null, or empty.
    #[error("unit {0} is masked")]
    Masked(UnitName),
    /// A template, which must be given an instance.
    #[error("{0} is a template: name an instance, as in {1}")]
    Template(UnitName, String),
    /// A type that is not built.
    #[error("{name}: units of type {kind} are not supported yet")]
    Type {
        /// The unit.
        name: UnitName,
        /// Its type.
        kind: &'static str,
    },
    /// The file makes no unit.
    #[error("{name}: {reason}")]
    Bad {
        /// The unit.
        name: UnitName,
        /// What is wrong, with file and line where there is one.
        reason: String,
    },
    /// A file could not be read.
    #[error("{name}: cannot read {path}: {reason}")]
    Read {
        /// The unit.
        name: UnitName,
        /// The file.
        path: String,
        /// The error.
        reason: String,
    },
}

impl LoadError {
    /// Whether there is no such unit, rather than a broken one.
    pub fn is_absence(&self) -> bool {
        matches!(self, LoadError::NotFound(_) | LoadError::Masked(_))
    }
}

/// Makes a unit of its files.
///
/// # Errors
/// The unit's type is not built, it is a template, or its files lack what a unit of its type
/// needs. A bad value is no error: it is left out, with a warning.
pub fn load(name: &UnitName, files: &UnitFiles, host: &Host) -> Result<Unit, LoadError> {
    if name.is_template() {
        let example = format!("{}@NAME.{}", name.prefix(), name.kind().suffix());
        return Err(LoadError::Template(name.clone(), example));
    }
    let kind = match name.kind() {
        UnitType::Service => Kind::Service(Box::new(service::unset(name))),
        UnitType::Target => Kind::Target,
        UnitType::Socket => Kind::Socket(Box::new(socket::unset(name)?)),
        UnitType::Path => Kind::Path(Box::new(path::unset(name)?)),
        UnitType::Timer => Kind::Timer(Box::new(timer::unset(name)?)),
        UnitType::Mount => Kind::Mount(Box::new(Mount::unset(name, service::unset(name)))),
        UnitType::Swap => Kind::Swap(Box::new(Swap::unset(name, service::unset(name)))),
        UnitType::Slice => Kind::Slice(Box::default()),
        UnitType::Device => return fill(defaults::device(name), files, host),
        other => {
            return Err(LoadError::Type { name: name.clone(), kind: other.suffix() });
        }
    };
    fill(Unit::empty(name.clone(), kind), files, host)
}

/// Makes a unit of a built-in one and the drop-ins and links that add to it.
///
/// # Errors
/// There is no built-in unit of that name.
pub fn extend_builtin(name: &UnitName, files: &UnitFiles, host: &Host) -> Result<Unit, LoadError> {
    fill(builtin(name)?, files, host)
}

/// Makes the unit of something that is mounted and has no file.
///
/// # Errors
/// The path is too long to be a unit's name.
pub fn mounted(mounted: &Mounted) -> Result<Unit, NameError> {
    let name = crate::mount::unit_name(&mounted.place)?;
    let mut mount = Mount::unset(&name, service::unset(&name));
    mount.what.clone_from(&mounted.what);
    mount.kind = Some(mounted.kind.clone());
    mount.options = mounted.options.split(',').map(str::to_owned).collect();
    mount.call();
    let mut unit = Unit::empty(name, Kind::Mount(Box::new(mount)));
    unit.description.clone_from(&mounted.place);
    // It came without an order, and goes without one: when the system ends, `init` releases it.
    unit.default_dependencies = false;
    implied::add(&mut unit);
    Ok(unit)
}

/// What the `[Install]` sections of a unit's files say. The name may be a template's. Lines that do
/// not hold are left out, with a warning.
pub fn install_section(name: &UnitName, sources: &[Source], host: &Host) -> (Install, Vec<Warning>) {
    let mut install = Install::default();
    let mut warnings = Vec::new();
    for source in sources {
        let (assignments, _) = file::parse(source);
        for Assignment { section, key, value, at } in assignments {
            if section != "Install" || directive::class(&section, &key) != Some(Class::Done) {
                continue;
            }
            let setter = Setter { name, host, value: &value };
            if let Err(reason) = install::assign(&mut install, &setter, &key) {
                warnings.push(Warning { at, text: format!("{key}={value}: {reason}; the line is ignored") });
            }
        }
    }
    (install, warnings)
}

/// Applies files and links to a unit.
fn fill(mut unit: Unit, files: &UnitFiles, host: &Host) -> Result<Unit, LoadError> {
    let name = unit.name.clone();
    let mut seen = service::Seen::default();
    for source in &files.sources {
        unit.sources.push(Arc::clone(&source.path));
        let (assignments, warnings) = file::parse(source);
        unit.warnings.extend(warnings);
        for assignment in &assignments {
            assign(&mut unit, &mut seen, assignment, host);
        }
    }
    for (relation, other) in &files.links {
        unit.relate(*relation, other.clone(), Origin::Stated);
    }
    finish(&mut unit, &seen).map_err(|reason| LoadError::Bad { name, reason })?;
    implied::add(&mut unit);
    defaults::add(&mut unit);
    Ok(unit)
}

/// Sets what depends on several settings, and checks that the unit can do its work.
fn finish(unit: &mut Unit, seen: &service::Seen) -> Result<(), String> {
    let is_permanent = unit.is_permanent();
    let name = unit.name.clone();
    if let Some(processes) = unit.processes_mut() {
        service::imply_dynamic_user(&mut processes.exec, &name);
    }
    match &mut unit.kind {
        Kind::Service(service) => service::finish(service, seen),
        Kind::Socket(socket) => socket::finish(socket, &name, seen),
        Kind::Path(path) => path::finish(path),
        Kind::Timer(timer) => timer::finish(timer),
        Kind::Mount(_) if is_permanent => Ok(()),
        Kind::Mount(mount) => mount::finish(mount, &name),
        Kind::Swap(swap) => swap::finish(swap, &name),
        Kind::Slice(_) => slice::fault(&name).map_or(Ok(()), Err),
        Kind::Target | Kind::Device(_) => Ok(()),
    }
}

/// The section of a unit's own type.
fn own_section(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Service(_) => Some("Service"),
        Kind::Socket(_) => Some("Socket"),
        Kind::Path(_) => Some("Path"),
        Kind::Timer(_) => Some("Timer"),
        Kind::Mount(_) => Some("Mount"),
        Kind::Swap(_) => Some("Swap"),
        Kind::Slice(_) => Some("Slice"),
        Kind::Device(_) => Some("Device"),
        Kind::Target => None,
    }
}

/// Applies one assignment, or says why not.
fn assign(unit: &mut Unit, seen: &mut service::Seen, assignment: &Assignment, host: &Host) {
    let Assignment { section, key, value, at } = assignment;
    let is_private = |name: &str| name.starts_with("X-") || name.starts_with("x-");
    if is_private(section) || is_private(key) {
        return;
    }
    let mut warn = |text: String| {
        unit.warnings.push(Warning { at: at.clone(), text });
    };
    let fits = match section.as_str() {
        "Unit" | "Install" => true,
        other => own_section(&unit.kind) == Some(other),
    };
    if !fits {
        warn(format!(
            "section [{section}] has no meaning in a {} unit; {key}= is ignored",
            unit.name.kind().suffix()
        ));
        return;
    }
    match directive::class(section, key) {
        None => {
            warn(format!("unknown directive {key}= in [{section}] is ignored"));
            return;
        }
        Some(Class::Confines) if directive::is_optional(key, value) => {
            warn(format!("{key}= is not supported yet and is ignored"));
            return;
        }
        Some(Class::NotDone) => {
            warn(format!("{key}= is not supported yet and is ignored"));
            return;
        }
        Some(Class::Confines) => {
            // Emptied, or switched off, it asks for nothing that would be missing.
            if !value.is_empty() && crate::text::value::boolean(value) != Ok(false) {
                unit.refusals.push(Warning {
                    at: at.clone(),
                    text: format!(
                        "{key}= is not supported yet, and without it the service would be less \
                         confined than it asks to be; take the line out to run it so"
                    ),
                });
            }
            return;
        }
        Some(Class::Done) => {}
    }
    let setter = Setter { name: &unit.name.clone(), host, value };
    let outcome = match section.as_str() {
        "Unit" => common::assign(unit, &setter, key),
        "Install" => install::assign(&mut unit.install, &setter, key),
        _ => match &mut unit.kind {
            Kind::Socket(socket) => socket::assign(socket, seen, &setter, key),
            Kind::Path(path) => path::assign(path, &setter, key),
            Kind::Timer(timer) => timer::assign(timer, &setter, key),
            Kind::Mount(mount) => mount::assign(mount, seen, &setter, key),
            Kind::Swap(swap) => swap::assign(swap, seen, &setter, key),
            Kind::Slice(limits) => service::limit(limits, &setter, key),
            Kind::Device(_) => Err(format!("{key}= has no code behind it")),
            Kind::Service(_) | Kind::Target => service::assign(unit, seen, &setter, key),
        },
    };
    if let Err(reason) = outcome {
        let ignored = if reason.ends_with(setter::REST_HOLDS) { "" } else { "; the line is ignored" };
        unit.warnings.push(Warning { at: at.clone(), text: format!("{key}={value}: {reason}{ignored}") });
    }
}
