//! Guard and loader: those that a version brought are tried once, and kept where they work.
//!
//! `berth-boot-chain.service`, which `updater bless` has started where there is something to do. Crate `boot-chain` has
//! what is decided, and why.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use boot_chain::{Chain, Facts, Firmware, Plan, Record, Step, decide, entry, give_up};
use deployment::{BootChain, Deployment};
use layout::esp::{LOADER_IMAGE_VARIABLE, loader_variable};
use layout::path::{BOOT_CHAIN_STATE, EFI_VARIABLES};
use manifest::{Sha256, Version};
use sha2::Digest;
use sys::efi::Variables;
use unit::control::{JobAction, Request};
use updater::Store;

use crate::{boot, note};

/// Does it.
const UNIT: &str = "berth-boot-chain.service";
/// How often there is something to do at most: a trial ends, and another begins.
const ROUNDS: usize = 4;

/// Has it done, where there is something to do. This boot is good.
///
/// # Errors
/// PID 1 does not take the order.
pub fn order(version: &Version) -> Result<()> {
    if !read().is_due(version) {
        return Ok(());
    }
    let units = vec![UNIT.to_owned()];
    init_client::order(&Request::Job { action: JobAction::Start, units, wait: false })
}

/// Runs `updater boot-chain`.
///
/// # Errors
/// The ESP is in use, or something cannot be read or written. The next good boot goes on.
pub fn run() -> Result<()> {
    let machine = Machine::look()?;
    for _ in 0..ROUNDS {
        let record = read();
        let plan = decide(&record, &machine.facts()?);
        if plan.steps.is_empty() {
            break;
        }
        machine.follow(plan)?;
    }
    Ok(())
}

/// What is remembered. A record that makes no sense counts as none: all is looked at again.
fn read() -> Record {
    let text = match fs::read_to_string(BOOT_CHAIN_STATE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Record::default(),
        text => text.map_err(anyhow::Error::from),
    };
    let record = text.and_then(|text| Ok(Record::from_json(&text)?));
    record.unwrap_or_else(|error| {
        eprintln!("{BOOT_CHAIN_STATE}: {error:#}; it is taken for empty");
        Record::default()
    })
}

fn remember(record: &Record) -> Result<()> {
    let store = Store::system();
    let folder = store.folder()?;
    sys::file::replace_synced(Path::new(BOOT_CHAIN_STATE), record.to_json().as_bytes(), 0o600)?;
    Ok(sys::file::sync_folder(folder)?)
}

/// What guard and loader depend on.
struct Machine {
    version: Version,
    boot: String,
    shipped: Chain<Vec<u8>>,
    digests: Chain<Sha256>,
    esp: BootChain,
    firmware: Option<Memory>,
}

/// Firmware's variables, and what they say or would say of a trial.
struct Memory {
    variables: Variables,
    entry: Vec<u8>,
}

impl Machine {
    fn look() -> Result<Self> {
        let deployment = Deployment::of_running()?;
        let shipped =
            Chain::each(|part| fs::read(part.shipped()).with_context(|| format!("read {}", part.shipped())))?;
        let firmware = Variables::at(EFI_VARIABLES).zip(deployment.esp_partition());
        Ok(Self {
            version: boot::version()?,
            boot: boot::id(),
            digests: Chain { guard: sha256(&shipped.guard), loader: sha256(&shipped.loader) },
            shipped,
            esp: deployment.boot_chain()?,
            firmware: firmware.map(|(variables, esp)| Memory { variables, entry: entry::trial(esp) }),
        })
    }

    fn facts(&self) -> Result<Facts<'_>> {
        let firmware = self.firmware.as_ref();
        let loader = loader_variable(LOADER_IMAGE_VARIABLE);
        let loader = firmware.map(|firmware| firmware.variables.text(&loader)).transpose()?.flatten();
        Ok(Facts {
            version: &self.version,
            boot: &self.boot,
            shipped: self.digests,
            kept: self.esp.kept()?,
            trial: self.esp.trial()?,
            by_trial: loader.is_some_and(|path| entry::is_by_trial(&path)),
            firmware: firmware.map(Memory::look).transpose()?,
        })
    }

    /// Does what is decided. Where firmware does not take what it is to keep, the trial ends.
    fn follow(&self, plan: Plan) -> Result<()> {
        if let Some(text) = &plan.say {
            println!("{text}");
        }
        for step in &plan.steps {
            match (step, self.act(step)) {
                (_, Ok(())) => {}
                (Step::MakeEntry | Step::StartNext, Err(error)) => {
                    let plan = give_up(&read(), &format!("firmware does not take it: {error:#}"));
                    return self.follow(plan);
                }
                // What it still keeps leads nowhere, once the files are gone.
                (Step::ForgetEntry, error) => note(error),
                (_, error) => return error,
            }
        }
        Ok(())
    }

    fn act(&self, step: &Step) -> Result<()> {
        let firmware = || self.firmware.as_ref().context("firmware keeps no variables");
        match step {
            Step::Remember(record) => remember(record),
            Step::RemoveFiles => self.esp.remove_trial(),
            Step::Write(part) => self.esp.write(*part, self.shipped.get(*part), *self.digests.get(*part)),
            Step::MakeEntry => firmware()?.make(),
            Step::StartNext => firmware()?.start_next(),
            Step::ForgetEntry => self.firmware.as_ref().map_or(Ok(()), Memory::forget),
            Step::Keep(part) => self.esp.keep(*part),
        }
    }
}

impl Memory {
    fn look(&self) -> Result<Firmware> {
        let number = self.number()?;
        let next = self.variables.read(&entry::next_variable())?;
        let is_next = number.is_some_and(|number| next == Some(number.to_le_bytes().to_vec()));
        Ok(Firmware { has_entry: number.is_some(), is_next })
    }

    /// The numbers of firmware's entries.
    fn numbers(&self) -> Result<Vec<u16>> {
        Ok(self.variables.names()?.iter().filter_map(|name| entry::number(name)).collect())
    }

    /// The number of our entry.
    fn number(&self) -> Result<Option<u16>> {
        for number in self.numbers()? {
            if self.variables.read(&entry::variable(number))?.as_ref() == Some(&self.entry) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn make(&self) -> Result<()> {
        if self.number()?.is_some() {
            return Ok(());
        }
        let taken = self.numbers()?;
        let Some(number) = (0..=u16::MAX).find(|number| !taken.contains(number)) else {
            bail!("it has no room for an entry");
        };
        Ok(self.variables.write(&entry::variable(number), &self.entry)?)
    }

    fn start_next(&self) -> Result<()> {
        let number = self.number()?.context("it has lost the entry")?;
        Ok(self.variables.write(&entry::next_variable(), &number.to_le_bytes())?)
    }

    fn forget(&self) -> Result<()> {
        if self.look()?.is_next {
            self.variables.remove(&entry::next_variable())?;
        }
        while let Some(number) = self.number()? {
            self.variables.remove(&entry::variable(number))?;
        }
        Ok(())
    }
}

fn sha256(content: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(content).into())
}
