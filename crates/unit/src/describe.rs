//! What unit files come to, as data for people and programs: each setting after drop-ins, resets,
//! specifiers and quoting.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::load::UnitFiles;
use crate::model::{Kind, Relation, Unit};
use crate::name::UnitName;
use crate::service::config::ExecList;
use crate::text::expand;
use crate::text::file;
use crate::text::specifier::{self, Host};
use crate::text::words::{self, Backslash};

/// A setting's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Of a setting that holds one thing.
    One(String),
    /// Of one that each line adds to.
    Many(Vec<String>),
    /// Commands, each the arguments of its process.
    Commands(Vec<Vec<String>>),
}

/// Settings by section and name.
pub type Sections = BTreeMap<String, BTreeMap<String, Value>>;

/// Settings beside the relations that each line adds words to, and an empty one resets.
const WORD_LISTS: [&str; 14] = [
    "Documentation",
    "RequiresMountsFor",
    "WantedBy",
    "RequiredBy",
    "Alias",
    "Also",
    "Environment",
    "PassEnvironment",
    "UnsetEnvironment",
    "SupplementaryGroups",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "InaccessiblePaths",
    "Symlinks",
];
/// Settings of which each line is one more value.
const LINE_LISTS: [&str; 19] = [
    "EnvironmentFile",
    "ListenStream",
    "ListenDatagram",
    "ListenSequentialPacket",
    "ListenFIFO",
    "ListenNetlink",
    "OnCalendar",
    "OnActiveSec",
    "OnBootSec",
    "OnStartupSec",
    "OnUnitActiveSec",
    "OnUnitInactiveSec",
    "PathExists",
    "PathExistsGlob",
    "PathChanged",
    "PathModified",
    "DirectoryNotEmpty",
    "SystemCallFilter",
    "CapabilityBoundingSet",
];

/// The settings of a unit as its files come to, `unit` being what was loaded of them. Commands are
/// expanded under the unit's own `Environment=`.
pub fn sections(name: &UnitName, unit: &Unit, files: &UnitFiles, host: &Host) -> Sections {
    let mut sections = Sections::new();
    let expanded = |text: &str| specifier::expand(text, name, host).unwrap_or_else(|_| text.to_owned());
    for assignment in files.sources.iter().flat_map(|source| file::parse(source).0) {
        let settings = sections.entry(assignment.section.clone()).or_default();
        let key = assignment.key.as_str();
        if key.starts_with("Exec") {
            continue;
        }
        let conditions = ["Condition", "Assert"].iter().any(|prefix| key.starts_with(prefix));
        let words = WORD_LISTS.contains(&key) || Relation::of_directive(key).is_some();
        if assignment.value.is_empty() {
            settings.remove(key);
        } else if words || conditions || LINE_LISTS.contains(&key) {
            let entry = settings.entry(key.to_owned()).or_insert(Value::Many(Vec::new()));
            if let Value::Many(list) = entry {
                match words::split(&assignment.value, Backslash::CEscape) {
                    Ok(split) if words => list.extend(split.iter().map(|word| expanded(word))),
                    _ => list.push(expanded(&assignment.value)),
                }
            }
        } else {
            settings.insert(key.to_owned(), Value::One(expanded(&assignment.value)));
        }
    }
    if let Some((section, commands)) = commands(unit) {
        sections.entry(section.to_owned()).or_default().extend(commands);
    }
    sections
}

/// The commands that a unit states, by directive, and the section of them. Those of mounts and swap
/// follow from other settings.
fn commands(unit: &Unit) -> Option<(&'static str, BTreeMap<String, Value>)> {
    let (section, service) = match &unit.kind {
        Kind::Service(service) => ("Service", service.as_ref()),
        Kind::Socket(socket) => ("Socket", &socket.helper),
        _ => return None,
    };
    let environment: BTreeMap<String, String> = service.exec.environment.iter().cloned().collect();
    let lists = ExecList::ALL.into_iter().filter(|list| !service.commands.list(*list).is_empty());
    let commands = lists.map(|list| {
        let arguments = service.commands.list(list).iter().map(|command| match command.literal {
            true => command.argv.clone(),
            false => expand::arguments(&command.argv, &environment).0,
        });
        let directive = match (section, list) {
            ("Socket", ExecList::Stop) => "ExecStopPre",
            _ => list.directive(),
        };
        (directive.to_owned(), Value::Commands(arguments.collect()))
    });
    Some((section, commands.collect()))
}
