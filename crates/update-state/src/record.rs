//! How it changes.

use layout::Slot;
use manifest::Version;

use crate::{Check, Record, Refused, Staged, State, What};

/// How much of what happened is remembered.
const HISTORY_MAX: usize = 100;
/// How many versions are refused: more have failed on no machine that anybody still updates.
const REFUSED_MAX: usize = 50;
/// The longest text that is kept, in characters.
const TEXT_MAX: usize = 500;

impl State {
    /// The versions that are not taken again by themselves.
    pub fn refused_versions(&self) -> Vec<Version> {
        self.refused.iter().map(|refused| refused.version.clone()).collect()
    }

    /// Notes what a check found.
    pub fn checked(&mut self, at: u64, result: Result<(String, Option<Version>), String>) {
        let ok = result.is_ok();
        let (outcome, available) = result.unwrap_or_else(|why| (why, None));
        self.last_check = Some(Check { at, ok, outcome: short(&outcome), available });
    }

    /// Notes that a version is installed and boots next. It may be tried, whatever was before.
    pub fn installed(&mut self, at: u64, version: &Version, slot: Slot, epoch: u64, from: &Version) {
        self.allow(version);
        self.staged = Some(Staged { version: version.clone(), slot, at, epoch });
        self.note(at, What::Installed, version, Some(from), &format!("to slot {slot}"));
    }

    /// Notes that a version could not be installed. Nothing is staged: what was in the other slot is gone.
    pub fn install_failed(&mut self, at: u64, version: &Version, from: &Version, why: &str) {
        self.staged = None;
        self.note(at, What::InstallFailed, version, Some(from), why);
    }

    /// Notes that the version that runs is good. The security epoch rises to its own.
    pub fn blessed(&mut self, at: u64, version: &Version) {
        if let Some(staged) = self.staged.take_if(|staged| staged.version == *version) {
            self.epoch = self.epoch.max(staged.epoch);
        }
        self.allow(version);
        self.note(at, What::Blessed, version, None, "");
    }

    /// Notes that a version did not get good here, and that another runs again: it is not taken again by itself.
    pub fn failed(&mut self, at: u64, version: &Version, now_runs: &Version, reason: &str) {
        self.staged.take_if(|staged| staged.version == *version);
        self.refuse(at, version, reason);
        self.note(at, What::Failed, version, Some(now_runs), reason);
    }

    /// Notes that somebody had the machine go back from a version: that is not taken again by itself.
    pub fn rolled_back(&mut self, at: u64, from: &Version, to: &Version) {
        self.staged.take_if(|staged| staged.version != *to);
        self.refuse(at, from, "somebody had the machine go back from it");
        self.note(at, What::RolledBack, to, Some(from), "");
    }

    /// Has the machine go to a version and not past it. That somebody wants it is a reason to take it again.
    pub fn pin(&mut self, at: u64, version: &Version) {
        self.allow(version);
        self.pinned = Some(version.clone());
        self.note(at, What::Pinned, version, None, "");
    }

    /// Takes that back.
    pub fn unpin(&mut self, at: u64) {
        if let Some(version) = self.pinned.take() {
            self.note(at, What::Unpinned, &version, None, "");
        }
    }

    /// Takes a version again that was refused.
    pub fn allow(&mut self, version: &Version) {
        self.refused.retain(|refused| refused.version != *version);
    }

    fn refuse(&mut self, at: u64, version: &Version, reason: &str) {
        self.allow(version);
        self.refused.push(Refused { version: version.clone(), reason: short(reason), at });
        let surplus = self.refused.len().saturating_sub(REFUSED_MAX);
        self.refused.drain(..surplus);
    }

    fn note(&mut self, at: u64, what: What, version: &Version, from: Option<&Version>, detail: &str) {
        let detail = short(detail);
        self.history.push(Record { at, what, version: version.clone(), from: from.cloned(), detail });
        let surplus = self.history.len().saturating_sub(HISTORY_MAX);
        self.history.drain(..surplus);
    }
}

fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_MAX).collect()
}
