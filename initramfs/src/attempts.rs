//! Counting the boots of a version that the loader does not count, and giving way to another one when there are too
//! many. It is done before `/usr` is opened: a slot that went bad ends in a panic there.

use std::fs;
use std::path::Path;

use anyhow::Result;
use boots::History;
use deployment::{Deployment, write_attempts};
use layout::path::{BOOT_ATTEMPTS, BOOTS, STATE};
use slots::{Attempts, Entry, Machine, Running, condemn};
use sys::machine::{End, end};
use verity::RootHash;

use crate::partitions::BootDisk;
use crate::plan::{Boot, Candidate};
use crate::root::{self, in_sysroot};
use crate::{firmware, kernel_log};

/// What became of counting a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It was counted, or need not be. ROOT is mounted.
    Mounted,
    /// The same, and ROOT is not mounted.
    Unmounted,
    /// ROOT is to be mended before anything is written to it.
    Later,
}

/// Counts this boot, and starts another version where there were too many. A boot that cannot be counted goes on: what is
/// wrong with ROOT is found when it is mounted for good.
pub fn count(boot: &Boot, disk: &BootDisk) -> Counted {
    // Without the loader there is no other entry to give way to.
    if !firmware::is_by_loader() {
        return Counted::Unmounted;
    }
    if root::has_errors(disk) {
        return Counted::Later;
    }
    match counted(boot.root_hash, disk, |attempts| give_way(boot, attempts)) {
        true => Counted::Mounted,
        false => Counted::Unmounted,
    }
}

/// Counts a boot that was to be counted later. ROOT is mended and mounted.
pub fn count_late(boot: &Boot) {
    note(boot.root_hash, |attempts| give_way(boot, attempts));
}

/// The same for a boot of a `/usr` that no slot of the disk holds any more: it fails, unless another version is started.
/// What would mend ROOT is lost with it.
pub fn count_lost(disk: &Candidate, usrhash: RootHash) -> Result<()> {
    if !firmware::is_by_loader() {
        return Ok(());
    }
    let is_mounted = counted(usrhash, &BootDisk::untouched(disk)?, |attempts| leave(disk, attempts));
    if is_mounted { root::unmount() } else { Ok(()) }
}

/// `too_many` is for a `/usr` that was booted too often. Says whether ROOT is mounted now.
fn counted(usrhash: RootHash, disk: &BootDisk, too_many: impl FnOnce(&Attempts) -> Result<()>) -> bool {
    let stays = match root::mount_early(disk) {
        Ok(stays) => stays,
        Err(error) => {
            kernel_log::alarm(&format!("this boot is not counted: {error:#}"));
            return false;
        }
    };
    note(usrhash, too_many);
    if !stays && let Err(error) = root::unmount() {
        kernel_log::alarm(&error.to_string());
        return true;
    }
    stays
}

fn note(usrhash: RootHash, too_many: impl FnOnce(&Attempts) -> Result<()>) {
    let done =
        noted(usrhash).and_then(|attempts| if attempts.is_too_many() { too_many(&attempts) } else { Ok(()) });
    if let Err(error) = done {
        kernel_log::alarm(&format!("boots of this version are not counted: {error:#}"));
    }
}

fn noted(usrhash: RootHash) -> Result<Attempts> {
    let path = in_sysroot(BOOT_ATTEMPTS);
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let history = History::parse(&read(&in_sysroot(BOOTS)));
    let attempts = Attempts::next(&read(&path), usrhash, history.last_in_order());
    // On a first boot the folder is not there yet, nor is another version.
    if in_sysroot(STATE).exists() {
        // It is on the disk before /usr is opened, which may end in a panic.
        write_attempts(&path, &attempts)?;
    }
    Ok(attempts)
}

/// Has the loader boot another good version, where there is one.
fn give_way(boot: &Boot, attempts: &Attempts) -> Result<()> {
    let running = Running { slot: boot.slot, usrhash: boot.root_hash };
    let deployment = Deployment::of_disk(&boot.disk.name, Some(running))?;
    deployment.repair()?;
    let machine = deployment.state()?;
    let Some(actions) = attempts.fall_back(&machine) else {
        tell_of_no_other(attempts);
        return Ok(());
    };
    deployment.apply(&actions)?;
    start_other(machine.running_entry(), attempts)
}

/// The same where no slot has what the entry is for: an entry that cannot boot is tidied away where another one boots.
fn leave(disk: &Candidate, attempts: &Attempts) -> Result<()> {
    let deployment = Deployment::of_disk(&disk.name, None)?;
    let before = deployment.state()?;
    let lost = before.esp.entries.iter().find(|entry| entry.usrhash == Some(attempts.usrhash));
    deployment.repair()?;
    let machine = deployment.state()?;
    if !has_a_good_one(&machine) {
        tell_of_no_other(attempts);
        return Ok(());
    }
    // It stays where the slot cannot be read, which may come back; but it is not to be the loader's choice.
    if let Some(lost) = lost
        && machine.esp.entries.iter().any(|entry| entry.name == lost.name)
    {
        deployment.apply(&condemn(&machine, &lost.name.version)?)?;
    }
    start_other(lost, attempts)
}

fn has_a_good_one(machine: &Machine) -> bool {
    machine.esp.entries.iter().any(|entry| entry.name.is_good() && machine.is_bootable(entry))
}

fn tell_of_no_other(attempts: &Attempts) {
    kernel_log::alarm(&format!("this version {}; there is no other good one", attempts.told()));
}

/// Starts the machine again: the entry of this version is not the loader's choice any more.
fn start_other(this: Option<&Entry>, attempts: &Attempts) -> Result<()> {
    let version = this.map_or_else(String::new, |entry| format!(" {}", entry.name.version));
    let text = format!("version{version} {}: starting the other one", attempts.told());
    kernel_log::alarm(&text);
    sys::console::write_to_all(&format!("berth: {text}\n"));
    root::unmount()?;
    rustix::fs::sync();
    Ok(end(End::Restart)?)
}
