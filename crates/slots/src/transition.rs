//! Each change of what boots.

use layout::Slot;
use manifest::Version;
use verity::RootHash;

use crate::action::staging_path;
use crate::{Action, EntryName, Health, Machine};

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `/usr` is in no slot.
    #[error("this machine does not run from a slot of its disk; boot it from the disk first")]
    NotFromSlot,
    /// The version that runs has no entry.
    #[error("the running version has no boot entry on the ESP: nothing would be left to fall back to")]
    NoEntry,
    /// The version that runs is not good.
    #[error("the running version {0} is not proven good yet: wait until it is blessed")]
    NotGood(Version),
    /// It runs, and was condemned since, or left by a rollback.
    #[error(
        "version {0} was given up: the next boot is of another one; give it tries again if it is to stay"
    )]
    GivenUp(Version),
    /// It runs.
    #[error("version {0} is the running one")]
    IsRunning(Version),
    /// There is no such entry.
    #[error("there is no boot entry of version {0}")]
    Unknown(Version),
    /// There is no other entry.
    #[error("there is no other version to go back to")]
    NoOther,
    /// It failed here.
    #[error("version {0} failed on this machine; give it tries again if it is to be booted")]
    IsBad(Version),
    /// Its slot holds something else, or its UKI is not whole.
    #[error("version {0} cannot boot: its slot or its UKI is not whole")]
    Broken(Version),
    /// The names alone do not make it the next one.
    #[error("version {next} would boot, not {wanted}")]
    WouldNotBoot {
        /// The one that is wanted.
        wanted: Version,
        /// The one that would be taken.
        next: Version,
    },
}

/// The slot that an update goes to: the one that does not run.
///
/// # Errors
/// None runs.
pub fn target_slot(machine: &Machine) -> Result<Slot, Refusal> {
    machine.running.map(|running| !running.slot).ok_or(Refusal::NotFromSlot)
}

/// Installs a version into the other slot. What runs is not touched, and must be good: it is what the machine falls
/// back to.
///
/// # Errors
/// What runs is not good, or is this version.
pub fn plan_install(machine: &Machine, version: &Version, usrhash: RootHash) -> Result<Vec<Action>, Refusal> {
    let slot = target_slot(machine)?;
    let current = machine.running_entry().ok_or(Refusal::NoEntry)?;
    if current.name.version == *version {
        return Err(Refusal::IsRunning(version.clone()));
    }
    if !current.name.is_good() {
        return Err(Refusal::NotGood(current.name.version.clone()));
    }
    let others = machine.esp.entries.iter().filter(|entry| entry.usrhash != current.usrhash);
    let mut actions: Vec<Action> = others.map(|entry| Action::RemoveEntry(entry.name.clone())).collect();
    let temp = staging_path(version);
    actions.extend([
        Action::Invalidate(slot),
        Action::WriteSlot(slot, usrhash),
        Action::VerifySlot(slot, usrhash),
        Action::WriteUki(temp.clone()),
        Action::VerifyUki(temp.clone()),
        Action::Publish { temp, name: EntryName::fresh(version.clone()) },
    ]);
    Ok(actions)
}

/// Makes the version that runs a good one. Nothing where it is.
///
/// # Errors
/// It has no entry, or was given up while it ran. (Of one that the loader boots without a try left it counts on.)
pub fn bless(machine: &Machine) -> Result<Vec<Action>, Refusal> {
    let usrhash = machine.running.ok_or(Refusal::NotFromSlot)?.usrhash;
    let current = machine.running_entry().ok_or(Refusal::NoEntry)?;
    let good = EntryName::good(current.name.version.clone());
    if current.name == EntryName::bad(good.version.clone()) {
        return Err(Refusal::GivenUp(good.version));
    }
    let mut actions = Vec::new();
    let same = |entry: &&crate::Entry| entry.name.version == good.version && entry.name != current.name;
    // A second file of the version: the loader renames none onto another (nor does it say so).
    for entry in machine.esp.entries.iter().filter(same) {
        if entry.name == good && entry.usrhash == Some(usrhash) {
            return Ok(vec![Action::RemoveEntry(current.name.clone())]);
        }
        actions.push(Action::RemoveEntry(entry.name.clone()));
    }
    if current.name != good {
        actions.push(Action::Rename { from: current.name.clone(), to: good });
    }
    Ok(actions)
}

/// Boots the other version from the next boot on. Nothing where it is the next one already.
///
/// # Errors
/// There is none that can boot and has not failed.
pub fn rollback(machine: &Machine) -> Result<Vec<Action>, Refusal> {
    let current = machine.running_entry().ok_or(match machine.running {
        None => Refusal::NotFromSlot,
        Some(_) => Refusal::NoEntry,
    })?;
    let others = machine.esp.entries.iter().filter(|entry| entry.usrhash != current.usrhash);
    let mut refusal = Refusal::NoOther;
    for other in others {
        let version = other.name.version.clone();
        match machine.health(other) {
            Health::Broken => refusal = Refusal::Broken(version),
            Health::Bad => refusal = Refusal::IsBad(version),
            Health::Good | Health::Trying { .. } => {
                return if machine.next_entry() == Some(other) {
                    Ok(Vec::new())
                } else {
                    condemn(machine, &current.name.version)
                };
            }
        }
    }
    Err(refusal)
}

/// Lets a version that failed here be tried again.
///
/// # Errors
/// It cannot boot, is good, or a newer good one would boot before it.
pub fn give_tries(machine: &Machine, version: &Version) -> Result<Vec<Action>, Refusal> {
    let entry = machine.entry(version).ok_or_else(|| Refusal::Unknown(version.clone()))?;
    if !machine.is_bootable(entry) {
        return Err(Refusal::Broken(version.clone()));
    }
    let fresh = EntryName::fresh(version.clone());
    if entry.name == fresh || entry.name.is_good() {
        return Ok(Vec::new());
    }
    let after = machine.renamed(&entry.name, &fresh);
    match after.next_entry() {
        Some(next) if next.name != fresh => {
            Err(Refusal::WouldNotBoot { wanted: version.clone(), next: next.name.version.clone() })
        }
        _ => Ok(vec![Action::Rename { from: entry.name.clone(), to: fresh }]),
    }
}

/// Makes a version a bad one, so that another boots.
///
/// # Errors
/// No other one would.
pub fn condemn(machine: &Machine, version: &Version) -> Result<Vec<Action>, Refusal> {
    let entry = machine.entry(version).ok_or_else(|| Refusal::Unknown(version.clone()))?;
    if entry.name.is_bad() {
        return Ok(Vec::new());
    }
    let bad = EntryName::bad(version.clone());
    let after = machine.renamed(&entry.name, &bad);
    let next = after.next_entry().filter(|next| next.name.version != *version);
    match next {
        Some(next) if machine.is_bootable(next) => {
            Ok(vec![Action::Rename { from: entry.name.clone(), to: bad }])
        }
        _ => Err(Refusal::NoOther),
    }
}
