//! Layer: effects. The slots and the boot entries of a disk.
//!
//! [`Deployment`] finds the disk that the machine runs from, says what is there ([`Deployment::state`], as crate
//! `slots` decides on it) and does what was decided ([`Deployment::apply`]). The ESP is mounted, in a place of its
//! own, only while it is used.

mod disk;
mod esp;
mod slot;

use anyhow::Result;
use layout::Slot;
use manifest::Version;
use slots::{Action, Machine, Running};

pub use esp::EspSource;
pub use slot::{Region, SlotDevice, read_tree};

/// A disk with two slots and an ESP.
#[derive(Clone, Debug)]
pub struct Deployment {
    running: Option<Running>,
    slots: [SlotDevice; 2],
    esp: EspSource,
}

/// What an installation writes: the parts of [`Deployment::install`] that need more than the disk.
pub trait Content {
    /// Writes the slot's `/usr` and hash tree, all on the disk when it returns. The slot's superblock was erased before;
    /// [`SlotDevice::seal`] writes the tree and it.
    ///
    /// # Errors
    /// It could not be written.
    fn write_slot(&mut self, slot: &SlotDevice) -> Result<()>;

    /// The UKI, as it is to be read.
    ///
    /// # Errors
    /// It cannot be read.
    fn uki(&mut self) -> Result<Box<dyn std::io::Read + '_>>;

    /// SHA-256 of the UKI.
    fn uki_sha256(&self) -> [u8; 32];
}

impl Deployment {
    /// The disk that `/usr` of the running machine stands on.
    ///
    /// # Errors
    /// `/usr` is not a slot's (a live system, a container), or the disk cannot be read.
    pub fn of_running() -> Result<Self> {
        disk::of_running()
    }

    /// The disk of that kernel name; what runs is for the caller to know.
    ///
    /// # Errors
    /// It has no table, or not our partitions.
    pub fn of_disk(name: &str, running: Option<Running>) -> Result<Self> {
        disk::of_disk(name, running)
    }

    /// Of its parts; for tests, where the slots are files and the ESP is a folder.
    pub fn of_parts(slots: [SlotDevice; 2], esp: EspSource, running: Option<Running>) -> Self {
        Self { running, slots, esp }
    }

    /// What runs.
    pub fn running(&self) -> Option<Running> {
        self.running
    }

    /// A slot's devices.
    pub fn slot(&self, slot: Slot) -> &SlotDevice {
        &self.slots[slot as usize]
    }

    /// What is there now.
    ///
    /// # Errors
    /// The ESP or a slot cannot be read.
    pub fn state(&self) -> Result<Machine> {
        let esp = esp::list(&self.esp)?;
        let slots = self.slots.each_ref().map(|slot| slot.tree().ok().map(|(_, root_hash)| root_hash));
        Ok(Machine { running: self.running, slots, esp })
    }

    /// Does what changes names alone; what writes a slot or a UKI is for [`Deployment::install`].
    ///
    /// # Errors
    /// The disk cannot be written, or an action is not of this kind.
    pub fn apply(&self, actions: &[Action]) -> Result<()> {
        _ = actions;
        anyhow::bail!("not built yet")
    }

    /// Does a plan of [`slots::plan_install`], telling of each action before it begins.
    ///
    /// # Errors
    /// A part could not be written, or is not what it must be when it is read back. What ran before still boots.
    pub fn install(
        &self,
        plan: &[Action],
        content: &mut dyn Content,
        tell: &mut dyn FnMut(&Action),
    ) -> Result<()> {
        _ = (plan, content, tell);
        anyhow::bail!("not built yet")
    }

    /// Tidies up what a power cut left. Gives what was done.
    ///
    /// # Errors
    /// The disk cannot be read or written.
    pub fn repair(&self) -> Result<Vec<Action>> {
        let actions = slots::repair(&self.state()?);
        self.apply(&actions)?;
        Ok(actions)
    }

    /// Makes the running version a good one. Gives what was done.
    ///
    /// # Errors
    /// It has no entry, or the ESP cannot be written.
    pub fn bless(&self) -> Result<Vec<Action>> {
        self.change(slots::bless)
    }

    /// Boots the other version from the next boot on. Gives what was done: nothing where it is the next one already.
    ///
    /// # Errors
    /// There is none that is good, or the ESP cannot be written.
    pub fn rollback(&self) -> Result<Vec<Action>> {
        self.change(slots::rollback)
    }

    /// Lets a version that failed here be tried again. Gives what was done.
    ///
    /// # Errors
    /// It cannot boot, or the ESP cannot be written.
    pub fn give_tries(&self, version: &Version) -> Result<Vec<Action>> {
        self.change(|machine| slots::give_tries(machine, version))
    }

    /// Makes a version a bad one, so that another boots. Gives what was done.
    ///
    /// # Errors
    /// No other one would boot, or the ESP cannot be written.
    pub fn condemn(&self, version: &Version) -> Result<Vec<Action>> {
        self.change(|machine| slots::condemn(machine, version))
    }

    fn change(
        &self,
        decide: impl Fn(&Machine) -> Result<Vec<Action>, slots::Refusal>,
    ) -> Result<Vec<Action>> {
        self.repair()?;
        let actions = decide(&self.state()?)?;
        self.apply(&actions)?;
        Ok(actions)
    }
}
