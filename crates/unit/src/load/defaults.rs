//! Default dependencies, and the targets that are there without a file (systemd.special(7)).

use crate::load::LoadError;
use crate::model::{Kind, Origin, Relation, Unit};
use crate::name::UnitName;

/// The targets that units order themselves by. A file of the same name replaces one.
/// Each with its description, what it requires, and what it wants.
const TARGETS: [(&str, &str, &[&str], &[&str]); 22] = [
    ("sysinit.target", "System Initialization", &[], &["local-fs.target"]),
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
    ("boot-complete.target", "Boot Completion Check", &["multi-user.target"], &[]),
    ("shutdown.target", "System Shutdown", &[], &[]),
    ("graphical.target", "Graphical Interface", &["multi-user.target"], &[]),
];

/// The built-in targets that may be isolated.
const ISOLATABLE: [&str; 4] = ["multi-user.target", "graphical.target", "rescue.target", "emergency.target"];

/// Targets that order what others do rather than wait for all that they name: they get no
/// implied order after the basic system.
const SHUTDOWN: &str = "shutdown.target";

/// The built-in target of that name, where there is one.
///
/// # Errors
/// The unit is not a built-in target.
pub fn builtin_target(name: &UnitName) -> Result<Unit, LoadError> {
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
    unit.default_dependencies = name.as_str() != SHUTDOWN;
    unit.allow_isolate = ISOLATABLE.contains(&name.as_str());
    add(&mut unit);
    Ok(unit)
}

/// Adds the dependencies that a unit of its type has unless it says otherwise.
pub(crate) fn add(unit: &mut Unit) {
    if !unit.default_dependencies {
        return;
    }
    if matches!(unit.kind, Kind::Target) {
        order_after_members(unit);
    }
    let relations: &[(Relation, &str)] = match unit.kind {
        Kind::Service(_) => &[
            (Relation::Requires, "sysinit.target"),
            (Relation::After, "sysinit.target"),
            (Relation::After, "basic.target"),
            (Relation::Conflicts, SHUTDOWN),
            (Relation::Before, SHUTDOWN),
        ],
        Kind::Target => &[(Relation::Conflicts, SHUTDOWN), (Relation::Before, SHUTDOWN)],
    };
    for (relation, other) in relations {
        if let Ok(other) = UnitName::parse(other)
            && other != unit.name
        {
            unit.relate(*relation, other, Origin::Default);
        }
    }
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
