//! What stage 1 is to do with the disks that it sees: decided here, done elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use layout::disk::ROOT;
use layout::{Guid, Slot};
use verity::{RootHash, Superblock};

use crate::arguments::{Arguments, RootSource, UsrSource};
use disk_table as gpt;

/// A disk with our labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Kernel name.
    pub name: String,
    /// Where it is attached (its path in sysfs).
    pub place: PathBuf,
    /// Its partition table.
    pub loaded: gpt::Loaded,
    /// What the hash partition of each slot says.
    pub slots: [(Slot, SlotState); 2],
}

/// What was found in a slot's hash partition.
#[derive(Debug, Clone, PartialEq)]
pub enum SlotState {
    /// A hash tree.
    Tree {
        /// What its superblock says.
        superblock: Superblock,
        /// The digest of its top block.
        root_hash: RootHash,
    },
    /// No hash tree, and why.
    None(String),
}

/// A disk seen by the kernel.
#[derive(Debug, Clone, PartialEq)]
pub enum Disk {
    /// One of ours.
    Ours(Box<Candidate>),
    /// Another, and why it is none of ours.
    Other {
        /// Kernel name.
        name: String,
        /// What it lacks.
        reason: String,
    },
    /// One that was asked and has not answered.
    Silent {
        /// Kernel name.
        name: String,
    },
}

/// How long it is worth waiting for another disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The disk must come: nothing can be done without it.
    Long,
    /// A disk is there that will not do; another may be on its way.
    Short,
}

/// How long the boot disk may take to appear: controllers that look at many disks, one after the other, and fabrics take
/// more than a minute.
const LONG: Duration = Duration::from_secs(100);
/// How long another disk may take when one is there that will not do.
const SHORT: Duration = Duration::from_secs(10);

/// How long the search for a disk goes on.
#[derive(Debug, Default)]
pub struct Waiting {
    /// When a disk was there first that would not do.
    short_since: Option<Duration>,
}

impl Waiting {
    /// What is left of the patience that a decision gave, `spent` after the search began.
    pub fn left(&mut self, patience: Patience, spent: Duration) -> Duration {
        let until = match patience {
            Patience::Long => LONG,
            Patience::Short => *self.short_since.get_or_insert(spent) + SHORT,
        };
        until.saturating_sub(spent)
    }
}

/// How long disks that do not answer are waited for where those that do leave a choice.
pub const STRAGGLERS: Duration = Duration::from_secs(5);
/// The same where they leave none. A disk that is well answers sooner, so that of a disk and its copy the same one is
/// taken each time.
const A_MOMENT: Duration = Duration::from_millis(500);

/// How long disks that were asked and do not answer are waited for before a decision that was made without them is
/// followed.
pub fn grace(arguments: &Arguments, esp: Option<Guid>, decision: &Decision) -> Duration {
    match decision {
        // One that is named was found, or else the one that the loader was started from.
        Decision::Boot(boot) if arguments.disk.is_some() || (esp.is_some() && boot.remark.is_none()) => {
            A_MOMENT
        }
        Decision::Boot(_) => STRAGGLERS,
        // What comes of waiting is the same, however long this takes.
        Decision::Wait(..) => A_MOMENT,
        Decision::Fail(_) => Duration::ZERO,
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Boot from this.
    Boot(Box<Boot>),
    /// Wait for another disk; when the time is over, fail so.
    Wait(Patience, Failure),
    /// Nothing that may come would help.
    Fail(Failure),
}

/// What to boot from.
#[derive(Debug, Clone, PartialEq)]
pub struct Boot {
    /// The disk.
    pub disk: Candidate,
    /// Its slot with the wanted root hash.
    pub slot: Slot,
    /// The slot's superblock.
    pub superblock: Superblock,
    /// The slot's root hash.
    pub root_hash: RootHash,
    /// What a person should know of the choice.
    pub remark: Option<String>,
}

/// Why there is nothing to boot, and what a person can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// What is missing, and what was found instead.
    pub cause: String,
    /// What to do next.
    pub next_step: String,
}

