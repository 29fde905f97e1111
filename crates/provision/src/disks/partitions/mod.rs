//! What a disk's partitions become, as the config has them: decided here, done in [`super::table`].
//!
//! The rules are those of the reference's operator notes: a partition that is there must be as the config says, or
//! the config must allow that it is made anew (`wipePartitionEntry`) or resized (`resize`). Two things are added:
//! a partition without a number that is on the disk already, by its label, is that one, so that a config can be
//! followed twice; and on the boot disk nothing may change that the system runs from.

mod boot_disk;
mod wanted;
mod words;

use std::collections::BTreeSet;

use disk_table::{Geometry, Partition, Table};
use ignition::config;
use layout::Guid;
use layout::disk::{KEEP_SIZE, LINUX_DATA_TYPE};

use super::placement::{Span, place};
use boot_disk::{allow, is_root, warn_of_small_root};
use wanted::{Wanted, find_by_label};
use words::{describe, named, show};

pub use boot_disk::BootDisk;

/// What the partitions become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The table as it will be. A new partition to which the config gives no GUID has none yet ([`Guid::NIL`]).
    pub table: Table,
    /// The partitions whose entries change, by the place in the config of what changes them.
    pub changes: Vec<Change>,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

/// A change of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Which of the config's partitions says so.
    pub index: usize,
    /// The partition's number.
    pub number: u32,
    /// What happens to it.
    pub kind: Kind,
}

/// What happens to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Created,
    /// It goes.
    Deleted,
    /// It goes, and another takes its number.
    Replaced,
    /// Its end moves.
    Resized,
    /// What its entry says beyond that.
    Marked,
}

impl Kind {
    /// What happened to partition `number` of `disk`.
    pub fn describe(self, number: u32, disk: &str) -> String {
        let happened = match self {
            Self::Created => "is new",
            Self::Deleted => "is deleted",
            Self::Replaced => "is made anew",
            Self::Resized => "has another size",
            Self::Marked => "keeps its size",
        };
        format!("partition {number} of {disk} {happened}")
    }
}

/// Why the config cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the config's partitions.
    pub index: usize,
    /// Why.
    pub cause: String,
    /// What to do.
    pub next_step: String,
}

/// A partition of the config with its number and, where it is to be, its place.
#[derive(Debug, Clone)]
struct Placed {
    wanted: Wanted,
    number: u32,
    span: Option<Span>,
}

/// Decides what becomes of a disk's `table`. `boot` is there for the disk that the machine was booted from.
///
/// # Errors
/// The config does not fit what is there, or would harm the system.
pub fn plan(
    table: &Table,
    geometry: Geometry,
    boot: Option<BootDisk>,
    partitions: &[config::Partition],
) -> Result<Plan, Refusal> {
    // A disk that has grown since its table was made is as it should be if it was so before: only a table that is
    // written anyhow takes the new space.
    let as_it_is = decide(table.clone(), geometry, boot, partitions);
    match as_it_is {
        Ok(plan) if plan.changes.is_empty() => Ok(plan),
        _ => {
            let mut table = table.clone();
            table.use_whole_disk(geometry);
            decide(table, geometry, boot, partitions)
        }
    }
}

fn decide(
    table: Table,
    geometry: Geometry,
    boot: Option<BootDisk>,
    partitions: &[config::Partition],
) -> Result<Plan, Refusal> {
    let there = table.partitions();
    let mut notes = Vec::new();
    let mut wanted: Vec<Wanted> = Vec::new();
    for (index, partition) in partitions.iter().enumerate() {
        let mut partition = Wanted::of(index, partition, geometry, table.capacity())?;
        if boot.is_some() {
            notes.extend(partition.take_for_root(&table));
        }
        wanted.push(partition);
    }
    // Those that take what number is free come last, wherever they stand.
    wanted.sort_by_key(|w| w.number.is_none());
    find_by_label(&mut wanted, &there);
    let placed = place_all(&table, geometry, wanted, &there)?;

    let mut plan = Plan { table, changes: vec![], notes };
    let mut entries: Vec<Partition> = Vec::new();
    for this in &placed {
        // Its number has become another's.
        let is_taken = |other: &Placed| other.number == this.number && other.wanted.should_exist;
        if !this.wanted.should_exist && placed.iter().any(is_taken) {
            continue;
        }
        let old = there.iter().find(|p| p.number == this.number);
        if let Some((kind, entry)) = step(this, old, geometry, boot.is_some())? {
            if let Some(boot) = boot {
                allow(this, kind, old, entry.as_ref(), geometry, boot)?;
            }
            if kind != Kind::Marked {
                plan.table.remove(this.number);
            }
            entries.extend(entry);
            plan.changes.push(Change { index: this.wanted.index, number: this.number, kind });
        }
    }
    entries.iter().for_each(|entry| plan.table.insert(entry));
    if boot.is_some() && !plan.changes.is_empty() {
        plan.notes.extend(warn_of_small_root(&plan.table, geometry));
    }
    Ok(plan)
}

