//! Users and groups, from /etc/passwd and /etc/group.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Whom a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Login name.
    pub name: String,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// The two files.
pub struct Database {
    passwd: String,
    group: String,
}

impl Database {
    /// Reads the files below `root`. One that is missing is empty: numbers still work.
    pub fn read(root: &Path) -> Database {
        let read = |name| fs::read_to_string(root.join(name)).unwrap_or_default();
        Database { passwd: read("etc/passwd"), group: read("etc/group") }
    }

    /// What these files would say.
    #[cfg(test)]
    pub fn of(passwd: &str, group: &str) -> Database {
        Database { passwd: passwd.to_owned(), group: group.to_owned() }
    }

    /// Whether a user or a group has a number.
    pub fn has_number(&self, number: u32) -> bool {
        let users = self.passwd.lines().filter_map(|line| line.split(':').nth(2)?.parse::<u32>().ok());
        users.chain(self.group_lines().map(|(_, gid, _)| gid)).any(|taken| taken == number)
    }

    /// Finds a user by name or number.
    ///
    /// # Errors
    /// There is no user of that name.
    pub fn user(&self, user: &str) -> Result<Identity> {
        let number = user.parse::<u32>().ok();
        let found = self.passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, _, home, shell] = fields[..] else {
                return None;
            };
            let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
            (name == user || number == Some(uid)).then(|| Identity {
                uid,
                gid,
                groups: Vec::new(),
                name: name.to_owned(),
                home: home.to_owned(),
                shell: shell.to_owned(),
            })
        });
        let mut identity = match (found, number) {
            (Some(identity), _) => identity,
            (None, Some(uid)) => Identity {
                uid,
                gid: uid,
                groups: Vec::new(),
                name: user.to_owned(),
                home: "/".to_owned(),
                shell: layout::user::NOLOGIN.to_owned(),
            },
            (None, None) => anyhow::bail!("there is no user {user} in /etc/passwd"),
        };
        identity.groups = self.groups_of(&identity.name);
        Ok(identity)
    }

    /// Finds a group by name or number.
    ///
    /// # Errors
    /// There is no group of that name.
    pub fn group(&self, group: &str) -> Result<u32> {
        if let Ok(gid) = group.parse() {
            return Ok(gid);
        }
        self.group_lines()
            .find(|(name, _, _)| *name == group)
            .map(|(_, gid, _)| gid)
            .with_context(|| format!("there is no group {group} in /etc/group"))
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        let is_member = |members: &str| members.split(',').any(|member| member == user);
        self.group_lines().filter(|(_, _, members)| is_member(members)).map(|(_, gid, _)| gid).collect()
    }

    fn group_lines(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let gid = fields.nth(1)?.parse().ok()?;
            Some((name, gid, fields.next().unwrap_or("")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_users_and_groups_by_name_and_number() {
        let database = Database {
            passwd: "root:x:0:0:root:/root:/bin/sh\netcd:x:232:232:e:/var/lib/etcd:/no\nbroken\n".into(),
            group: "root:x:0:\netcd:x:232:\nextra:x:7:root,etcd\n".into(),
        };
        let etcd = database.user("etcd").unwrap();
        assert_eq!(
            (etcd.uid, etcd.gid, &etcd.groups[..], &*etcd.home),
            (232, 232, &[7][..], "/var/lib/etcd")
        );
        assert_eq!(database.user("232").unwrap(), etcd);
        assert_eq!(database.user("999").unwrap().gid, 999);
        assert!(database.user("nobody").unwrap_err().to_string().contains("nobody"));
        assert_eq!(database.group("extra").unwrap(), 7);
        assert_eq!(database.group("12").unwrap(), 12);
        assert!(database.group("none").is_err());
    }
}