impl Candidate {
    fn has_esp(&self, guid: Guid) -> bool {
        self.loaded.table.partitions().iter().any(|p| p.guid == guid)
    }

    fn slot_of(&self, wanted: &RootHash) -> Option<(Slot, &Superblock)> {
        self.slots.iter().find_map(|(slot, state)| match state {
            SlotState::Tree { superblock, root_hash } if root_hash == wanted => Some((*slot, superblock)),
            _ => None,
        })
    }

    fn describe_slots(&self) -> String {
        let describe = |(slot, state): &(Slot, SlotState)| match state {
            SlotState::Tree { root_hash, .. } => format!("{slot} holds {root_hash}"),
            SlotState::None(reason) => format!("{slot} holds nothing ({reason})"),
        };
        format!("on {}, slot {}", self.name, self.slots.each_ref().map(describe).join(", slot "))
    }
}

/// What a ROOT tells of first boots that has no mark of one that was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traces {
    /// That a first boot has begun. It takes this back once it has written the mark.
    pub begun: bool,
    /// What only a first boot leaves that has done all but write the mark.
    pub finished: bool,
}

/// What a boot of a ROOT without the mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmarked {
    /// One that makes a machine of the image.
    First,
    /// One that is to leave the machine as it is.
    Later,
    /// One of a machine that has lost the mark. To provision it again may wipe its disks, so a person has to say so.
    Lost,
}

/// Says so, from what it is started with and what ROOT tells.
pub fn unmarked(arguments: &Arguments, traces: Traces) -> Unmarked {
    match arguments.first_boot {
        Some(true) => Unmarked::First,
        Some(false) => Unmarked::Later,
        None if arguments.root != RootSource::Disk => Unmarked::Later,
        None if traces.finished && !traces.begun => Unmarked::Lost,
        None => Unmarked::First,
    }
}

/// Decides what to boot from the disks that are there now. `esp` is the PARTUUID of the ESP that the
/// loader was started from, where the firmware says.
///
/// The disk is the one that `berth.disk=` names, else the one with that ESP, else one with our
/// labels. Of several (a copy of a machine's disk has its ESP too), those with the wanted root hash come
/// first, then the one that is attached first: an order that does not change with that in which the kernel
/// finds them.
pub fn decide(arguments: &Arguments, esp: Option<Guid>, disks: &[Disk]) -> Decision {
    let UsrSource::Slot(wanted) = &arguments.usr;
    let ours =
        || disks.iter().filter_map(|disk| if let Disk::Ours(c) = disk { Some(c.as_ref()) } else { None });
    if let Some(name) = &arguments.disk {
        return match disks.iter().find(|disk| disk.name() == name) {
            Some(Disk::Ours(candidate)) => Choice::certain(candidate).decide(arguments),
            Some(Disk::Other { reason, .. }) => Decision::Fail(Failure {
                cause: format!("berth.disk={name} is not a Berth disk: {reason}"),
                next_step: "name a disk that Berth is installed on, or leave berth.disk= out".into(),
            }),
            Some(Disk::Silent { .. }) | None => {
                wait(disks, format!("the disk {name} (named by berth.disk=)"))
            }
        };
    }
    let is_meant = |candidate: &&Candidate| esp.is_none_or(|esp| candidate.has_esp(esp));
    let mut candidates: Vec<_> = ours().filter(is_meant).collect();
    candidates.sort_by_key(|c| (c.slot_of(wanted).is_none(), &c.place));
    match (candidates.split_first(), esp) {
        (None, Some(esp)) => {
            wait(disks, format!("the disk that the loader was started from (its ESP has PARTUUID {esp})"))
        }
        (None, None) => wait(disks, "a disk with Berth's partitions".into()),
        (Some((first, others)), _) => {
            let names: Vec<_> = others.iter().map(|c| c.name.as_str()).collect();
            let what = match esp {
                Some(_) => "the ESP that was booted from, being copies of one disk,",
                None => "Berth's labels",
            };
            let several = || {
                format!(
                    "several disks carry {what} and the firmware does not say which one was booted: \
                 taking {}, not {}; berth.disk= names another",
                    first.name,
                    names.join(", ")
                )
            };
            let remark = (!others.is_empty()).then(several);
            Choice { candidate: first, certain: false, remark }.decide(arguments)
        }
    }
}

