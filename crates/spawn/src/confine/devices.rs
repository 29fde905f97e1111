//! The devices that a service may use, by number.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use sys::device_filter::{Allowed, DeviceType};
use unit::service::sandbox::{DeviceName, DevicePolicy, Sandbox};
use unit::text::glob;

/// Read, write and make nodes.
const ALL: u32 = 7;
/// What every program may use: null, zero, full, random, urandom, tty, ptmx, and all of pts (the
/// kernel's devices.txt).
const EVERYBODYS: [(u32, Option<u32>); 8] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(2)),
    (136, None),
];

/// What a service may use; none where it may use everything.
pub fn devices(sandbox: &Sandbox) -> Option<Vec<Allowed>> {
    if !sandbox.limits_devices() {
        return None;
    }
    let mut list = Vec::new();
    if sandbox.device_policy() != DevicePolicy::Strict {
        list.extend(EVERYBODYS.map(|(major, minor)| Allowed {
            kind: DeviceType::Char,
            major: Some(major),
            minor,
            access: ALL,
        }));
    }
    let drivers = fs::read_to_string("/proc/devices").unwrap_or_default();
    for rule in sandbox.device_rules() {
        let access = rule.access;
        match &rule.which {
            DeviceName::Path(path) => list.extend(node(path, access)),
            DeviceName::Char(name) => {
                let majors = majors(&drivers, "Character devices:", name);
                list.extend(majors.map(|major| of_driver(DeviceType::Char, major, access)));
            }
            DeviceName::Block(name) => {
                let majors = majors(&drivers, "Block devices:", name);
                list.extend(majors.map(|major| of_driver(DeviceType::Block, major, access)));
            }
        }
    }
    Some(list)
}

fn of_driver(kind: DeviceType, major: u32, access: u32) -> Allowed {
    Allowed { kind, major: Some(major), minor: None, access }
}

/// A node's device. One that is not there cannot be used either.
fn node(path: &str, access: u32) -> Option<Allowed> {
    let metadata = fs::metadata(path).ok()?;
    let kind = match metadata.file_type() {
        kind if kind.is_char_device() => DeviceType::Char,
        kind if kind.is_block_device() => DeviceType::Block,
        _ => return None,
    };
    let number = metadata.rdev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    Some(Allowed { kind, major: Some(major), minor: Some(minor), access })
}

/// The major numbers of the drivers that a pattern names, in one part of /proc/devices (proc(5)).
fn majors<'a>(drivers: &'a str, part: &str, pattern: &'a str) -> impl Iterator<Item = u32> + 'a {
    let start = drivers.find(part).map_or(drivers.len(), |at| at + part.len());
    let lines = drivers[start..].lines().skip(1).take_while(|line| !line.trim().is_empty());
    lines.filter_map(move |line| {
        let (major, name) = line.trim().split_once(' ')?;
        glob::matches(pattern, name).then(|| major.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_found_in_their_part() {
        let text = "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n 65 sd\n254 virtblk\n";
        let found = |part, pattern| majors(text, part, pattern).collect::<Vec<_>>();
        assert_eq!(found("Character devices:", "pts"), [136]);
        assert_eq!(found("Block devices:", "sd"), [8, 65]);
        assert_eq!(found("Block devices:", "*"), [8, 65, 254]);
        assert_eq!(found("Character devices:", "sd"), [0; 0]);
    }
}
