//! Groups, made, changed and removed.

use ignition::config::Group;

use super::{Files, GID, MEMBERS, PASSWORD, PRIMARY, Refusal, check_field, check_name, free_id, stated_id};

/// The password of a new group: none.
const LOCKED: &str = "!";

impl Files {
    /// Has a group be as a config wants it.
    ///
    /// # Errors
    /// It cannot be.
    pub fn ensure_group(&mut self, wanted: &Group) -> Result<(), Refusal> {
        let name = wanted.name.as_str();
        let is_there = self.group.find(name).is_some();
        if wanted.should_exist == Some(false) {
            return if is_there { self.remove_group(name) } else { Ok(()) };
        }
        check_field("passwordHash", wanted.password_hash.as_deref())?;
        let stated = wanted.gid.map(|gid| stated_id("gid", gid)).transpose()?;
        if let Some(other) =
            stated.and_then(|gid| self.group.name_of(gid, GID)).filter(|other| *other != name)
        {
            let cause = format!("group {other} has the number {} already", stated.unwrap_or_default());
            return Err(Refusal::new("gid", cause, "another number, or leave gid away"));
        }
        if !is_there {
            check_name(name)?;
            self.add_group(name, stated, wanted.system == Some(true), None)?;
        } else if let (Some(new), Some(old)) = (stated, self.group.number(name, GID)) {
            self.group.set(name, GID, &new.to_string());
            self.passwd.replace(PRIMARY, &old.to_string(), &new.to_string());
        }
        if let Some(hash) = wanted.password_hash.as_deref().filter(|hash| !hash.is_empty()) {
            self.gshadow.set(name, PASSWORD, hash);
        }
        Ok(())
    }

    /// Adds a group that is not there.
    pub(super) fn add_group(
        &mut self,
        name: &str,
        stated: Option<u32>,
        system: bool,
        preferred: Option<u32>,
    ) -> Result<u32, Refusal> {
        let id = stated.or_else(|| free_id(&self.group, GID, system, preferred));
        let id = id.ok_or_else(|| {
            Refusal::new("name", format!("no number is free for group {name}"), "state one")
        })?;
        self.group.add(&[name, "x", &id.to_string(), ""]);
        if self.gshadow.find(name).is_none() {
            self.gshadow.add(&[name, LOCKED, "", ""]);
        }
        Ok(id)
    }

    fn remove_group(&mut self, name: &str) -> Result<(), Refusal> {
        let user = self.group.number(name, GID).and_then(|gid| self.passwd.name_of(gid, PRIMARY));
        if let Some(user) = user {
            let cause = format!("group {name} is the primary group of user {user}");
            return Err(Refusal::new(
                "shouldExist",
                cause,
                "give the user another primaryGroup, or remove it first",
            ));
        }
        self.group.remove(name);
        self.gshadow.remove(name);
        Ok(())
    }

    /// Makes a user a member of exactly some groups.
    pub(super) fn set_groups(&mut self, user: &str, groups: &[String]) -> Result<(), Refusal> {
        let mut names = Vec::new();
        for group in groups {
            let name = self.group_id(group).and_then(|id| self.group.name_of(id, GID));
            let missing = || {
                let next = "add it to passwd.groups, or leave it away";
                Refusal::new("groups", format!("there is no group {group}"), next)
            };
            names.push(name.ok_or_else(missing)?.to_owned());
        }
        self.group.set_member(user, MEMBERS, |group| Some(names.iter().any(|name| name == group)));
        self.gshadow.set_member(user, MEMBERS, |group| Some(names.iter().any(|name| name == group)));
        Ok(())
    }
}
