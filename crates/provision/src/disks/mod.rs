//! The disks of a config: partitions, then RAID arrays, then file systems.
//!
//! [`partitions`], [`placement`] and [`filesystems::decide`] decide; the rest does. A run that was cut at any moment
//! can be started again: tables are written so that one of their copies is whole, what is as the config says is left
//! as it is, and what was begun and not finished is told from what is whole.

mod contents;
pub mod filesystems;
pub mod partitions;
pub mod placement;
mod raid;
mod table;

use disk_table::{Loaded, Write};
use ignition::config;
use layout::Guid;
use layout::disk::ROOT;
use sys::{block, partition_table};

use self::partitions::{BootDisk, Kind, plan};
use self::table::State;
use crate::daemons::Daemons;
use crate::device::{Device, Names};
use crate::failure::Failure;

/// What the parts share.
pub struct Context<'a> {
    /// What device names stand for.
    pub names: &'a Names,
    /// Takes what a person should know, a line each.
    pub tell: &'a mut dyn FnMut(&str),
}

impl Context<'_> {
    fn tell(&mut self, line: &str) {
        (self.tell)(line);
    }
}

/// Makes the failure of something that a program or the kernel said of the config's part at `path`.
fn at(path: &str, next_step: &'static str) -> impl Fn(String) -> Failure {
    move |cause| Failure::new(path, cause, next_step)
}

/// Does what the config says of disks, arrays and file systems. `daemons` looks after devices meanwhile.
///
/// # Errors
/// The config asks for what cannot be, or must not be, done. What comes before that in it is done.
pub fn apply(
    storage: &config::Storage,
    context: &mut Context<'_>,
    daemons: &mut Daemons,
) -> Result<(), Failure> {
    let disks = storage.disks.as_deref().unwrap_or_default();
    let raids = storage.raid.as_deref().unwrap_or_default();
    let filesystems = storage.filesystems.as_deref().unwrap_or_default();
    refuse(storage)?;
    if disks.is_empty() && raids.is_empty() && filesystems.is_empty() {
        return Ok(());
    }
    daemons.start_devd()?;
    raid::load_levels(raids)?;
    let wanted: Vec<_> = disks
        .iter()
        .enumerate()
        .map(|(i, d)| (format!("$.storage.disks.{i}.device"), d.device.as_str()))
        .collect();
    let devices = context.names.wait(&wanted, context.tell)?;
    let boot = boot_rules(filesystems, context.names);
    for (index, (disk, device)) in disks.iter().zip(&devices).enumerate() {
        partition(index, disk, device, boot, context)?;
    }
    daemons.settle()?;
    for (index, raid) in raids.iter().enumerate() {
        let path = |member| format!("$.storage.raid.{index}.devices.{member}");
        let names = raid.devices.iter().flatten().enumerate();
        let wanted: Vec<_> = names.map(|(member, name)| (path(member), name.as_str())).collect();
        let members = context.names.wait(&wanted, context.tell)?;
        raid::apply(index, raid, &members, context)?;
        let array = raid::device_of(raid);
        daemons.settle()?;
        context.names.wait(&[(format!("$.storage.raid.{index}"), array.as_str())], context.tell)?;
    }
    // One that is only to be mounted is for those who mount it.
    let made =
        filesystems.iter().enumerate().filter(|(_, f)| f.format.as_deref().is_some_and(|f| !f.is_empty()));
    let made: Vec<_> = made.collect();
    let wanted: Vec<_> =
        made.iter().map(|(i, f)| (format!("$.storage.filesystems.{i}.device"), f.device.as_str())).collect();
    let devices = context.names.wait(&wanted, context.tell)?;
    for ((index, filesystem), device) in made.iter().zip(&devices) {
        filesystems::apply(*index, filesystem, device, context)?;
    }
    daemons.settle()
}

/// What is refused before anything is done.
fn refuse(storage: &config::Storage) -> Result<(), Failure> {
    if storage.luks.as_ref().is_some_and(|luks| !luks.is_empty()) {
        let cause =
            "encrypted volumes are not made: this system has no cryptsetup to make and open them with";
        return Err(Failure::new("$.storage.luks.0", cause, "a config without storage.luks"));
    }
    for (index, filesystem) in storage.filesystems.iter().flatten().enumerate() {
        if let Some(name) = filesystem.format.as_deref().filter(|name| !name.is_empty()) {
            let path = format!("$.storage.filesystems.{index}.format");
            filesystems::format(name).map_err(|(cause, next)| Failure::new(path, cause, next))?;
        }
    }
    Ok(())
}

