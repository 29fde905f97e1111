//! What a power cut left, tidied up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::action::entry_path;
use crate::{Action, Entry, Machine};

/// What is to be tidied up before anything else is done: second names of one file, second files of one version, files
/// that never became entries, entries that cannot boot. Nothing where all is well.
///
/// Of two names of a file the one that says less good of the version stays: what was good before can be made good
/// again, and what was to be given up is. An entry goes only where another one boots.
pub fn repair(machine: &Machine) -> Vec<Action> {
    let mut names = Names::of(machine);
    let mut actions = names.one_for_each_file();
    actions.extend(names.one_file_for_each_version());
    actions.extend(names.only_what_boots());
    // What cannot boot goes first: it must not come to be the loader's choice on the way.
    actions.sort_by_key(|action| is_of_what_boots(machine, action));
    actions
}

fn is_of_what_boots(machine: &Machine, action: &Action) -> bool {
    let entries = &machine.esp.entries;
    let place = match action {
        Action::RemoveEntry(name) => {
            entries.iter().find(|entry| entry.name == *name).and_then(|entry| entry.place)
        }
        Action::Unlink(path) => {
            let entry =
                entries.iter().find(|entry| entry_path(&entry.name) == *path).map(|entry| entry.place);
            let stray =
                || machine.esp.strays.iter().find(|stray| stray.path == *path).map(|stray| stray.place);
            entry.or_else(stray).flatten()
        }
        _ => None,
    };
    place.is_some() && entries.iter().any(|entry| entry.place == place && machine.is_bootable(entry))
}

/// The names that are left, as the repair goes on.
struct Names<'a> {
    machine: &'a Machine,
    entries: Vec<&'a Entry>,
    strays: Vec<(&'a str, Option<u64>)>,
}

impl<'a> Names<'a> {
    fn of(machine: &'a Machine) -> Self {
        let strays = machine.esp.strays.iter().map(|stray| (stray.path.as_str(), stray.place)).collect();
        Self { machine, entries: machine.esp.entries.iter().collect(), strays }
    }

    /// Takes away all names of a file but one. Nothing of the file goes with them.
    fn one_for_each_file(&mut self) -> Vec<Action> {
        let mut keepers: BTreeMap<u64, &'a Entry> = BTreeMap::new();
        for entry in &self.entries {
            let Some(place) = entry.place else { continue };
            let keeper = keepers.entry(place).or_insert(entry);
            if rank(self.machine, entry) < rank(self.machine, keeper) {
                *keeper = entry;
            }
        }
        // A name that was given while the power went may have no size yet: the file behind it is one that never became
        // an entry.
        keepers.retain(|place, entry| {
            entry.usrhash.is_some() || !self.strays.iter().any(|(_, other)| *other == Some(*place))
        });
        let mut actions = Vec::new();
        let is_shared =
            |strays: &[(&str, Option<u64>)], place| strays.iter().any(|stray| stray.1 == Some(place));
        self.entries.retain(|entry| {
            let Some(place) = entry.place else { return true };
            let stays = match keepers.get(&place) {
                Some(keeper) => keeper.name == entry.name,
                None => !is_shared(&self.strays, place),
            };
            if !stays {
                actions.push(Action::Unlink(entry_path(&entry.name)));
            }
            stays
        });
        let mut seen = Vec::new();
        self.strays.retain(|(path, place)| {
            let Some(place) = place else { return true };
            let stays = !keepers.contains_key(place) && !seen.contains(place);
            seen.push(*place);
            if !stays {
                actions.push(Action::Unlink((*path).to_owned()));
            }
            stays
        });
        actions
    }

    fn one_file_for_each_version(&mut self) -> Vec<Action> {
        let best = |version: &manifest::Version| {
            let of_version = self.entries.iter().filter(|entry| entry.name.version == *version);
            of_version.min_by_key(|entry| rank(self.machine, entry)).map(|entry| &entry.name)
        };
        let (stay, go): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().copied().partition(|entry| best(&entry.name.version) == Some(&entry.name));
        self.entries = stay;
        go.into_iter().map(|entry| Action::RemoveEntry(entry.name.clone())).collect()
    }

    fn only_what_boots(&mut self) -> Vec<Action> {
        let (boot, do_not): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().copied().partition(|entry| self.machine.is_bootable(entry));
        if boot.is_empty() {
            return Vec::new();
        }
        let entries = do_not.iter().map(|entry| Action::RemoveEntry(entry.name.clone()));
        let strays = self.strays.iter().map(|(path, _)| Action::RemoveFile((*path).to_owned()));
        entries.chain(strays).collect()
    }
}

/// The lowest stays: what boots before what does not, then the name that says less good.
fn rank(machine: &Machine, entry: &Entry) -> impl Ord {
    let left = entry.name.tries.map_or(u64::MAX, |tries| u64::from(tries.left));
    let done = entry.name.tries.map_or(0, |tries| tries.done);
    (!machine.is_bootable(entry), entry.usrhash.is_none(), left, Reverse(done))
}
