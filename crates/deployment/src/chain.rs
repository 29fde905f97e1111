//! Guard and loader on the ESP; crate `boot-chain` decides what becomes of them.

use anyhow::{Context, Result, bail};
use boot_chain::{Chain, Part};
use layout::esp::TRIAL_DIR;
use manifest::Sha256;

use crate::Deployment;
use crate::esp::Opened;

/// The ESP's guard and loader, and those on trial. As long as this is there nobody else changes the ESP.
pub struct BootChain {
    esp: Opened,
}

impl Deployment {
    /// Guard and loader.
    ///
    /// # Errors
    /// The ESP cannot be opened, or is mounted.
    pub fn boot_chain(&self) -> Result<BootChain> {
        Ok(BootChain { esp: Opened::write(&self.esp)? })
    }

    /// The partition that the ESP is, as firmware names it; none where only its content is known.
    pub fn esp_partition(&self) -> Option<&boot_chain::entry::Partition> {
        self.esp_partition.as_ref()
    }
}

impl BootChain {
    /// What boots.
    ///
    /// # Errors
    /// The ESP cannot be read.
    pub fn kept(&self) -> Result<Chain<Option<Sha256>>> {
        Chain::each(|part| self.digest(part.kept()))
    }

    /// What is on trial.
    ///
    /// # Errors
    /// The ESP cannot be read.
    pub fn trial(&self) -> Result<Chain<Option<Sha256>>> {
        Chain::each(|part| self.digest(part.trial()))
    }

    fn digest(&self, path: &str) -> Result<Option<Sha256>> {
        let digest = self.esp.digest(path).with_context(|| format!("read {path} of the ESP"))?;
        Ok(digest.map(Sha256))
    }

    /// Writes a part to its place on trial, and reads it back from the disk.
    ///
    /// # Errors
    /// It cannot be written, or is something else when it is read back.
    pub fn write(&self, part: Part, content: &[u8], wanted: Sha256) -> Result<()> {
        let path = part.trial();
        self.esp
            .create(path, content.len() as u64, content)
            .with_context(|| format!("write {path} of the ESP"))?;
        if self.digest(path)? != Some(wanted) {
            bail!("{path} of the ESP is not what was written: the disk may be failing");
        }
        Ok(())
    }

    /// Has what is on trial take the place of what boots, by one write. It keeps its own name until
    /// [`BootChain::remove_trial`].
    ///
    /// # Errors
    /// One of the two is not there, or the ESP cannot be written.
    pub fn keep(&self, part: Part) -> Result<()> {
        let (kept, trial) = (part.kept(), part.trial());
        self.esp.repoint(kept, trial).with_context(|| format!("have {kept} of the ESP be {trial}"))
    }

    /// Takes the files on trial away, as far as they are there, and what no name leads to then.
    ///
    /// # Errors
    /// The ESP cannot be written.
    pub fn remove_trial(&self) -> Result<()> {
        self.esp.empty(TRIAL_DIR).with_context(|| format!("empty {TRIAL_DIR} of the ESP"))
    }
}
