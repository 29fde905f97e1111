//! Layer: effects. The slots and the boot entries of a disk.
//!
//! [`Deployment`] finds the disk that the machine runs from, says what is there ([`Deployment::state`], as crate
//! `slots` decides on it) and does what was decided ([`Deployment::apply`]). The ESP is not mounted for it: crate
//! `fat` writes to it in an order that a power cut does not harm.

mod attempts;
mod chain;
mod disk;
mod esp;
mod slot;
pub mod uki;

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use layout::Slot;
use manifest::Version;
use slots::{Action, EntryName, Machine, Running, entry_path};

use esp::Opened;

pub use attempts::write_attempts;
pub use chain::BootChain;
pub use disk::running_usrhash;
pub use slot::{NoTree, Region, SlotDevice, read_tree};

/// A disk with two slots and an ESP.
#[derive(Clone, Debug)]
pub struct Deployment {
    running: Option<Running>,
    slots: [SlotDevice; 2],
    esp: Region,
    esp_partition: Option<boot_chain::entry::Partition>,
}

/// What an installation writes: the parts of [`Deployment::install`] that need more than the disk.
pub trait Content {
    /// Writes the slot's `/usr` and hash tree, all on the disk when it returns. The slot's superblock was erased before;
    /// [`SlotDevice::seal`] writes the tree and it.
    ///
    /// # Errors
    /// It could not be written.
    fn write_slot(&mut self, slot: &SlotDevice) -> Result<()>;

    /// The UKI.
    ///
    /// # Errors
    /// It cannot be read.
    fn uki(&mut self) -> Result<Uki<'_>>;
}

/// A UKI that is to be installed.
pub struct Uki<'a> {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256: what is on the ESP afterwards is compared with it.
    pub sha256: [u8; 32],
    /// It.
    pub content: Box<dyn Read + 'a>,
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

    /// The disk that an image file is of; what runs is for the caller to say.
    ///
    /// # Errors
    /// It has no table, or not our partitions.
    pub fn of_image(path: &Path, running: Option<Running>) -> Result<Self> {
        disk::of_image(path, running)
    }

    /// Of its parts.
    pub fn of_parts(slots: [SlotDevice; 2], esp: Region, running: Option<Running>) -> Self {
        Self { running, slots, esp, esp_partition: None }
    }

    /// What runs.
    pub fn running(&self) -> Option<Running> {
        self.running
    }

    /// A slot's devices.
    pub fn slot(&self, slot: Slot) -> &SlotDevice {
        &self.slots[slot as usize]
    }

    /// What is there now. A slot that cannot be read is as one that holds nothing: nothing boots from it.
    ///
    /// # Errors
    /// The ESP cannot be read.
    pub fn state(&self) -> Result<Machine> {
        Ok(self.look()?.0)
    }

    /// The same, and whether each slot could be read.
    fn look(&self) -> Result<(Machine, bool)> {
        let esp = Opened::read(&self.esp)?.list()?;
        let trees = self.slots.each_ref().map(SlotDevice::tree);
        let is_known = !trees.iter().any(|tree| matches!(tree, Err(NoTree::Unreadable(_))));
        let slots = trees.map(|tree| tree.ok().map(|(_, root_hash)| root_hash));
        Ok((Machine { running: self.running, slots, esp }, is_known))
    }

    /// An entry's UKI.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn uki(&self, name: &EntryName) -> Result<Vec<u8>> {
        Opened::read(&self.esp)?.content(name).with_context(|| format!("read {name} of the ESP"))
    }

    /// Does what changes names, and what gives up or verifies a slot; what writes a slot or a UKI is for
    /// [`Deployment::install`].
    ///
    /// # Errors
    /// The disk cannot be written, or an action is not of this kind. Those before it are done.
    pub fn apply(&self, actions: &[Action]) -> Result<()> {
        actions.iter().try_for_each(|action| self.act(action, None))
    }

    /// Whether the ESP has room for a UKI of so many bytes, once a plan of [`slots::plan_install`] has removed what it
    /// does. Nothing is changed.
    ///
    /// # Errors
    /// It has not: how much is needed, and how much would be free.
    pub fn must_hold(&self, plan: &[Action], uki_size: u64) -> Result<()> {
        Opened::rehearse(&self.esp)?.must_hold(plan, uki_size)
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
        plan.iter().try_for_each(|action| {
            tell(action);
            self.act(action, Some(&mut *content))
        })
    }

    fn act(&self, action: &Action, content: Option<&mut dyn Content>) -> Result<()> {
        let esp = || Opened::write(&self.esp);
        let content = || content.context("this needs what is to be installed");
        let act = || -> Result<()> {
            match action {
                Action::RemoveEntry(name) => esp()?.remove(&entry_path(name)),
                Action::RemoveFile(path) => esp()?.remove(path),
                Action::Unlink(path) => esp()?.unlink(path),
                Action::Rename { from, to } => esp()?.rename(&entry_path(from), &entry_path(to)),
                Action::Publish { temp, name } => esp()?.rename(temp, &entry_path(name)),
                Action::Invalidate(slot) => self.slot(*slot).invalidate(),
                Action::WriteSlot(slot, _) => content()?.write_slot(self.slot(*slot)),
                Action::VerifySlot(slot, usrhash) => self.verify(*slot, *usrhash),
                Action::WriteUki(path) => {
                    let uki = content()?.uki()?;
                    esp()?.create(path, uki.size, uki.content)
                }
                Action::VerifyUki(path) => {
                    let wanted = content()?.uki()?.sha256;
                    if esp()?.sha256(path)? != wanted {
                        bail!("what is on the disk is not what was written: the disk may be failing");
                    }
                    Ok(())
                }
            }
        };
        act().with_context(|| action.to_string())
    }

    /// A slot that is not what it must be is given up, so that nothing takes it for whole.
    fn verify(&self, slot: Slot, usrhash: verity::RootHash) -> Result<()> {
        let slot = self.slot(slot);
        slot.verify(usrhash).inspect_err(|_| _ = slot.invalidate())
    }

    /// Tidies up what a power cut left. Gives what was done.
    ///
    /// While a slot cannot be read no entry goes: a disk may answer again, and a UKI does not come back.
    ///
    /// # Errors
    /// The disk cannot be read or written.
    pub fn repair(&self) -> Result<Vec<Action>> {
        let (machine, is_known) = self.look()?;
        let mut actions = slots::repair(&machine);
        actions.retain(|action| is_known || !matches!(action, Action::RemoveEntry(_)));
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
