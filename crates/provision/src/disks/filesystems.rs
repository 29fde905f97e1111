//! What becomes of a device on which the config wants a file system.

use ignition::config;
use layout::disk::{ROOT, ROOT_EXT4, root_journal};

use super::contents::{Found, ext4_size, look};
use super::{Context, at};
use crate::device::Device;
use crate::failure::Failure;
use crate::programs::mkfs::{Format, New};
use crate::programs::wipefs;

/// What is done with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is as it should be.
    Keep,
    /// A file system is made.
    Make(Format),
    /// What is there is erased, and nothing made.
    Erase,
}

/// Why the config cannot be followed, and what to do.
pub type Refusal = (String, String);

/// The format that a config names: None for `none`.
///
/// # Errors
/// It is one that is not made here.
pub fn format(name: &str) -> Result<Option<Format>, Refusal> {
    if name == "none" {
        return Ok(None);
    }
    let known = Format::ALL.into_iter().find(|format| format.name() == name);
    let refusal = || {
        let cause = format!("file systems of format {name} are not made: the kernel does not have it");
        (cause, "ext4, xfs, vfat or swap".to_owned())
    };
    known.map(Some).ok_or_else(refusal)
}

/// Decides what to do with a device on which `found` is.
///
/// # Errors
/// There is something else, and the config does not say that it may go.
pub fn decide(wanted: &config::Filesystem, format: Option<Format>, found: &Found) -> Result<Step, Refusal> {
    let make = format.map_or(Step::Erase, Step::Make);
    if wanted.wipe_filesystem == Some(true) {
        return Ok(make);
    }
    let may_go = "wipeFilesystem: true, if what is on it may go".to_owned();
    match (found, format) {
        (Found::Nothing, None) => Ok(Step::Keep),
        (Found::Nothing, Some(_)) => Ok(make),
        (Found::Others(kinds), _) => Err((format!("{} holds {}", wanted.device, kinds.join(", ")), may_go)),
        (Found::One(found), None) => Err((format!("{} holds {}", wanted.device, found.kind), may_go)),
        (Found::One(found), Some(format)) => {
            let label = found.label.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let uuid = found.uuid.as_deref().unwrap_or_default();
            let differs = if found.kind != format.name() {
                format!("holds {}, not {}", found.kind, format.name())
            } else if let Some(wanted) = wanted.label.as_deref().filter(|wanted| *wanted != label) {
                format!("holds a file system with label '{label}', not '{wanted}'")
            } else if let Some(wanted) =
                wanted.uuid.as_deref().filter(|w| format.plain_uuid(w) != format.plain_uuid(uuid))
            {
                format!("holds a file system with UUID {uuid}, not {wanted}")
            } else {
                return Ok(Step::Keep);
            };
            Err((format!("{} {differs}", wanted.device), format!("{may_go}; or what it really holds")))
        }
    }
}

/// What is wanted of ROOT's file system, where that is the one: it is an ext4 with its own label.
///
/// # Errors
/// It is to be another.
pub fn for_root(wanted: &config::Filesystem, format: Option<Format>) -> Result<config::Filesystem, Refusal> {
    let label = wanted.label.as_deref().unwrap_or(ROOT.label);
    if format != Some(Format::Ext4) || !label.eq_ignore_ascii_case(ROOT.label) {
        let cause = "the file system of ROOT is an ext4 with label ROOT, and no other".to_owned();
        return Err((cause, "format: ext4, without a label".to_owned()));
    }
    Ok(config::Filesystem { label: Some(ROOT.label.to_owned()), ..wanted.clone() })
}

/// Whether a config makes the file system of ROOT anew.
pub fn wipes_root(filesystems: &[config::Filesystem], is_root: impl Fn(&str) -> bool) -> bool {
    filesystems.iter().any(|f| f.wipe_filesystem == Some(true) && is_root(&f.device))
}

/// Has the file system of the config's place `index` be on its device.
///
/// # Errors
/// It cannot be made, or must not.
pub fn apply(
    index: usize,
    wanted: &config::Filesystem,
    device: &Device,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let path = format!("$.storage.filesystems.{index}");
    let Some(name) = wanted.format.as_deref().filter(|name| !name.is_empty()) else { return Ok(()) };
    let refuse = |(cause, next): Refusal| Failure::new(&path, cause, next);
    let format = format(name).map_err(refuse)?;
    let image_label = device.label_of_image(context.names);
    let is_root = image_label == Some(ROOT.label);
    let wanted = if is_root { for_root(wanted, format).map_err(refuse)? } else { wanted.clone() };
    let failed = at(&path, "check that the device works, and the options");
    if format == Some(Format::Xfs) {
        // For those who mount it; where it does not load, they say so.
        kmod::Modules::open().load(Format::Xfs.name());
    }
    let step = decide(&wanted, format, &look(&device.node).map_err(&failed)?).map_err(refuse)?;
    let name = device.node.display();
    if step == Step::Keep {
        context.tell(&format!("{path}: {name} is as it should be"));
        return Ok(());
    }
    let protected = image_label.filter(|_| !is_root);
    let partitions = device.partitions();
    let reason = match (protected, device.in_use()) {
        (Some(label), _) => Some(format!("it is {label}, which the system is started from")),
        (None, Some(user)) => Some(format!("it is {user}")),
        (None, None) if !partitions.is_empty() => Some(format!("it has {} partitions", partitions.len())),
        (None, None) => None,
    };
    if let Some(reason) = reason {
        let next =
            "another device, or a partition of it; storage.disks with wipeTable: true clears a disk's table";
        return Err(Failure::new(&path, format!("{name} cannot be made anew: {reason}"), next));
    }
    wipefs::erase(&device.node).map_err(&failed)?;
    let Step::Make(format) = step else {
        context.tell(&format!("{path}: {name} is erased"));
        return Ok(());
    };
    let mut options: Vec<String> = vec![];
    if is_root {
        options.extend(ROOT_EXT4.map(str::to_owned));
        let size = sys::block::disk(&device.disk).and_then(|disk| {
            disk.partitions.into_iter().find(|p| Some(p.number) == device.number).map(|p| p.size)
        });
        options.extend(["-J".to_owned(), format!("size={}", root_journal(size.unwrap_or_default()))]);
    }
    options.extend(wanted.options.iter().flatten().cloned());
    let new = New { format, label: wanted.label.as_deref(), uuid: wanted.uuid.as_deref(), options: &options };
    new.make(&device.node).map_err(&failed)?;
    sync(device).map_err(&failed)?;
    context.tell(&format!("{path}: {name} has a new {}", format.name()));
    Ok(())
}

/// What a program wrote is on the device before anything builds on it.
fn sync(device: &Device) -> Result<(), String> {
    let synced = std::fs::File::open(&device.node).and_then(|file| file.sync_all());
    synced.map_err(|error| format!("cannot write {}: {error}", device.node.display()))
}

/// Bytes that ROOT must have for the file system that is on it.
pub fn root_needs(root: Option<&Device>) -> u64 {
    root.and_then(|root| ext4_size(&root.node)).unwrap_or(0)
}
