//! A partition of the config, in the disk's own measures.

use std::collections::BTreeSet;

use disk_table::{Geometry, Partition, Table};
use ignition::config;
use layout::Guid;
use layout::disk::{MIB, ROOT};

use super::Refusal;

/// A partition of the config.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub index: usize,
    pub number: Option<u32>,
    pub should_exist: bool,
    pub start: Option<u64>,
    pub size: Option<u64>,
    pub type_guid: Option<Guid>,
    pub guid: Option<Guid>,
    pub label: Option<String>,
    pub wipe: bool,
    pub resize: bool,
}

impl Wanted {
    pub fn of(
        index: usize,
        p: &config::Partition,
        geometry: Geometry,
        capacity: u32,
    ) -> Result<Self, Refusal> {
        let refuse =
            |cause: String, next_step: &str| Refusal { index, cause, next_step: next_step.to_owned() };
        let blocks = |what: &str, mib: Option<i64>| {
            let blocks = |mib: i64| u64::try_from(mib).ok()?.checked_mul(MIB / geometry.block_size);
            mib.map(|mib| {
                blocks(mib).ok_or_else(|| refuse(format!("{what} is {mib}"), "a size that a disk can have"))
            })
            .transpose()
        };
        let guid = |what: &str, text: &Option<String>| match text.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => {
                let parsed = text.to_ascii_lowercase().parse::<Guid>().ok();
                parsed
                    .map(Some)
                    .ok_or_else(|| refuse(format!("{what} '{text}' is no GUID"), "a GUID of 36 characters"))
            }
        };
        let number = match p.number.unwrap_or(0) {
            0 => None,
            number => match u32::try_from(number).ok().filter(|number| *number <= capacity) {
                None => {
                    let cause = format!("the disk's table has no place for number {number}");
                    return Err(refuse(cause, &format!("a number up to {capacity}")));
                }
                number => number,
            },
        };
        Ok(Self {
            index,
            number,
            should_exist: p.should_exist != Some(false),
            start: blocks("startMiB", p.start_mib)?,
            size: blocks("sizeMiB", p.size_mib)?,
            type_guid: guid("typeGuid", &p.type_guid)?,
            guid: guid("guid", &p.guid)?,
            label: p.label.clone(),
            wipe: p.wipe_partition_entry == Some(true),
            resize: p.resize == Some(true),
        })
    }

    /// A config that was written for another system calls ROOT `root`, or has another number for it.
    pub fn take_for_root(&mut self, table: &Table) -> Option<String> {
        let root = table.find(&ROOT)?;
        let label = self.label.as_deref().filter(|label| label.eq_ignore_ascii_case(ROOT.label))?;
        let note =
            (label != ROOT.label || self.number.is_some_and(|number| number != root.number)).then(|| {
                let number = self.number.map(|number| format!(" (number {number})")).unwrap_or_default();
                format!(
                    "the partition {label}{number} of the config is {} here, number {}",
                    ROOT.label, root.number
                )
            });
        self.number = Some(root.number);
        self.label = Some(ROOT.label.to_owned());
        note
    }

    pub fn refuse(&self, cause: String, next_step: impl Into<String>) -> Refusal {
        Refusal { index: self.index, cause, next_step: next_step.into() }
    }
}

/// What has no number, and is on the disk already by its label, has that one's number: so a config can be followed a
/// second time, after a first that broke off.
pub fn find_by_label(wanted: &mut [Wanted], there: &[Partition]) {
    let mut named: BTreeSet<u32> = wanted.iter().filter_map(|w| w.number).collect();
    for w in wanted.iter_mut().filter(|w| w.number.is_none()) {
        let found = there.iter().find(|p| Some(&p.name) == w.label.as_ref() && !named.contains(&p.number));
        if let Some(found) = found {
            w.number = Some(found.number);
            named.insert(found.number);
        }
    }
}
