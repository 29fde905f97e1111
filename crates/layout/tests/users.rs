//! The files of `/etc` that the image ships say what the table of users says.

use layout::user::{GROUPS, USERS, members};

const PASSWD: &str = include_str!("../../../images/rootfs/etc/passwd");
const GROUP: &str = include_str!("../../../images/rootfs/etc/group");
const SHADOW: &str = include_str!("../../../images/rootfs/etc/shadow");
const GSHADOW: &str = include_str!("../../../images/rootfs/etc/gshadow");

#[test]
fn passwd_is_the_table() {
    let table: String = USERS
        .iter()
        .map(|u| {
            let (name, uid, gid) = (u.name, u.uid, u.gid);
            format!("{name}:x:{uid}:{gid}:{}:{}:{}\n", u.comment, u.home, u.shell)
        })
        .collect();
    assert_eq!(PASSWD, table);
}

#[test]
fn group_is_the_table() {
    let joined = |group| members(group).collect::<Vec<_>>().join(",");
    let table: String =
        GROUPS.iter().map(|g| format!("{}:x:{}:{}\n", g.name, g.gid, joined(g.name))).collect();
    assert_eq!(GROUP, table);
}

#[test]
fn every_account_is_there_and_has_no_password() {
    let users: Vec<_> = SHADOW.lines().map(|l| l.split(':').collect()).collect();
    let names: Vec<&str> = users.iter().map(|fields: &Vec<&str>| fields[0]).collect();
    assert_eq!(names, USERS.map(|u| u.name));
    for fields in users {
        // A leading "!" would lock them out of key logins too (sshd(8)).
        let expected = if ["root", "core"].contains(&fields[0]) { "*" } else { "!*" };
        assert_eq!((fields.len(), fields[1]), (9, expected), "{}", fields[0]);
    }
    let groups: Vec<_> = GSHADOW.lines().filter_map(|l| l.split(':').next()).collect();
    assert_eq!(groups, GROUPS.map(|g| g.name));
}
