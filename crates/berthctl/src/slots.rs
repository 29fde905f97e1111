//! `berthctl slots`: what the machine can boot, and what it will.

use std::fs;

use anyhow::{Context, Result, bail};
use deployment::Deployment;
use layout::Slot;
use layout::path::BOOT_CHAIN_STATE;
use serde::Serialize;
use slots::{Entry, Health, Machine, Tries};

use crate::arguments::{self, Takes, long};
use crate::table::{Paint, columns, paint};

const USAGE: &str = "\
usage: berthctl slots [--json]

The two slots: which one runs, the version of each, its boot entry, and what is thought of it: good,
being tried (with the tries left), failed, or not whole. Says what would boot next, what an
interrupted change left, and what there is to say of the boot loader. Needs root.

      --json   as one JSON object";

/// Runs `berthctl slots`.
///
/// # Errors
/// The arguments make no sense, or the disk cannot be read.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [long("json", Takes::Nothing), long("no-pager", Takes::Nothing)];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    if let Some(word) = parsed.words.first() {
        bail!(arguments::Usage(format!("unexpected argument {word}")));
    }
    let deployment = Deployment::of_running()?;
    let machine = deployment.state()?;
    let mut facts = Facts::of(&machine, |slot| holds_something(&deployment, slot));
    facts.loader = loader();
    if parsed.has("json") {
        println!("{}", serde_json::to_string(&facts).context("cannot write JSON")?);
    } else {
        for (line, color) in facts.lines() {
            println!("{}", color.map_or_else(|| line.clone(), |color| paint(&line, color)));
        }
    }
    Ok(0)
}

/// Whether anything was ever written to a slot: an erofs begins within its first block.
fn holds_something(deployment: &Deployment, slot: Slot) -> bool {
    deployment.slot(slot).data.read(0, 4096).is_ok_and(|bytes| bytes.iter().any(|byte| *byte != 0))
}

/// What there is to say of the boot loader: nothing where it is the running version's.
fn loader() -> Option<String> {
    let text = fs::read_to_string(BOOT_CHAIN_STATE).ok()?;
    boot_chain::Record::from_json(&text).ok()?.summary()
}

/// What there is to say.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Facts {
    /// The slot that runs, `A` or `B`.
    running: Option<String>,
    /// The version that would boot next.
    next: Option<String>,
    /// The entry that would boot next.
    next_entry: Option<String>,
    slots: Vec<SlotFacts>,
    /// Entries whose `/usr` is in no slot.
    without_slot: Vec<String>,
    /// What an interrupted change left; the next change tidies it up first.
    left_over: Vec<String>,
    /// What there is to say of the boot loader.
    loader: Option<String>,
}

/// What there is to say of a slot.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct SlotFacts {
    slot: String,
    is_running: bool,
    is_next: bool,
    version: Option<String>,
    /// The root hash of its `/usr`.
    root_hash: Option<String>,
    /// File name of its entry.
    entry: Option<String>,
    state: State,
    tries_left: Option<u32>,
    tries_done: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Good,
    Trying,
    Failed,
    /// It holds a whole `/usr` that nothing boots.
    NoEntry,
    /// It holds no whole `/usr`.
    NotWhole,
    Empty,
}

impl Facts {
    fn of(machine: &Machine, holds_something: impl Fn(Slot) -> bool) -> Self {
        let next = machine.next_entry();
        let slot = |slot: Slot| {
            let content = machine.content(slot);
            let of_slot = |entry: &&Entry| {
                content.is_some() && entry.usrhash == content && machine.slot_of(entry) == Some(slot)
            };
            let entry = slots::default_entry(machine.esp.entries.iter().filter(of_slot));
            let state = match entry.map(|entry| machine.health(entry)) {
                Some(Health::Good) => State::Good,
                Some(Health::Trying { .. }) => State::Trying,
                Some(Health::Bad) => State::Failed,
                Some(Health::Broken) | None if content.is_some() => State::NoEntry,
                _ if holds_something(slot) => State::NotWhole,
                _ => State::Empty,
            };
            let tries: Option<Tries> = entry.and_then(|entry| entry.name.tries);
            SlotFacts {
                slot: slot.to_string(),
                is_running: machine.running.is_some_and(|running| running.slot == slot),
                is_next: entry.is_some() && entry == next,
                version: entry.map(|entry| entry.name.version.to_string()),
                root_hash: content.map(|content| content.to_string()),
                entry: entry.map(|entry| entry.name.to_string()),
                state,
                tries_left: tries.map(|tries| tries.left),
                tries_done: tries.map(|tries| tries.done),
            }
        };
        let without_slot = machine.esp.entries.iter().filter(|entry| !machine.is_bootable(entry));
        Self {
            running: machine.running.map(|running| running.slot.to_string()),
            next: next.map(|entry| entry.name.version.to_string()),
            next_entry: next.map(|entry| entry.name.to_string()),
            slots: Slot::ALL.map(slot).into(),
            without_slot: without_slot.map(|entry| entry.name.to_string()).collect(),
            left_over: slots::repair(machine).iter().map(ToString::to_string).collect(),
            loader: None,
        }
    }

