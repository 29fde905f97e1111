//! Seeing the disks, and waiting for the one that is wanted.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use anyhow::Result;
use deployment::read_tree;
use layout::{Guid, Slot};
use sys::block::{self, device_path};
use sys::partition_table::{self, geometry, read_at};
use sys::uevent::{Next, Uevents};

use crate::arguments::Arguments;
use crate::plan::{Boot, Candidate, Decision, Disk, Failure, Patience, SlotState, decide};
use crate::{kernel_log, plan};
use disk_table::{self as gpt, Geometry, Table};

/// How long the boot disk may take to appear: slow RAID controllers and USB need many seconds.
const LONG: Duration = Duration::from_secs(30);
/// How long another disk may take when one is there that will not do.
const SHORT: Duration = Duration::from_secs(10);
/// After this long a person is told what is waited for.
const SILENCE: Duration = Duration::from_secs(3);

/// Looks at the disks, and again at each new one, until there is one to boot from.
///
/// # Errors
/// Where none comes in time, or none will do.
pub fn find(arguments: &Arguments, esp: Option<Guid>) -> Result<Boot> {
    // Opened before the first look: a disk that appears in between has an event waiting.
    let uevents = Uevents::open()?;
    let begin = Instant::now();
    let mut told = false;
    loop {
        let (patience, failure) = match decide(arguments, esp, &survey()?) {
            Decision::Boot(boot) => return Ok(*boot),
            Decision::Fail(failure) => return Err(failure.into()),
            Decision::Wait(Patience::Long, failure) => (LONG, failure),
            Decision::Wait(Patience::Short, failure) => (SHORT, failure),
        };
        wait(&uevents, begin, patience, &mut told, failure)?;
    }
}

/// The disk that was booted from and has lost what was to be booted: see [`crate::plan::lost`].
///
/// # Errors
/// The disks cannot be listed.
pub fn lost(arguments: &Arguments, esp: Option<Guid>) -> Result<Option<Candidate>> {
    Ok(plan::lost(arguments, esp, &survey()?).cloned())
}

/// Waits for a block device to appear or change.
fn wait(
    uevents: &Uevents,
    begin: Instant,
    patience: Duration,
    told: &mut bool,
    failure: Failure,
) -> Result<()> {
    loop {
        let left = patience.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Err(failure.into());
        }
        let quiet = SILENCE.saturating_sub(begin.elapsed());
        match uevents.next(if *told { left } else { left.min(quiet) })? {
            Next::Event(event) if event.subsystem() == "block" => {
                // A disk with seven partitions sends eight events, and one look is enough.
                while let Next::Event(_) = uevents.next(Duration::ZERO)? {}
                return Ok(());
            }
            Next::Lost => return Ok(()),
            Next::Event(_) => {}
            Next::TimedOut if !*told && quiet.is_zero() => {
                *told = true;
                let seconds = patience.as_secs();
                sys::console::write_to_all(&format!(
                    "berth: waiting for the boot disk, up to {seconds} s: {failure}\n"
                ));
            }
            Next::TimedOut => {}
        }
    }
}

/// Every disk that can be seen now, and whether it is one of ours.
fn survey() -> Result<Vec<Disk>> {
    Ok(block::disks()?.into_iter().map(look).collect())
}

fn look(device: block::Disk) -> Disk {
    match inspect(&device) {
        Ok(candidate) => Disk::Ours(Box::new(candidate)),
        Err(reason) => Disk::Other { name: device.name, reason },
    }
}

fn inspect(device: &block::Disk) -> Result<Candidate, String> {
    let file = open(device)?;
    let geometry = geometry(device);
    let loaded = partition_table::load(&file, geometry).map_err(|e| e.to_string())?;
    let has = |slot: Slot| loaded.table.find(&slot.verity()).is_some();
    if !Slot::ALL.into_iter().any(has) {
        return Err("none of its partitions is one of Berth's".into());
    }
    let slots = Slot::ALL.map(|slot| {
        let state = read_slot(&loaded.table, slot, geometry, |offset, length| read_at(&file, offset, length));
        (slot, state.unwrap_or_else(SlotState::None))
    });
    Ok(Candidate { name: device.name.clone(), place: device.place.clone(), loaded, slots })
}

/// The partition table that is on a disk now.
pub fn load(device: &block::Disk) -> Result<gpt::Loaded, String> {
    partition_table::load(&open(device)?, geometry(device)).map_err(|e| e.to_string())
}

fn open(device: &block::Disk) -> Result<File, String> {
    File::open(device_path(&device.name)).map_err(|e| format!("it cannot be opened ({e})"))
}

fn read_slot(
    table: &Table,
    slot: Slot,
    geometry: Geometry,
    read: impl Fn(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<SlotState, String> {
    let find = |wanted: layout::Partition| {
        table.find(&wanted).ok_or_else(|| format!("there is no partition {}", wanted.label))
    };
    let (data, hashes) = (find(slot.data())?, find(slot.verity())?);
    let start = hashes.first * geometry.block_size;
    let room = (data.last + 1).saturating_sub(data.first) * geometry.block_size;
    let (superblock, root_hash) = read_tree(slot, room, |offset, length| read(start + offset, length))?;
    Ok(SlotState::Tree { superblock, root_hash })
}

/// Tells the log what will be booted from.
pub fn announce(boot: &Boot) {
    kernel_log::note(&format!("booting slot {} of {}", boot.slot, boot.disk.name));
    if let Some(remark) = &boot.remark {
        kernel_log::alarm(remark);
    }
}
