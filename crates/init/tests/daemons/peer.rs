//! What systemd itself says, by its own programs from the packages' tree.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use unit::text::syscall;

use crate::{root, tree};

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
