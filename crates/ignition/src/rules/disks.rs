//! Disks, partitions, RAID and file systems.

use super::{Rules, filled, list, path};
use crate::config::{Disk, Filesystem, Partition, Raid, Storage};
use std::collections::{HashMap, HashSet};

/// How many partitions a table holds that is of the usual size (UEFI, 5.3.2).
const PARTITIONS_MAX: usize = 128;

impl Rules {
    pub fn disks(&mut self, storage: &Storage) {
        let (disks, raids) = (list(&storage.disks), list(&storage.raid));
        self.unique("$.storage.disks", disks);
        for (index, disk) in disks.iter().enumerate() {
            self.disk(&format!("$.storage.disks.{index}"), disk);
        }
        self.unique("$.storage.raid", raids);
        for (index, raid) in raids.iter().enumerate() {
            self.raid(&format!("$.storage.raid.{index}"), raid);
        }
        let filesystems = list(&storage.filesystems);
        let by_device: HashMap<&str, &Disk> = disks.iter().map(|disk| (&*disk.device, disk)).collect();
        self.unique("$.storage.filesystems", filesystems);
        for (index, filesystem) in filesystems.iter().enumerate() {
            let at = format!("$.storage.filesystems.{index}");
            self.filesystem(&at, filesystem);
            let Some(disk) = by_device.get(&*filesystem.device) else { continue };
            if !list(&disk.partitions).is_empty() {
                let message =
                    "the file system takes the whole disk, over the partitions that this config makes there";
                self.warn(format!("{at}.device"), message);
            } else if filesystem.wipe_filesystem != Some(true) && disk.wipe_table == Some(true) {
                let message =
                    "wipeTable of this disk removes what file system it has, whatever wipeFilesystem says";
                self.warn(format!("{at}.device"), message);
            }
        }
    }

    fn disk(&mut self, at: &str, disk: &Disk) {
        let partitions = list(&disk.partitions);
        self.unique(&format!("{at}.partitions"), partitions);
        for (index, partition) in partitions.iter().enumerate() {
            self.partition(&format!("{at}.partitions.{index}"), partition);
        }
        if disk.device.is_empty() {
            self.error(format!("{at}.device"), "the disk has no device");
            return;
        }
        self.hold(format!("{at}.device"), path(&disk.device));
        if partitions.len() > PARTITIONS_MAX {
            let message = format!(
                "the disk has {} partitions, a table holds {PARTITIONS_MAX} at most",
                partitions.len()
            );
            self.error(format!("{at}.partitions"), message);
        } else if let Some(index) = overlap(partitions) {
            let message = "the partition and another one of this disk overlap";
            self.error(format!("{at}.partitions.{index}"), message);
        }
        let gone = partitions.iter().any(|partition| partition.should_exist == Some(false));
        if gone && partitions.iter().any(|partition| number(partition) == 0) {
            let message = "where one partition is removed (shouldExist false), all others need a number, lest one that \
                           is found by its place or label be another";
            self.error(format!("{at}.partitions"), message);
        }
        let mut labels = HashSet::new();
        let again = |partition: &Partition| {
            partition.label.as_deref().is_some_and(|label| !labels.insert(label.to_owned()))
        };
        if let Some(index) = partitions.iter().position(again) {
            self.error(
                format!("{at}.partitions.{index}"),
                "another partition of this disk has the same label",
            );
        }
    }

    fn partition(&mut self, at: &str, partition: &Partition) {
        let described = partition.label.is_some()
            || filled(&partition.type_guid).is_some()
            || filled(&partition.guid).is_some()
            || partition.start_mib.is_some()
            || partition.size_mib.is_some();
        if partition.should_exist == Some(false) && described {
            let message = "shouldExist is false, so that nothing but the number can be given";
            self.error(at, message);
        }
        if number(partition) == 0 && partition.label.is_none() {
            self.error(at, "the partition has neither a number nor a label");
        }
        if let Some(label) = &partition.label {
            let found = match label.len() {
                37.. => Err(format!("a partition's label has at most 36 bytes, this has {}", label.len())),
                _ if label.contains(':') => Err("a partition's label has no colon".to_owned()),
                _ => Ok(()),
            };
            self.hold(format!("{at}.label"), found);
        }
        self.hold(format!("{at}.guid"), guid(&partition.guid));
        self.hold(format!("{at}.typeGuid"), guid(&partition.type_guid));
    }

