//! Which users and groups are made, with which ids. What is there already keeps its own.

use std::collections::BTreeMap;

use super::SYSTEM;
use super::config::Config;
use super::line::{Id, Primary, User};
use super::texts::{Changes, NewUser, Texts};
use crate::accounts::account;

/// What a system has, beside the texts of its accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Paths that are there, each with the ids of its user and its group.
    pub owners: BTreeMap<String, (u32, u32)>,
    /// Days since 1970.
    pub today: u64,
    /// Root's shell, where root is made.
    pub root_shell: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The files as they are to be.
    pub changes: Changes,
    /// What is made, a sentence each.
    pub actions: Vec<String>,
    /// What cannot be made, and why.
    pub errors: Vec<String>,
}

impl Plan {
    /// Makes a plan.
    pub fn make(config: &Config, texts: &Texts, seen: &Seen) -> Plan {
        let mut planner = Planner::new(config, texts, seen);
        for (name, id, _) in &config.groups {
            let wanted = Wanted { group: number(id), group_path: path(id), ..Wanted::default() };
            let made = planner.group(name, &wanted);
            planner.note(made);
        }
        for (name, user, _) in &config.users {
            let made = planner.user(name, user);
            planner.note(made);
        }
        let Planner { users, groups, actions, errors, .. } = planner;
        let changes = texts.with(&users, &groups, &config.members, seen.today);
        Plan { changes, actions, errors }
    }
}

fn number(id: &Option<Id>) -> Option<u32> {
    match id {
        Some(Id::Number(number)) => Some(*number),
        _ => None,
    }
}

fn path(id: &Option<Id>) -> Option<&str> {
    match id {
        Some(Id::OwnerOf(path)) => Some(path),
        _ => None,
    }
}

/// The ids that a line asks for.
#[derive(Default)]
struct Wanted<'a> {
    user: Option<u32>,
    group: Option<u32>,
    user_path: Option<&'a str>,
    group_path: Option<&'a str>,
    /// Whether the group must be there already.
    is_strict: bool,
}

/// Names and ids of one file.
struct Known<'a> {
    by_name: BTreeMap<&'a str, u32>,
    by_id: BTreeMap<u32, &'a str>,
}

impl<'a> Known<'a> {
    fn read(text: Option<&'a str>) -> Known<'a> {
        let mut known = Known { by_name: BTreeMap::new(), by_id: BTreeMap::new() };
        for account in text.into_iter().flat_map(str::lines).filter_map(account) {
            known.by_name.entry(account.name).or_insert(account.id);
            known.by_id.entry(account.id).or_insert(account.name);
        }
        known
    }

    /// Whether an id is free, but perhaps for an account of this name.
    fn is_free(&self, id: u32, but_for: Option<&str>) -> bool {
        self.by_id.get(&id).is_none_or(|name| Some(*name) == but_for)
    }
}

struct Planner<'a> {
    seen: &'a Seen,
    known_users: Known<'a>,
    known_groups: Known<'a>,
    ranges: Vec<(u32, u32)>,
    /// The last id that was tried; the next is below it.
    tried: Option<u32>,
    users: Vec<NewUser>,
    groups: Vec<(String, u32)>,
    actions: Vec<String>,
    errors: Vec<String>,
}

