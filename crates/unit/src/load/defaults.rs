//! Default dependencies, and the units that are there without a file (systemd.special(7)).

use crate::device;
use crate::load::{LoadError, implied};
use crate::model::{Kind, Origin, Relation, Unit};
use crate::mount::{DEVICE_PATIENCE, Mount};
use crate::name::{UnitName, UnitType};
use crate::text::escape::unescape_path;

/// The targets that units order themselves by. A file of the same name replaces one.
/// Each with its description, what it requires, and what it wants.
const TARGETS: [(&str, &str, &[&str], &[&str]); 25] = [
    ("sysinit.target", "System Initialization", &[], &["local-fs.target", "swap.target"]),
    (
        "basic.target",
        "Basic System",
        &["sysinit.target"],
        &["sockets.target", "paths.target", "timers.target"],
    ),
    ("multi-user.target", "Multi-User System", &["basic.target"], &[]),
    ("rescue.target", "Rescue Mode", &["sysinit.target"], &[]),
    ("emergency.target", "Emergency Mode", &[], &[]),
    ("local-fs-pre.target", "Preparation for Local File Systems", &[], &[]),
    ("local-fs.target", "Local File Systems", &[], &[]),
    ("remote-fs-pre.target", "Preparation for Remote File Systems", &[], &[]),
    ("remote-fs.target", "Remote File Systems", &[], &[]),
    ("network-pre.target", "Preparation for Network", &[], &[]),
    ("network.target", "Network", &[], &[]),
    ("network-online.target", "Network is Online", &[], &[]),
    ("nss-lookup.target", "Host and Network Name Lookups", &[], &[]),
    ("nss-user-lookup.target", "User and Group Name Lookups", &[], &[]),
    ("time-set.target", "System Time Set", &[], &[]),
    ("time-sync.target", "System Time Synchronized", &[], &[]),
    ("sockets.target", "Socket Units", &[], &[]),
    ("paths.target", "Path Units", &[], &[]),
    ("timers.target", "Timer Units", &[], &[]),
    ("slices.target", "Slice Units", &[], &[]),
    ("swap.target", "Swaps", &[], &[]),
    ("umount.target", "Unmount All File Systems", &[], &[]),
    ("boot-complete.target", "Boot Completion Check", &["multi-user.target"], &[]),
    ("shutdown.target", "System Shutdown", &[], &[]),
    ("graphical.target", "Graphical Interface", &["multi-user.target"], &[]),
];

/// The built-in targets that may be isolated.
const ISOLATABLE: [&str; 4] = ["multi-user.target", "graphical.target", "rescue.target", "emergency.target"];

/// Targets that order what others do rather than wait for all that they name: they get no
/// implied order after the basic system.
const SHUTDOWN: &str = "shutdown.target";

/// What mounts and swap are to be gone before.
const UMOUNT: &str = "umount.target";

/// The built-in unit of that name, where there is one: a target that others order themselves by,
/// any slice, the root file system.
///
/// # Errors
/// There is no built-in unit of that name.
pub fn builtin(name: &UnitName) -> Result<Unit, LoadError> {
    let mut unit = match name.kind() {
        UnitType::Slice => slice(name)?,
        UnitType::Device => device(name),
        UnitType::Mount if name.stem() == "-" => root_mount(name),
        _ => target(name)?,
    };
    implied::add(&mut unit);
    add(&mut unit);
    Ok(unit)
}

fn target(name: &UnitName) -> Result<Unit, LoadError> {
    let (_, description, requires, wants) = TARGETS
        .iter()
        .find(|(known, ..)| *known == name.as_str())
        .ok_or_else(|| LoadError::NotFound(name.clone()))?;
    let mut unit = Unit::empty(name.clone(), Kind::Target);
    unit.description = (*description).to_owned();
    for (relation, others) in [(Relation::Requires, requires), (Relation::Wants, wants)] {
        for other in others.iter().filter_map(|other| UnitName::parse(other).ok()) {
            unit.relate(relation, other, Origin::Stated);
        }
    }
    // The shutdown targets must not conflict with themselves.
    unit.default_dependencies = ![SHUTDOWN, UMOUNT].contains(&name.as_str());
    unit.allow_isolate = ISOLATABLE.contains(&name.as_str());
    Ok(unit)
}