/// Gives each its number and place, as if all of them were made anew, in their order, beside those that the config
/// does not name.
fn place_all(
    table: &Table,
    geometry: Geometry,
    wanted: Vec<Wanted>,
    there: &[Partition],
) -> Result<Vec<Placed>, Refusal> {
    let mut imagined = table.clone();
    let mut used: BTreeSet<u32> = there.iter().map(|p| p.number).collect();
    for w in &wanted {
        if let Some(number) = w.number {
            imagined.remove(number);
            match w.should_exist {
                true => used.insert(number),
                false => used.remove(&number),
            };
        }
    }
    let mut placed = Vec::new();
    for wanted in wanted {
        let free = || (1..=table.capacity()).find(|number| !used.contains(number));
        let Some(number) = wanted.number.or_else(free) else {
            return Err(wanted.refuse("the disk's table is full".to_owned(), "fewer partitions"));
        };
        let span = if wanted.should_exist {
            used.insert(number);
            let old = there.iter().find(|p| p.number == number && !wanted.wipe);
            let start = wanted.start.or(old.map(|p| p.first)).unwrap_or(0);
            let size = wanted.size.or(old.map(|p| p.last + 1 - p.first)).unwrap_or(0);
            let span = place(&imagined, geometry, start, size);
            let span =
                span.map_err(|no_place| describe(&wanted, number, &no_place, start, size, geometry, there))?;
            imagined.insert(&entry(number, LINUX_DATA_TYPE, Guid::NIL, span, ""));
            Some(span)
        } else {
            None
        };
        placed.push(Placed { wanted, number, span });
    }
    Ok(placed)
}

/// What is done for one partition, and its new entry.
fn step(
    placed: &Placed,
    old: Option<&Partition>,
    geometry: Geometry,
    is_boot: bool,
) -> Result<Option<(Kind, Option<Partition>)>, Refusal> {
    let Placed { wanted, number, span } = placed;
    let root = old.filter(|old| is_boot && is_root(old));
    let new = |span: &Span| {
        let label = wanted.label.as_deref().unwrap_or_default();
        let guid = wanted.guid.unwrap_or(Guid::NIL);
        let usual = root.map_or(LINUX_DATA_TYPE, |root| root.type_guid);
        Some(entry(*number, wanted.type_guid.unwrap_or(usual), guid, *span, label))
    };
    let (old, span) = match (old, span) {
        (None, None) => return Ok(None),
        (None, Some(span)) => return Ok(Some((Kind::Created, new(span)))),
        (Some(_), None) if wanted.wipe => return Ok(Some((Kind::Deleted, None))),
        (Some(old), None) => {
            let cause = format!("partition {number} ({}) is there, and is not to be", named(old));
            return Err(wanted.refuse(cause, "wipePartitionEntry: true, if what is on it may go"));
        }
        (Some(old), Some(span)) => (old, span),
    };
    let differences = differences(wanted, old, *span, geometry);
    let only_size = differences.iter().all(|difference| difference.is_size);
    // A size that the config gives ROOT is kept: what is left behind it is left on purpose.
    let keeps_size = root.is_some() && wanted.size.is_some_and(|size| size != 0);
    let attributes = old.attributes | if keeps_size { KEEP_SIZE } else { 0 };
    if differences.is_empty() {
        let marked = (attributes != old.attributes).then(|| Partition { attributes, ..old.clone() });
        return Ok(marked.map(|entry| (Kind::Marked, Some(entry))));
    }
    if only_size && (wanted.resize || wanted.wipe && root.is_some()) {
        return Ok(Some((Kind::Resized, Some(Partition { last: span.last, attributes, ..old.clone() }))));
    }
    if wanted.wipe {
        return Ok(Some((Kind::Replaced, new(span).map(|entry| Partition { attributes, ..entry }))));
    }
    let differences: Vec<&str> = differences.iter().map(|difference| difference.text.as_str()).collect();
    let cause =
        format!("partition {number} ({}) is there and differs: {}", named(old), differences.join("; "));
    let next_step = match only_size {
        true => {
            "resize: true, to move its end; wipePartitionEntry: true, if what is on it may go; or its real size"
        }
        false => "wipePartitionEntry: true, if what is on it may go; or what it really is",
    };
    Err(wanted.refuse(cause, next_step))
}

struct Difference {
    is_size: bool,
    text: String,
}

fn differences(wanted: &Wanted, old: &Partition, span: Span, geometry: Geometry) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |is_size: bool, what: &str, wanted: String, has: String| {
        found.push(Difference { is_size, text: format!("its {what} is {has}, not {wanted}") });
    };
    let mib = |blocks: u64| show(blocks, geometry);
    if span.first != old.first {
        differ(false, "start", mib(span.first), mib(old.first));
    }
    let size = old.last + 1 - old.first;
    if span.blocks() != size {
        differ(true, "size", mib(span.blocks()), mib(size));
    }
    for (what, wanted, has) in [("GUID", wanted.guid, old.guid), ("type", wanted.type_guid, old.type_guid)] {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != has) {
            differ(false, what, wanted.to_string(), has.to_string());
        }
    }
    if let Some(label) = wanted.label.as_ref().filter(|label| **label != old.name) {
        differ(false, "label", format!("'{label}'"), format!("'{}'", old.name));
    }
    found
}

fn entry(number: u32, type_guid: Guid, guid: Guid, span: Span, name: &str) -> Partition {
    Partition {
        number,
        type_guid,
        guid,
        first: span.first,
        last: span.last,
        attributes: 0,
        name: name.to_owned(),
    }
}