impl<'a> Planner<'a> {
    fn new(config: &Config, texts: &'a Texts, seen: &'a Seen) -> Planner<'a> {
        let ranges = if config.ranges.is_empty() { vec![SYSTEM] } else { config.ranges.clone() };
        Planner {
            seen,
            known_users: Known::read(texts.passwd.as_deref()),
            known_groups: Known::read(texts.group.as_deref()),
            ranges,
            tried: None,
            users: Vec::new(),
            groups: Vec::new(),
            actions: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn note<T>(&mut self, made: Result<T, String>) {
        self.errors.extend(made.err());
    }

    /// The group of this plan that has a name.
    fn planned_group(&self, name: &str) -> Option<u32> {
        self.groups.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
    }

    /// Whether a user may get an id. Where its group is not fixed, no group of another name may have it.
    fn user_id_is_free(&self, id: u32, name: &str, mind_groups: bool) -> bool {
        let planned = self.groups.iter().any(|(other, group)| *group == id && other != name);
        self.users.iter().all(|user| user.id != id)
            && self.known_users.is_free(id, None)
            && (!mind_groups || (!planned && self.known_groups.is_free(id, Some(name))))
    }

    /// Whether a group may get an id.
    fn group_id_is_free(&self, id: u32, name: &str, mind_users: bool) -> bool {
        let planned = self.users.iter().any(|user| user.id == id && user.name != name);
        self.groups.iter().all(|(_, group)| *group != id)
            && self.known_groups.is_free(id, None)
            && (!mind_users || (!planned && self.known_users.is_free(id, Some(name))))
    }

    /// The next lower id of the ranges.
    fn next(&mut self) -> Option<u32> {
        let below = |(first, last): &(u32, u32)| match self.tried {
            None => Some(*last),
            Some(tried) => (*first < tried).then(|| (*last).min(tried.saturating_sub(1))),
        };
        let next = self.ranges.iter().filter_map(below).max()?;
        self.tried = Some(next);
        Some(next)
    }

    fn is_in_range(&self, id: u32) -> bool {
        id > 0 && self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&id))
    }

    /// The group id that paths give.
    fn group_of_paths(&self, wanted: &Wanted<'_>) -> Option<u32> {
        let of = |path: Option<&str>| self.seen.owners.get(path?).map(|(_, group)| *group);
        of(wanted.group_path).or_else(|| of(wanted.user_path)).filter(|id| self.is_in_range(*id))
    }

    /// The user id that a path gives.
    fn user_of_path(&self, path: Option<&str>) -> Option<u32> {
        self.seen.owners.get(path?).map(|(user, _)| *user).filter(|id| self.is_in_range(*id))
    }

    /// Finds a group, or plans one.
    fn group(&mut self, name: &str, wanted: &Wanted<'_>) -> Result<u32, String> {
        if let Some(id) = self.known_groups.by_name.get(name) {
            return Ok(*id);
        }
        let mut found = None;
        if let Some(id) = wanted.group {
            let is_free = self.group_id_is_free(id, name, false);
            match (wanted.is_strict, is_free) {
                (true, true) => return Err(format!("Failed to create {name}: please create GID {id}")),
                (true, false) => return Ok(id),
                (false, true) => found = Some(id),
                (false, false) => {
                    self.actions.push(format!("Suggested group ID {id} for {name} already used."))
                }
            }
        }
        let others = [wanted.user, self.group_of_paths(wanted)];
        found =
            found.or_else(|| others.into_iter().flatten().find(|id| self.group_id_is_free(*id, name, true)));
        while found.is_none() {
            let id = self.next().ok_or_else(|| format!("No free group ID available for {name}."))?;
            found = Some(id).filter(|id| self.group_id_is_free(*id, name, true));
        }
        let id = found.unwrap_or_default();
        self.groups.push((name.to_owned(), id));
        self.actions.push(format!("Creating group '{name}' with GID {id}."));
        Ok(id)
    }

    /// Finds a user's group, or plans it; says whether it was fixed.
    fn primary(&mut self, name: &str, user: &User) -> Result<(u32, bool), String> {
        let own = Wanted { user: number(&user.id), user_path: path(&user.id), ..Wanted::default() };
        match &user.group {
            Some(Primary::Number(id)) => {
                let wanted = Wanted { group: Some(*id), is_strict: true, ..own };
                self.group(name, &wanted).map(|id| (id, true))
            }
            Some(Primary::Name(group)) => {
                let known = self.known_groups.by_name.get(group.as_str()).copied();
                let id = self.planned_group(group).or(known);
                id.map(|id| (id, true)).ok_or_else(|| format!("Group {group} not found."))
            }
            None => match self.planned_group(name) {
                Some(id) => Ok((id, true)),
                None => self.group(name, &own).map(|id| (id, false)),
            },
        }
    }

    /// Finds a user, or plans one.
    fn user(&mut self, name: &str, user: &User) -> Result<(), String> {
        let (group, is_fixed) = self.primary(name, user)?;
        if self.known_users.by_name.contains_key(name) {
            return Ok(());
        }
        let mut found = None;
        if let Some(id) = number(&user.id) {
            match self.user_id_is_free(id, name, !is_fixed) {
                true => found = Some(id),
                false => self.actions.push(format!("Suggested user ID {id} for {name} already used.")),
            }
        }
        let others = [self.user_of_path(path(&user.id)), Some(group)];
        found =
            found.or_else(|| others.into_iter().flatten().find(|id| self.user_id_is_free(*id, name, true)));
        while found.is_none() {
            let id = self.next().ok_or_else(|| format!("No free user ID available for {name}."))?;
            found = Some(id).filter(|id| self.user_id_is_free(*id, name, true));
        }
        let id = found.unwrap_or_default();
        let comment = user.comment.clone().unwrap_or_default();
        let shell = match &user.shell {
            Some(shell) => shell.clone(),
            None if id == 0 => self.seen.root_shell.clone(),
            None => layout::user::NOLOGIN.to_owned(),
        };
        self.actions.push(format!("Creating user '{name}' ({comment}) with UID {id} and GID {group}."));
        self.users.push(NewUser {
            name: name.to_owned(),
            id,
            group,
            comment,
            home: user.home.clone().unwrap_or_else(|| "/".to_owned()),
            shell,
            is_locked: user.is_locked,
        });
        Ok(())
    }
}