/// The boot disk's rules, if the machine was booted from one.
fn boot_rules(filesystems: &[config::Filesystem], names: &Names) -> Option<BootDisk> {
    names.boot_disk()?;
    let root = names.find(&format!("/dev/disk/by-partlabel/{}", ROOT.label));
    let is_root = |name: &str| root.is_some() && names.find(name) == root;
    let root_needs = match filesystems::wipes_root(filesystems, is_root) {
        true => 0,
        false => filesystems::root_needs(root.as_ref()),
    };
    Some(BootDisk { root_needs })
}

fn partition(
    index: usize,
    wanted: &config::Disk,
    device: &Device,
    boot: Option<BootDisk>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let path = format!("$.storage.disks.{index}");
    let name = device.node.display();
    let refuse = |cause: String, next: &str| Err(Failure::new(&path, cause, next));
    if device.number.is_some() {
        return refuse(
            format!("{name} is a partition, and not a disk"),
            "the disk that it is a partition of",
        );
    }
    if let Some(user) = device.in_use() {
        return refuse(format!("{name} is {user}"), "another disk");
    }
    let failed = at(&path, "check that the disk works and can be written");
    let Some(disk) = block::disk(&device.disk) else {
        return refuse(format!("{name} went away"), "check that the disk works");
    };
    let geometry = partition_table::geometry(&disk);
    let partitions = wanted.partitions.as_deref().unwrap_or_default();
    let boot = boot.filter(|_| context.names.boot_disk() == Some(&device.disk));
    let wipes = wanted.wipe_table == Some(true);
    let user_of =
        |partition: &Device| partition.in_use().map(|user| format!("{} is {user}", partition.node.display()));
    if wipes {
        if boot.is_some() {
            return refuse("the table of the boot disk cannot be wiped".to_owned(), "wipeTable: false");
        }
        if let Some(user) = device.partitions().iter().find_map(user_of) {
            return refuse(format!("the table of {name} cannot be wiped: {user}"), "another disk");
        }
    }
    let new = || {
        Loaded::empty(geometry, random()?).ok_or_else(|| format!("{name} is too small for a partition table"))
    };
    let state = if wipes { State::Blank } else { table::read(&device.node, geometry).map_err(&failed)? };
    let loaded = match state {
        State::Table(loaded) => *loaded,
        State::Blank => new().map_err(&failed)?,
        State::Other(what) => {
            let next = "wipeTable: true, if what is on it may go; or another disk";
            return refuse(format!("{name} has no partition table that can be used: {what}"), next);
        }
    };
    let mut plan = plan(&loaded.table, geometry, boot, partitions).map_err(|refusal| {
        Failure::new(format!("{path}.partitions.{}", refusal.index), refusal.cause, refusal.next_step)
    })?;
    for change in plan.changes.iter().filter(|change| !matches!(change.kind, Kind::Created | Kind::Marked)) {
        let of_number = device.partitions().into_iter().find(|p| p.number == Some(change.number));
        if let Some(user) = of_number.as_ref().and_then(user_of) {
            let cause = format!("partition {} cannot be changed: {user}", change.number);
            return Err(Failure::new(
                format!("{path}.partitions.{}", change.index),
                cause,
                "another partition",
            ));
        }
    }
    for partition in plan.table.partitions().iter().filter(|p| p.guid == Guid::NIL) {
        plan.table.set_guid(partition.number, random().map_err(&failed)?);
    }
    plan.notes.iter().for_each(|note| context.tell(&format!("{path}: {note}")));
    if wipes || !plan.changes.is_empty() {
        let mut writes = loaded.writes(&plan.table, geometry);
        if wipes && plan.changes.is_empty() {
            writes.iter_mut().flatten().for_each(erase);
        }
        partition_table::write(&device.node, &writes).map_err(|error| failed(error.to_string()))?;
    }
    if wipes {
        context.tell(&format!("{path}: the table of {name} is new"));
    }
    for change in &plan.changes {
        context.tell(&format!(
            "{path}.partitions.{}: {}",
            change.index,
            change.kind.describe(change.number, &device.disk)
        ));
    }
    partition_table::tell_kernel(&disk, &plan.table).map_err(|error| failed(error.to_string()))
}

fn erase(write: &mut Write) {
    write.bytes.fill(0);
}

fn random() -> Result<Guid, String> {
    sys::random::name_16().map(Guid::from_random).map_err(|error| error.to_string())
}
