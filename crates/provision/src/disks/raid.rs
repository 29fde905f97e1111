//! RAID arrays.

use std::path::Path;

use ignition::config;

use super::{Context, at};
use crate::device::Device;
use crate::failure::Failure;
use crate::programs::mdadm::{self, Member, New, plain_level};

/// The levels of arrays that the kernel runs now.
const RUNNING: &str = "/proc/mdstat";

/// The device of an array.
pub fn device_of(raid: &config::Raid) -> String {
    if raid.name.starts_with("/dev/") { raid.name.clone() } else { format!("/dev/md/{}", raid.name) }
}

/// Has the kernel know the levels that the config names: before anything is done to a disk.
///
/// # Errors
/// It does not have one.
pub fn load_levels(raids: &[config::Raid]) -> Result<(), Failure> {
    if raids.is_empty() {
        return Ok(());
    }
    let mut modules = kmod::Modules::open();
    let mut load = |name: &str| drop(modules.load(name));
    load("md_mod");
    for (index, raid) in raids.iter().enumerate() {
        let level = plain_level(raid.level.as_deref().unwrap_or_default());
        load(module_of(&level));
        let running = std::fs::read_to_string(RUNNING).unwrap_or_default();
        if !has_level(&running, &level) {
            let cause = format!("this system's kernel has no RAID of level {level}");
            let next = "level raid0, raid1, raid4, raid5, raid6 or raid10";
            return Err(Failure::new(format!("$.storage.raid.{index}.level"), cause, next));
        }
    }
    Ok(())
}

fn module_of(level: &str) -> &str {
    match level {
        "raid4" | "raid5" | "raid6" => "raid456",
        level => level,
    }
}

fn has_level(mdstat: &str, level: &str) -> bool {
    let personalities = mdstat.lines().find_map(|line| line.strip_prefix("Personalities :"));
    personalities.is_some_and(|names| names.split_whitespace().any(|name| name == format!("[{level}]")))
}

/// Has the array of the config's place `index` run on its members.
///
/// # Errors
/// It cannot be made, or must not.
pub fn apply(
    index: usize,
    raid: &config::Raid,
    members: &[Device],
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let path = format!("$.storage.raid.{index}");
    let device = device_of(raid);
    let nodes: Vec<String> =
        members.iter().map(|member| member.node.to_string_lossy().into_owned()).collect();
    let spares = usize::try_from(raid.spares.unwrap_or(0)).unwrap_or(usize::MAX);
    if spares >= members.len() {
        let cause = format!("{spares} of {} devices are spares: none is left", members.len());
        return Err(Failure::new(format!("{path}.spares"), cause, "fewer spares, or more devices"));
    }
    let failed = at(&path, "check the devices and the options");
    let found: Vec<Option<Member>> = members.iter().map(|member| mdadm::examine(&member.node)).collect();
    let level = raid.level.as_deref().unwrap_or_default();
    let is_there = is_the_same(&found, &device, level, members.len() - spares);
    if is_there && Path::new(&device).exists() {
        context.tell(&format!("{path}: {device} runs already"));
        return Ok(());
    }
    for (at, member) in members.iter().enumerate() {
        let reason = match (member.label_of_image(context.names), member.in_use()) {
            (Some(label), _) => Some(format!("it is {label} of the boot disk")),
            (None, Some(user)) => Some(format!("it is {user}")),
            (None, None) => {
                let count = member.partitions().len();
                (count > 0).then(|| format!("it has {count} partitions"))
            }
        };
        if let Some(reason) = reason {
            let cause = format!("{} cannot be a part of {device}: {reason}", member.node.display());
            return Err(Failure::new(
                format!("{path}.devices.{at}"),
                cause,
                "another device, or a partition of it",
            ));
        }
    }
    if is_there {
        // As it is with file systems: what is as the config says is used as it is.
        mdadm::assemble(&device, &nodes).map_err(&failed)?;
        context.tell(&format!("{path}: {device} is there already"));
    } else {
        let options = raid.options.as_deref().unwrap_or_default();
        New { device: &device, level, spares, options }.create(&nodes).map_err(&failed)?;
        context.tell(&format!("{path}: {device} is made of {}", nodes.join(", ")));
    }
    Ok(())
}

/// Whether all members are in one array, which is the one that the config wants.
fn is_the_same(members: &[Option<Member>], device: &str, level: &str, active: usize) -> bool {
    let Some(Some(first)) = members.first() else { return false };
    let name = device.rsplit('/').next().unwrap_or(device);
    let is_one = members.iter().all(|member| member.as_ref().is_some_and(|member| member.uuid == first.uuid));
    is_one && first.name == name && first.level == plain_level(level) && first.devices == active
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_that_is_there_is_used_if_it_is_the_one() {
        let member = |uuid: &str| {
            Some(Member { uuid: uuid.into(), name: "data".into(), level: "raid1".into(), devices: 2 })
        };
        let both = [member("1"), member("1")];
        for (members, device, level, active, expected) in [
            (both.as_slice(), "/dev/md/data", "1", 2, true),
            (&both, "/dev/md/data", "raid1", 3, false),
            (&both, "/dev/md/data", "raid0", 2, false),
            (&both, "/dev/md/other", "raid1", 2, false),
            (&[member("1"), None], "/dev/md/data", "raid1", 2, false),
            (&[member("1"), member("2")], "/dev/md/data", "raid1", 2, false),
            (&[], "/dev/md/data", "raid1", 0, false),
        ] {
            assert_eq!(is_the_same(members, device, level, active), expected, "{members:?} {device} {level}");
        }
    }

    #[test]
    fn the_kernel_says_which_levels_it_has() {
        let text = "Personalities : [raid1] [raid6] [raid5] [raid4] \nunused devices: <none>\n";
        for (level, expected) in [("raid1", true), ("raid5", true), ("raid0", false), ("linear", false)] {
            assert_eq!(has_level(text, level), expected, "{level}");
        }
        assert!(!has_level("", "raid1"));
    }
}
