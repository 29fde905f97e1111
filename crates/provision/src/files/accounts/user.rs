//! Users, made, changed and removed.

use ignition::config;
use layout::path;

use super::{CHANGED, COMMENT, Files, GID, HOME, MEMBERS, PASSWORD, PRIMARY, Refusal, SHELL, UID};
use super::{check_field, check_name, free_id, password, stated_id};

/// Where the homes of people are.
const HOMES: &str = "/home";
/// The primary group of a user who is to have none of its own name (useradd(8), GROUP).
const USERS: &str = "users";

impl Files {
    /// Has a user be as a config wants it.
    ///
    /// # Errors
    /// It cannot be.
    pub fn ensure_user(&mut self, wanted: &config::User) -> Result<(), Refusal> {
        let name = wanted.name.as_str();
        let is_there = self.passwd.find(name).is_some();
        if wanted.should_exist == Some(false) {
            if is_there {
                self.remove_user(name);
            }
            return Ok(());
        }
        for (field, text) in [
            ("gecos", &wanted.gecos),
            ("homeDir", &wanted.home_dir),
            ("shell", &wanted.shell),
            ("passwordHash", &wanted.password_hash),
        ] {
            check_field(field, text.as_deref())?;
        }
        let stated = wanted.uid.map(|uid| stated_id("uid", uid)).transpose()?;
        if let Some(other) =
            stated.and_then(|uid| self.passwd.name_of(uid, UID)).filter(|other| *other != name)
        {
            let cause = format!("user {other} has the number {} already", stated.unwrap_or_default());
            return Err(Refusal::new("uid", cause, "another number, or leave uid away"));
        }
        match is_there {
            true => self.change_user(wanted, stated)?,
            false => self.add_user(wanted, stated)?,
        }
        for (field, text) in [(COMMENT, &wanted.gecos), (HOME, &wanted.home_dir), (SHELL, &wanted.shell)] {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
                self.passwd.set(name, field, text);
            }
        }
        if let Some(hash) = &wanted.password_hash {
            self.shadow.set(name, PASSWORD, password(hash));
            self.shadow.set(name, CHANGED, &self.today.to_string());
        }
        match wanted.groups.as_deref() {
            Some(groups) if !groups.is_empty() => self.set_groups(name, groups),
            _ => Ok(()),
        }
    }

    fn add_user(&mut self, wanted: &config::User, stated: Option<u32>) -> Result<(), Refusal> {
        let name = wanted.name.as_str();
        check_name(name)?;
        let system = wanted.system == Some(true);
        let id = stated.or_else(|| free_id(&self.passwd, UID, system, None));
        let id =
            id.ok_or_else(|| Refusal::new("name", "no number is free for the user", "state one as uid"))?;
        let group = match &wanted.primary_group {
            Some(group) if !group.is_empty() => self.primary_group(group)?,
            _ if wanted.no_user_group == Some(true) => self.primary_group(USERS)?,
            _ if self.group.find(name).is_some() => {
                let cause = format!("there is a group {name} already, which is not the user's own");
                let next = format!("set primaryGroup to {name:?}, or noUserGroup to true");
                return Err(Refusal::new("name", cause, next));
            }
            _ => self.add_group(name, None, system, Some(id))?,
        };
        let (id, group) = (id.to_string(), group.to_string());
        self.passwd.add(&[name, "x", &id, &group, "", &format!("{HOMES}/{name}"), path::SHELL]);
        // What an account of that name had before is not the new one's.
        self.shadow.remove(name);
        let [least, most, warning] = if system { [""; 3] } else { ["0", "99999", "7"] };
        self.shadow.add(&[name, password(""), &self.today.to_string(), least, most, warning, "", "", ""]);
        Ok(())
    }

    fn change_user(&mut self, wanted: &config::User, stated: Option<u32>) -> Result<(), Refusal> {
        let name = wanted.name.as_str();
        if let Some(id) = stated {
            self.passwd.set(name, UID, &id.to_string());
        }
        if let Some(group) = wanted.primary_group.as_deref().filter(|group| !group.is_empty()) {
            let group = self.primary_group(group)?;
            self.passwd.set(name, PRIMARY, &group.to_string());
        }
        if self.shadow.find(name).is_none() {
            self.shadow.add(&[name, password(""), &self.today.to_string(), "", "", "", "", "", ""]);
        }
        Ok(())
    }

    fn primary_group(&self, group: &str) -> Result<u32, Refusal> {
        let next = "add it to passwd.groups, or name another";
        self.group_id(group)
            .ok_or_else(|| Refusal::new("primaryGroup", format!("there is no group {group}"), next))
    }

    fn remove_user(&mut self, name: &str) {
        self.passwd.remove(name);
        self.shadow.remove(name);
        for table in [&mut self.group, &mut self.gshadow] {
            table.set_member(name, MEMBERS, |_| Some(false));
        }
        // The user's own group goes with it.
        let own = self
            .group
            .find(name)
            .filter(|fields| fields.get(MEMBERS).is_none_or(|members| members.is_empty()));
        let id = own.and_then(|fields| fields.get(GID)?.parse().ok());
        if id.is_some_and(|id| self.passwd.name_of(id, PRIMARY).is_none()) {
            self.group.remove(name);
            self.gshadow.remove(name);
        }
    }
}