/// The disk that the loader was started from, where that is certain and neither of its slots holds the wanted `/usr`.
pub fn lost<'a>(arguments: &Arguments, esp: Option<Guid>, disks: &'a [Disk]) -> Option<&'a Candidate> {
    let UsrSource::Slot(wanted) = &arguments.usr;
    let esp = esp?;
    let mut meant = disks.iter().filter_map(|disk| match disk {
        Disk::Ours(candidate) if candidate.has_esp(esp) => Some(candidate.as_ref()),
        _ => None,
    });
    let only = meant.next().filter(|candidate| candidate.slot_of(wanted).is_none())?;
    let is_named = arguments.disk.as_ref().is_none_or(|name| *name == only.name);
    (is_named && arguments.root == RootSource::Disk && meant.next().is_none()).then_some(only)
}

/// The disk to boot from, if it holds what is wanted.
struct Choice<'a> {
    candidate: &'a Candidate,
    /// Whether no other disk can be the one.
    certain: bool,
    remark: Option<String>,
}

impl<'a> Choice<'a> {
    fn certain(candidate: &'a Candidate) -> Self {
        Self { candidate, certain: true, remark: None }
    }

    fn decide(self, arguments: &Arguments) -> Decision {
        let UsrSource::Slot(wanted) = &arguments.usr;
        let Self { candidate, certain, remark } = self;
        let Some((slot, superblock)) = candidate.slot_of(wanted) else {
            let slots = candidate.describe_slots();
            let failure = Failure {
                cause: format!(
                    "no slot holds the /usr that this kernel was made for (usrhash={wanted}): {slots}"
                ),
                next_step: "choose another version in the boot menu, or write the image to the disk anew"
                    .into(),
            };
            return if certain { Decision::Fail(failure) } else { Decision::Wait(Patience::Short, failure) };
        };
        if arguments.root == RootSource::Disk && candidate.loaded.table.find(&ROOT).is_none() {
            return Decision::Fail(Failure {
                cause: format!("{} has no partition {}", candidate.name, ROOT.label),
                next_step: "write the image to the disk anew, or boot with root=tmpfs to look at it".into(),
            });
        }
        let superblock = superblock.clone();
        let boot = Boot { disk: candidate.clone(), slot, superblock, root_hash: *wanted, remark };
        Decision::Boot(Box::new(boot))
    }
}

fn wait(disks: &[Disk], what: String) -> Decision {
    let describe = |disk: &Disk| match disk {
        Disk::Ours(candidate) => format!("{} (Berth's, another one)", candidate.name),
        Disk::Other { name, reason } => format!("{name} ({reason})"),
        Disk::Silent { name } => format!("{name} (it does not answer)"),
    };
    let seen: Vec<_> = disks.iter().map(describe).collect();
    let seen = if seen.is_empty() { "no disk".to_owned() } else { seen.join(", ") };
    Decision::Wait(
        Patience::Long,
        Failure {
            cause: format!("{what} has not appeared; seen: {seen}"),
            next_step: "check the disk and its cabling or, in a virtual machine, that its controller is \
                        one that the kernel has a driver for"
                .into(),
        },
    )
}

impl Disk {
    /// Kernel name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ours(candidate) => &candidate.name,
            Self::Other { name, .. } | Self::Silent { name } => name,
        }
    }
}
