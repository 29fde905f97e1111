//! Counting the boots of a version that the loader does not count, and giving way to another one when there are too
//! many. It is done before `/usr` is opened: a slot that went bad ends in a panic there.

use std::fs;

use anyhow::Result;
use deployment::Deployment;
use layout::path::{BOOT_ATTEMPTS, STATE};
use slots::{Attempts, Entry, Machine, Running};
use sys::machine::{End, end};
use verity::RootHash;

use crate::partitions::BootDisk;
use crate::plan::{Boot, Candidate};
use crate::root::{self, in_sysroot};
use crate::{firmware, kernel_log};

/// Counts this boot, and starts another version where there were too many. Says whether ROOT is mounted now. A boot that
/// cannot be counted goes on: what is wrong with ROOT is found when it is mounted for good.
pub fn count(boot: &Boot, disk: &BootDisk) -> bool {
    counted(boot.root_hash, disk, |attempts| give_way(boot, attempts))
}

/// The same for a boot of a `/usr` that no slot of the disk holds any more: it fails, unless another version is started.
pub fn count_lost(disk: &Candidate, usrhash: RootHash) -> Result<()> {
    let is_mounted = counted(usrhash, &BootDisk::untouched(disk)?, |attempts| leave(disk, attempts));
    if is_mounted { root::unmount() } else { Ok(()) }
}

/// `too_many` is for a `/usr` that was booted too often. Says whether ROOT is mounted now.
fn counted(usrhash: RootHash, disk: &BootDisk, too_many: impl FnOnce(&Attempts) -> Result<()>) -> bool {
    // Without the loader there is no other entry to give way to.
    if !firmware::is_by_loader() {
        return false;
    }
    let stays = match root::mount_early(disk) {
        Ok(stays) => stays,
        Err(error) => {
            kernel_log::alarm(&format!("this boot is not counted: {error:#}"));
            return false;
        }
    };
    let done =
        noted(usrhash).and_then(|attempts| if attempts.is_too_many() { too_many(&attempts) } else { Ok(()) });
    if let Err(error) = done {
        kernel_log::alarm(&format!("boots of this version are not counted: {error:#}"));
    }
    if !stays && let Err(error) = root::unmount() {
        kernel_log::alarm(&error.to_string());
        return true;
    }
    stays
}

fn noted(usrhash: RootHash) -> Result<Attempts> {
    let path = in_sysroot(BOOT_ATTEMPTS);
    let record = fs::read(&path).unwrap_or_default();
    let attempts = Attempts::next(&String::from_utf8_lossy(&record), usrhash);
    // On a first boot the folder is not there yet, nor is another version.
    if in_sysroot(STATE).exists() {
        sys::file::replace_synced(&path, attempts.encode().as_bytes(), 0o644)?;
        // The new name too is on the disk before /usr is opened, which may end in a panic.
        sys::file::sync_folder(&in_sysroot(STATE))?;
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
    if !has_a_good_one(&deployment.state()?) {
        tell_of_no_other(attempts);
        return Ok(());
    }
    start_other(lost, attempts)
}

fn has_a_good_one(machine: &Machine) -> bool {
    machine.esp.entries.iter().any(|entry| entry.name.is_good() && machine.is_bootable(entry))
}

fn tell_of_no_other(attempts: &Attempts) {
    kernel_log::alarm(&format!(
        "this version was booted {} times and did not prove itself; there is no other good one",
        attempts.count
    ));
}

/// Starts the machine again: the entry of this version is not the loader's choice any more.
fn start_other(this: Option<&Entry>, attempts: &Attempts) -> Result<()> {
    let version = this.map_or_else(String::new, |entry| format!(" {}", entry.name.version));
    let text = format!(
        "version{version} was booted {} times and did not prove itself: starting the other one",
        attempts.count
    );
    kernel_log::alarm(&text);
    sys::console::write_to_all(&format!("berth: {text}\n"));
    root::unmount()?;
    rustix::fs::sync();
    Ok(end(End::Restart)?)
}
