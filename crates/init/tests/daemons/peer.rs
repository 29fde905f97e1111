//! What systemd itself says, by its own programs from the packages' tree.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use unit::UnitName;
use unit::security::{assess, tenths};
use unit::text::specifier::Host;
use unit::text::syscall;
use unit_files::Catalog;

use crate::{DAEMONS, UNITS, root, tree};

/// Runs a program of the tree; none where there is no tree, or no power to enter it.
fn run(arguments: &[&str]) -> Option<String> {
    let tree = tree().filter(|_| root::is_root())?;
    let output = Command::new("chroot").arg(tree).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn groups_of_system_calls_hold_what_systemds_hold() {
    let Some(text) = run(&["systemd-analyze", "syscall-filter", "--no-pager"]) else { return };
    let mut theirs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut group = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line.trim() {
            name if !line.starts_with(' ') && name.starts_with('@') => group = name,
            comment if comment.starts_with('#') => {}
            member => theirs.entry(group).or_default().push(member),
        }
    }
    fn calls(groups: &BTreeMap<&str, Vec<&str>>, name: &str) -> BTreeSet<u32> {
        let members = groups.get(name).into_iter().flatten();
        members
            .flat_map(|member| match member.starts_with('@') {
                true => calls(groups, member),
                false => syscall::number(member).into_iter().collect(),
            })
            .collect()
    }
    // Of all that it knows no list is kept here.
    let groups: Vec<&str> = theirs.keys().copied().filter(|group| *group != "@known").collect();
    assert!(groups.len() > 25, "{groups:?}");
    for group in groups {
        let ours: BTreeSet<u32> = syscall::group(group).unwrap_or_default().into_iter().collect();
        assert_eq!(ours, calls(&theirs, group), "{group}");
    }
}

/// What systemd 257 counts wrong without a running system: that a service's mounts are its own, unless its
/// file says in so many words that they are not.
const MISCOUNTED: &str = "PrivateMounts";

#[test]
fn services_are_as_exposed_as_systemd_says() {
    let Some(tree) = tree().filter(|_| root::is_root()) else { return };
    let catalog = Catalog::list(&[tree.join(UNITS)]);
    let mut wrong = Vec::new();
    let mut compared = 0;
    for daemon in DAEMONS {
        let path = format!("/{UNITS}/{daemon}");
        // Of a template systemd takes the file of no instance.
        if !tree.join(UNITS).join(daemon).exists() {
            continue;
        }
        let said =
            run(&["systemd-analyze", "security", "--offline=yes", "--no-pager", "--json=short", &path]);
        let theirs: Vec<Value> = serde_json::from_str(&said.unwrap()).unwrap();
        let name = UnitName::parse(daemon).unwrap();
        let files = catalog.files(&name).unwrap();
        let ours = assess(&unit::load::load(&name, &files, &Host::default()).unwrap()).unwrap();
        assert_eq!(theirs.len(), ours.findings.len(), "{daemon}");
        for row in theirs.iter().filter(|row| row["json_field"] != MISCOUNTED) {
            let finding = ours.findings.iter().find(|finding| row["json_field"] == finding.field).unwrap();
            assert_eq!(row["name"], finding.name);
            let set = finding.badness.map_or(Value::Null, |badness| Value::Bool(badness == 0));
            let exposure = finding.exposure.map_or(Value::Null, |part| Value::String(tenths(part)));
            if row["set"] != set || row["exposure"] != exposure {
                wrong.push(format!("{daemon}: {} is {set} {exposure}, not {row}", finding.name));
            }
        }
        compared += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 40, "{compared} daemons");
}