    fn lines(&self) -> Vec<(String, Option<Paint>)> {
        let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        let mut rows = vec![row(["SLOT", "VERSION", "STATE", "ENTRY", "BOOT"])];
        for slot in &self.slots {
            let boot = match (slot.is_running, slot.is_next) {
                (true, true) => "runs, and boots next",
                (true, false) => "runs",
                (false, true) => "boots next",
                (false, false) => "",
            };
            let dash = || "-".to_owned();
            rows.push(vec![
                slot.slot.clone(),
                slot.version.clone().unwrap_or_else(dash),
                slot.state_text(),
                slot.entry.clone().unwrap_or_else(dash),
                boot.to_owned(),
            ]);
        }
        let paints =
            std::iter::once(Some(Paint::Dim)).chain(self.slots.iter().map(|slot| match slot.state {
                State::Good if slot.is_running => Some(Paint::Good),
                State::Trying => Some(Paint::Busy),
                State::Failed => Some(Paint::Bad),
                State::Empty => Some(Paint::Dim),
                _ => None,
            }));
        let mut lines: Vec<(String, Option<Paint>)> = columns(&rows).into_iter().zip(paints).collect();
        let bad = |text: String| (text, Some(Paint::Bad));
        lines.extend(
            self.without_slot.iter().map(|entry| bad(format!("{entry} cannot boot: no slot holds its /usr"))),
        );
        match (&self.next, self.slots.iter().any(|slot| slot.is_next)) {
            (None, _) => lines.push(bad("nothing would boot next: the ESP has no whole entry".to_owned())),
            (Some(version), false) => lines.push(bad(format!("{version} would boot next, and cannot"))),
            (Some(_), true) => {}
        }
        if !self.left_over.is_empty() {
            lines.push((
                format!("an interrupted change left something to do: {}", self.left_over.join("; ")),
                None,
            ));
        }
        lines.extend(self.loader.iter().map(|text| (text.clone(), None)));
        lines
    }
}

impl SlotFacts {
    fn state_text(&self) -> String {
        match (self.state, self.tries_left.unwrap_or(0), self.tries_done.unwrap_or(0)) {
            (State::Good, ..) => "good".to_owned(),
            (State::Trying, left, done) => {
                format!("being tried, {left} of {} tries left", left.saturating_add(done))
            }
            (State::Failed, _, 0) => "given up".to_owned(),
            (State::Failed, _, done) => format!("failed {done} times"),
            (State::NoEntry, ..) => "whole, without an entry".to_owned(),
            (State::NotWhole, ..) => "not whole".to_owned(),
            (State::Empty, ..) => "empty".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Esp, Running, Stray};
    use verity::RootHash;

    const ONE: RootHash = RootHash([1; 32]);
    const TWO: RootHash = RootHash([2; 32]);

    fn screen(slots: [Option<RootHash>; 2], entries: &[(&str, Option<RootHash>)], strays: &[&str]) -> String {
        let entries = entries.iter().zip(1..).map(|((name, usrhash), place)| Entry {
            name: name.parse().unwrap(),
            usrhash: *usrhash,
            place: Some(place),
        });
        let strays = strays.iter().map(|path| Stray { path: (*path).to_owned(), place: None });
        let machine = Machine {
            running: Some(Running { slot: Slot::A, usrhash: ONE }),
            slots,
            esp: Esp { entries: entries.collect(), strays: strays.collect() },
        };
        let facts = Facts::of(&machine, |_| !machine.esp.strays.is_empty());
        facts.lines().into_iter().map(|(line, _)| line + "\n").collect()
    }

    #[test]
    fn a_new_machine() {
        let text = screen([Some(ONE), None], &[("berth_0.1.0.efi", Some(ONE))], &[]);
        assert_eq!(
            text,
            "\
SLOT VERSION STATE ENTRY           BOOT
A    0.1.0   good  berth_0.1.0.efi runs, and boots next
B    -       empty -
"
        );
    }

    #[test]
    fn an_update_that_waits_for_the_reboot_and_one_that_failed() {
        let both = [Some(ONE), Some(TWO)];
        let old = ("berth_0.1.0.efi", Some(ONE));
        assert_eq!(
            screen(both, &[old, ("berth_0.2.0+2-1.efi", Some(TWO))], &[]),
            "\
SLOT VERSION STATE                          ENTRY               BOOT
A    0.1.0   good                           berth_0.1.0.efi     runs
B    0.2.0   being tried, 2 of 3 tries left berth_0.2.0+2-1.efi boots next
"
        );
        assert_eq!(
            screen(both, &[old, ("berth_0.2.0+0-3.efi", Some(TWO))], &[]),
            "\
SLOT VERSION STATE          ENTRY               BOOT
A    0.1.0   good           berth_0.1.0.efi     runs, and boots next
B    0.2.0   failed 3 times berth_0.2.0+0-3.efi
"
        );
    }

    #[test]
    fn what_a_power_cut_left() {
        let text = screen(
            [Some(ONE), None],
            &[("berth_0.1.0.efi", Some(ONE)), ("berth_0.2.0+3.efi", Some(TWO))],
            &["EFI/berth/0.2.0.new"],
        );
        assert_eq!(
            text,
            "\
SLOT VERSION STATE     ENTRY           BOOT
A    0.1.0   good      berth_0.1.0.efi runs
B    -       not whole -
berth_0.2.0+3.efi cannot boot: no slot holds its /usr
0.2.0 would boot next, and cannot
an interrupted change left something to do: remove berth_0.2.0+3.efi; remove EFI/berth/0.2.0.new
"
        );
    }
}
