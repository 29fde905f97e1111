//! What is to be done.

use manifest::{Sha256, Version};

use crate::{Chain, Part, Record, Stage, Trial};

/// In how many boots a trial is prepared that something interrupts each time, be it firmware itself.
pub const ATTEMPTS: u32 = 3;

/// What there is. This boot was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The version that runs.
    pub version: &'a Version,
    /// This boot's id.
    pub boot: &'a str,
    /// The chain in `/usr`.
    pub shipped: Chain<Sha256>,
    /// The chain on the ESP that boots; none of what is not there.
    pub kept: Chain<Option<Sha256>>,
    /// The one on trial beside it.
    pub trial: Chain<Option<Sha256>>,
    /// Whether this boot is by the loader on trial: the loader says so itself.
    pub by_trial: bool,
    /// What firmware keeps; none where it keeps no variables, or nobody can write them.
    pub firmware: Option<Firmware>,
}

/// What firmware keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Whether it has our entry for the trial.
    pub has_entry: bool,
    /// Whether it is told to start that next.
    pub is_next: bool,
}

/// What is to be done, in this order, each on the disk or in firmware before the next begins. Each may be done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Remember this.
    Remember(Record),
    /// Take the files on trial away.
    RemoveFiles,
    /// Write a part of `/usr` to its place on trial, and read it back.
    Write(Part),
    /// Have firmware keep an entry for the trial.
    MakeEntry,
    /// Have firmware start it next.
    StartNext,
    /// Take both back.
    ForgetEntry,
    /// Have the kept name of a part stand for the one on trial.
    Keep(Part),
}

/// What is to be done, and what to tell people of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps. None: there is nothing to do.
    pub steps: Vec<Step>,
    /// What to tell.
    pub say: Option<String>,
}

/// What is to be done. After that it is to be asked again, until there is nothing.
pub fn decide(record: &Record, facts: &Facts) -> Plan {
    match &record.trial {
        Some(trial) => go_on(record, trial, facts),
        None => begin(record, facts),
    }
}

fn begin(record: &Record, facts: &Facts) -> Plan {
    let version = facts.version;
    if !record.is_due(version) {
        return Plan::default();
    }
    let is_kept = |part: Part| facts.kept.get(part).as_ref() == Some(facts.shipped.get(part));
    let old = || "the machine keeps the boot loader that it has";
    let note = if Part::ALL.into_iter().all(is_kept) {
        return settled(record, version, None);
    } else if facts.kept.guard.is_none() || facts.kept.loader.is_none() {
        "the ESP does not have a guard and a loader where they belong: they are not updated".to_owned()
    } else if record.is_refused(&facts.shipped) {
        format!("the boot loader of {version} failed here before: {}", old())
    } else if facts.firmware.is_none() {
        format!(
            "firmware takes no variables, so that the boot loader of {version} cannot be tried: {}",
            old()
        )
    } else {
        return prepare(record, 1, facts);
    };
    settled(record, version, Some(note))
}

fn settled(record: &Record, version: &Version, note: Option<String>) -> Plan {
    let mut record = record.clone();
    record.settle(version, note.clone());
    Plan { steps: vec![Step::Remember(record)], say: note }
}

fn prepare(record: &Record, attempt: u32, facts: &Facts) -> Plan {
    let at = |stage| {
        let trial = Trial {
            version: facts.version.clone(),
            chain: facts.shipped,
            boot: facts.boot.to_owned(),
            attempt,
            stage,
        };
        Step::Remember(Record { trial: Some(trial), note: None, ..record.clone() })
    };
    let steps = vec![
        at(Stage::Preparing),
        Step::ForgetEntry,
        Step::RemoveFiles,
        Step::Write(Part::Guard),
        Step::Write(Part::Loader),
        Step::MakeEntry,
        Step::StartNext,
        at(Stage::Armed),
    ];
    let say = format!(
        "the boot loader of {} is another one: the machine tries it at the next start",
        facts.version
    );
    Plan { steps, say: Some(say) }
}

fn go_on(record: &Record, trial: &Trial, facts: &Facts) -> Plan {
    // A boot by one trial may be the one in which the next is prepared.
    let is_same_boot = trial.boot == facts.boot;
    if trial.stage == Stage::Proven || facts.by_trial && !is_same_boot {
        return keep(record, trial, facts);
    }
    if trial.stage == Stage::Preparing {
        let attempt = trial.attempt + u32::from(!is_same_boot);
        return match facts.firmware {
            None => give_up(record, "firmware takes no variables any more"),
            Some(_) if facts.version < &trial.version => give_up(record, "an older version runs again"),
            Some(_) if attempt > ATTEMPTS => give_up(record, "preparing it was interrupted each time"),
            // Where the machine was updated meanwhile, that version's chain is the one.
            Some(_) => prepare(record, attempt, facts),
        };
    }
    if is_same_boot {
        return Plan::default();
    }
    match facts.firmware {
        None => give_up(record, "firmware takes no variables any more"),
        Some(Firmware { has_entry: false, .. }) => {
            give_up(record, "firmware has forgotten that it was to try it")
        }
        Some(Firmware { is_next: true, .. }) => give_up(record, "firmware does not start what it is told to"),
        Some(_) => {
            let mut refusing = record.clone();
            refusing.refuse(trial);
            give_up(&refusing, "the boot with it did not get good")
        }
    }
}

/// A trial ends without a result, or with a bad one: the machine keeps what it has.
pub fn give_up(record: &Record, why: &str) -> Plan {
    let Some(trial) = &record.trial else { return Plan::default() };
    let note = format!(
        "the boot loader of {} is not used ({why}): the machine keeps the one that it has",
        trial.version
    );
    let mut after = record.clone();
    after.settle(&trial.version, Some(note.clone()));
    // Remembered first: where the rest cannot be done it is not tried for ever.
    let steps = vec![Step::Remember(after), Step::ForgetEntry, Step::RemoveFiles];
    Plan { steps, say: Some(note) }
}

fn keep(record: &Record, trial: &Trial, facts: &Facts) -> Plan {
    let wanted = |part: Part| Some(trial.chain.get(part));
    let differs = |part: &Part| facts.kept.get(*part).as_ref() != wanted(*part);
    let missing: Vec<Part> = Part::ALL.into_iter().filter(differs).collect();
    if missing.iter().any(|part| facts.trial.get(*part).as_ref() != wanted(*part)) {
        return give_up(record, "its files on the ESP are not those that were written there");
    }
    let mut steps = Vec::new();
    if trial.stage != Stage::Proven {
        let proven = Trial { stage: Stage::Proven, ..trial.clone() };
        steps.push(Step::Remember(Record { trial: Some(proven), ..record.clone() }));
    }
    steps.extend(missing.into_iter().map(Step::Keep));
    steps.extend([Step::ForgetEntry, Step::RemoveFiles]);
    let mut after = record.clone();
    after.settle(&trial.version, None);
    steps.push(Step::Remember(after));
    let say =
        format!("the boot loader of {} started this machine, and is its own from now on", trial.version);
    Plan { steps, say: Some(say) }
}