    fn raid(&mut self, at: &str, raid: &Raid) {
        let spares = raid.spares.unwrap_or_default();
        let level = match filled(&raid.level) {
            None => Err("the array has no level".to_owned()),
            Some("linear" | "raid0" | "0" | "stripe") if spares != 0 => {
                Err("an array of this level has no use for spares".to_owned())
            }
            Some(
                "linear" | "raid0" | "0" | "stripe" | "raid1" | "1" | "mirror" | "raid4" | "4" | "raid5"
                | "5" | "raid6" | "6" | "raid10" | "10",
            ) => Ok(()),
            Some(level) => Err(format!(
                "the level {level:?} is not known: linear, raid0, raid1, raid4, raid5, raid6 and raid10 are"
            )),
        };
        self.hold(format!("{at}.level"), level);
        let devices = list(&raid.devices);
        if devices.is_empty() {
            self.error(format!("{at}.devices"), "the array has no devices");
        }
        self.unique(&format!("{at}.devices"), devices);
        for (index, device) in devices.iter().enumerate() {
            self.hold(format!("{at}.devices.{index}"), path(device));
        }
    }

    fn filesystem(&mut self, at: &str, filesystem: &Filesystem) {
        if let Some(text) = filled(&filesystem.path) {
            self.hold(format!("{at}.path"), path(text));
        }
        self.hold(format!("{at}.device"), path(&filesystem.device));
        let described = filled(&filesystem.path).is_some()
            || filled(&filesystem.label).is_some()
            || filled(&filesystem.uuid).is_some()
            || filesystem.wipe_filesystem == Some(true)
            || !list(&filesystem.mount_options).is_empty()
            || !list(&filesystem.options).is_empty();
        let format = match filled(&filesystem.format) {
            None if described => {
                Err("the file system has no format, which what else is said of it needs".to_owned())
            }
            None | Some("ext4" | "btrfs" | "xfs" | "swap" | "vfat") => Ok(()),
            Some("none") if self.minor >= 3 => Ok(()),
            Some("none") => Err("the format none came with version 3.3.0".to_owned()),
            Some(format) => {
                Err(format!("the format {format:?} is not known: ext4, xfs, vfat, swap, btrfs and none are"))
            }
        };
        self.hold(format!("{at}.format"), format);
        let Some(label) = filled(&filesystem.label) else { return };
        let limit = match filled(&filesystem.format) {
            None => {
                self.error(format!("{at}.label"), "a label is given, but no format");
                return;
            }
            Some("ext4") => 16,
            Some("btrfs") => 256,
            Some("xfs") => 12,
            Some("swap") => 15,
            Some("vfat") => 11,
            Some(_) => return,
        };
        if label.len() > limit {
            let format = filesystem.format.as_deref().unwrap_or_default();
            let message = format!("a label of {format} has at most {limit} bytes, this has {}", label.len());
            self.error(format!("{at}.label"), message);
        }
    }
}

/// 0 is the next that is free.
fn number(partition: &Partition) -> i64 {
    partition.number.unwrap_or_default()
}

/// The first partition that another one overlaps, of those whose place is told.
fn overlap(partitions: &[Partition]) -> Option<usize> {
    // A size of 0 is all there is: how much is not known, so that only the start counts.
    let placed: Vec<(usize, i64, i64)> = partitions
        .iter()
        .enumerate()
        .filter_map(|(index, partition)| match (partition.start_mib, partition.size_mib) {
            (None | Some(0), _) | (_, None) => None,
            (Some(start), Some(0)) => Some((index, start, start)),
            (Some(start), Some(size)) => Some((index, start, start.saturating_add(size).saturating_sub(1))),
        })
        .collect();
    for (one, start, end) in &placed {
        for (other, other_start, other_end) in &placed {
            let within = |at: &i64| (other_start..=other_end).contains(&at);
            if one != other && (within(start) || within(end) || start < other_start && end > other_end) {
                return Some(*other);
            }
        }
    }
    None
}

fn guid(text: &Option<String>) -> Result<(), String> {
    let Some(text) = filled(text) else { return Ok(()) };
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    let hexadecimal = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if parts.iter().map(|part| part.len()).eq(lengths) && parts.iter().all(hexadecimal) {
        return Ok(());
    }
    Err(format!("{text:?} is no GUID, such as 01234567-89AB-CDEF-EDCB-A98765432101"))
}