fn slice(name: &UnitName) -> Result<Unit, LoadError> {
    if let Some(reason) = crate::slice::fault(name) {
        return Err(LoadError::Bad { name: name.clone(), reason });
    }
    let mut unit = Unit::empty(name.clone(), Kind::Slice(Box::default()));
    unit.description = match name.stem() {
        "-" => "Root Slice".to_owned(),
        stem => format!("Slice {}", unescape_path(stem)),
    };
    unit.default_dependencies = !unit.is_permanent();
    Ok(unit)
}

/// The unit of a device that may be there or not. It comes by itself, or is waited for.
pub(super) fn device(name: &UnitName) -> Unit {
    let mut unit = Unit::empty(name.clone(), Kind::Device(Box::default()));
    unit.description = device::path_of(name);
    unit.default_dependencies = false;
    unit.job_timeout = Some(DEVICE_PATIENCE);
    unit
}

fn root_mount(name: &UnitName) -> Unit {
    let mount = Mount::unset(name, super::service::unset(name));
    let mut unit = Unit::empty(name.clone(), Kind::Mount(Box::new(mount)));
    unit.description = "Root File System".to_owned();
    unit.default_dependencies = false;
    unit
}

/// Adds the dependencies that a unit of its type has unless it says otherwise.
pub(crate) fn add(unit: &mut Unit) {
    if !unit.default_dependencies || unit.is_permanent() {
        return;
    }
    if matches!(unit.kind, Kind::Target) {
        order_after_members(unit);
    }
    for (relation, other) in of_kind(&unit.kind) {
        if let Ok(other) = UnitName::parse(other)
            && other != unit.name
        {
            unit.relate(relation, other, Origin::Default);
        }
    }
}

fn of_kind(kind: &Kind) -> Vec<(Relation, &'static str)> {
    use Relation::{After, Before, Conflicts, Requires};
    let mut out = match kind {
        Kind::Service(_) | Kind::Socket(_) | Kind::Path(_) | Kind::Timer(_) => {
            vec![(Requires, "sysinit.target"), (After, "sysinit.target")]
        }
        Kind::Mount(mount) => return of_mount(mount),
        Kind::Swap(swap) => {
            let mut out = vec![(Conflicts, UMOUNT), (Before, UMOUNT)];
            if !swap.has_option("nofail") && !swap.has_option("noauto") {
                out.push((Before, "swap.target"));
            }
            return out;
        }
        Kind::Target | Kind::Device(_) | Kind::Slice(_) => Vec::new(),
    };
    match kind {
        Kind::Service(_) => out.push((After, "basic.target")),
        Kind::Socket(_) => out.push((Before, "sockets.target")),
        Kind::Path(_) => out.push((Before, "paths.target")),
        Kind::Timer(timer) => {
            out.push((Before, "timers.target"));
            // What goes by the calendar goes by a clock that is right, where anything sets it.
            if timer.has_calendar() {
                out.extend([(After, "time-set.target"), (After, "time-sync.target")]);
            }
        }
        _ => {}
    }
    out.extend([(Conflicts, SHUTDOWN), (Before, SHUTDOWN)]);
    out
}

/// A mount comes before the target of its sort, unless the machine can do without it.
fn of_mount(mount: &Mount) -> Vec<(Relation, &'static str)> {
    use Relation::{After, Before, Conflicts, Wants};
    let mut out = vec![(Conflicts, UMOUNT), (Before, UMOUNT)];
    let target = match mount.is_network() {
        true => {
            out.extend([(After, "remote-fs-pre.target"), (After, "network.target")]);
            out.extend([(Wants, "network-online.target"), (After, "network-online.target")]);
            "remote-fs.target"
        }
        false => {
            out.push((After, "local-fs-pre.target"));
            "local-fs.target"
        }
    };
    if !mount.has_option("nofail") {
        out.push((Before, target));
    }
    if mount.kind.as_deref() == Some("tmpfs") {
        out.push((After, "swap.target"));
    }
    out
}

/// A target is reached when what it pulls in is there, unless that says it comes later, or wants
/// no default dependencies itself (which `graph` sees to: only it knows both).
fn order_after_members(unit: &mut Unit) {
    let pulls = [Relation::Requires, Relation::Wants, Relation::BindsTo, Relation::Requisite];
    let members: Vec<UnitName> = pulls
        .iter()
        .flat_map(|relation| unit.related(*relation))
        .filter(|member| !unit.relations.contains_key(&(Relation::Before, (*member).clone())))
        .cloned()
        .collect();
    for member in members {
        unit.relate(Relation::After, member, Origin::Default);
    }
}
