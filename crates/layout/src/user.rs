//! System users and groups. Ids are fixed for ever: files on ROOT carry them.

/// A user of `/etc/passwd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: &'static str,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// What it is for (the GECOS field).
    pub comment: &'static str,
    /// Home folder.
    pub home: &'static str,
    /// Login shell.
    pub shell: &'static str,
    /// Names of the groups that it is a member of, beside its primary one.
    pub groups: &'static [&'static str],
}

/// A group of `/etc/group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: &'static str,
    /// Group id.
    pub gid: u32,
}

/// Shell of users that do not log in.
pub const NOLOGIN: &str = "/usr/bin/nologin";
/// First id given to a person's account; system users are below.
pub const FIRST_PERSON: u32 = 1000;

/// Who people log in as where a config names nobody else, as on Fedora CoreOS and Flatcar: without a password,
/// and with every right by `sudo`.
pub const CORE: User = User {
    groups: &["adm", "wheel", "sudo", "systemd-journal", "docker"],
    ..user("core", FIRST_PERSON, FIRST_PERSON, "core", "/home/core", crate::path::SHELL)
};

/// The users, by uid.
pub const USERS: [User; 6] = [
    user("root", 0, 0, "root", "/root", crate::path::SHELL),
    user("sshd", 74, 74, "sshd privilege separation", "/run/sshd", NOLOGIN),
    user("etcd", 232, 232, "etcd", "/var/lib/etcd", NOLOGIN),
    user("ntpd-rs", 234, 234, "time synchronization", "/run/ntpd-rs", NOLOGIN),
    CORE,
    user("nobody", 65534, 65534, "nobody", "/", NOLOGIN),
];

/// The group of those who may read the log.
pub const SYSTEMD_JOURNAL: u32 = 190;

/// The groups, by gid. `sudo`, `wheel`, `docker` and the like are here because the Ignition
/// configs that people have name them.
pub const GROUPS: [Group; 25] = [
    group("root", 0),
    group("adm", 4),
    group("tty", 5),
    group("disk", 6),
    group("lp", 7),
    group("kmem", 9),
    group("wheel", 10),
    group("cdrom", 11),
    group("dialout", 18),
    group("tape", 33),
    group("kvm", 36),
    group("video", 39),
    group("audio", 63),
    group("sshd", 74),
    group("users", 100),
    group("input", 104),
    group("render", 105),
    group("sgx", 106),
    group("sudo", 150),
    group("systemd-journal", SYSTEMD_JOURNAL),
    group("etcd", 232),
    group("docker", 233),
    group("ntpd-rs", 234),
    group("core", CORE.gid),
    group("nobody", 65534),
];

/// The names of a group's members, beside those whose primary group it is.
pub fn members(group: &str) -> impl Iterator<Item = &'static str> {
    USERS.iter().filter(move |user| user.groups.contains(&group)).map(|user| user.name)
}

/// The tables as lines of sysusers.d(5): a machine whose accounts are its own gets those that a later image
/// adds. People are not among them: one that was removed stays so.
pub fn sysusers() -> String {
    let is_person = |id: u32| id == CORE.gid;
    let groups = GROUPS.iter().filter(|group| !is_person(group.gid));
    let groups = groups.map(|group| format!("g {} {}\n", group.name, group.gid));
    let users = USERS.iter().filter(|user| !is_person(user.uid)).map(|user| {
        let User { name, uid, gid, comment, home, shell, groups: _ } = user;
        format!("u {name} {uid}:{gid} \"{comment}\" {home} {shell}\n")
    });
    groups.chain(users).collect()
}

const fn user(
    name: &'static str,
    uid: u32,
    gid: u32,
    comment: &'static str,
    home: &'static str,
    shell: &'static str,
) -> User {
    User { name, uid, gid, comment, home, shell, groups: &[] }
}

const fn group(name: &'static str, gid: u32) -> Group {
    Group { name, gid }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_person_who_was_removed_does_not_come_back() {
        assert!(sysusers().contains("u etcd 232:232 ") && !sysusers().contains("core"), "{}", sysusers());
    }

    #[test]
    fn ids_and_names_are_unique_and_every_primary_group_exists() {
        let uids: BTreeSet<_> = USERS.iter().map(|u| u.uid).collect();
        let names: BTreeSet<_> = USERS.iter().map(|u| u.name).collect();
        let gids: BTreeSet<_> = GROUPS.iter().map(|g| g.gid).collect();
        let groups: BTreeSet<_> = GROUPS.iter().map(|g| g.name).collect();
        assert_eq!(uids.len(), USERS.len());
        assert_eq!(names.len(), USERS.len());
        assert_eq!(gids.len(), GROUPS.len());
        assert_eq!(groups.len(), GROUPS.len());
        for u in USERS {
            assert!(gids.contains(&u.gid), "{}", u.name);
            assert!(u.uid < FIRST_PERSON || ["core", "nobody"].contains(&u.name), "{}", u.name);
            assert!(u.groups.iter().all(|group| groups.contains(group)), "{}", u.name);
        }
    }
}
