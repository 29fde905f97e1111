//! The four files of accounts, as they are and as they are to be (passwd(5), shadow(5), group(5),
//! gshadow(5)). What stands in them stays as it is, line by line.

use crate::accounts::account;

/// The password of an account that has none, and of a group.
const LOCKED: &str = "!*";
/// The password of a root that is yet to get one.
const UNSET: &str = "!unprovisioned";

/// What the files hold; nothing where one is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// /etc/passwd
    pub passwd: Option<String>,
    /// /etc/shadow
    pub shadow: Option<String>,
    /// /etc/group
    pub group: Option<String>,
    /// /etc/gshadow
    pub gshadow: Option<String>,
}

/// What the files are to hold; nothing where one stays as it is.
pub type Changes = Texts;

/// A user to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    pub name: String,
    pub id: u32,
    pub group: u32,
    pub comment: String,
    pub home: String,
    pub shell: String,
    pub is_locked: bool,
}

impl Texts {
    /// Whether nothing is in them.
    pub fn is_empty(&self) -> bool {
        *self == Texts::default()
    }

    /// The files with users and groups added, and with members in their groups.
    pub(super) fn with(
        &self,
        users: &[NewUser],
        groups: &[(String, u32)],
        members: &[(String, Vec<String>)],
        today: u64,
    ) -> Changes {
        let of =
            |group: &str| members.iter().find(|(name, _)| name == group).map_or(&[][..], |(_, users)| users);
        let plain = |line: &str| complete_group(line);
        let group = edit(&self.group, |line| joined(&plain(line), of), {
            groups.iter().map(|(name, id)| joined(&format!("{name}:x:{id}:"), of)).collect()
        });
        let gshadow = edit(&self.gshadow, |line| joined(line, of), {
            groups.iter().map(|(name, _)| joined(&format!("{name}:{LOCKED}::"), of)).collect()
        });
        let passwd = edit(&self.passwd, str::to_owned, users.iter().map(passwd_line).collect());
        let is_new = |line: &str| users.iter().any(|user| line.split(':').next() == Some(&user.name));
        let has_shadow = |user: &NewUser| {
            let lines = self.shadow.as_deref().unwrap_or_default().lines();
            lines.into_iter().any(|line| line.split(':').next() == Some(&user.name))
        };
        let added = users.iter().filter(|user| !has_shadow(user)).map(|user| shadow_line(user, today));
        let shadow = edit(
            &self.shadow,
            |line| if is_new(line) { with_date(line, today) } else { line.to_owned() },
            added.collect(),
        );
        Texts { passwd, shadow, group, gshadow }
    }
}

/// A file with each line edited, and lines added before those that NIS adds. None where that changes
/// nothing.
fn edit(text: &Option<String>, line: impl Fn(&str) -> String, added: Vec<String>) -> Option<String> {
    let old = text.as_deref().unwrap_or_default();
    let is_foreign = |line: &&str| line.starts_with(['+', '-']);
    // A line ends in a line feed, and nothing else: what stands before it stays.
    let lines = || old.split_terminator('\n');
    let before: Vec<&str> = lines().take_while(|line| !is_foreign(line)).collect();
    let edited: Vec<String> = before.iter().map(|old| line(old)).collect();
    let is_joined =
        |(new, old): (&String, &&str)| new != old && new.trim_end_matches(':') != old.trim_end_matches(':');
    if added.is_empty() && !edited.iter().zip(&before).any(is_joined) {
        return None;
    }
    let after = lines().skip(before.len()).map(str::to_owned);
    Some(edited.into_iter().chain(added).chain(after).map(|line| line + "\n").collect())
}

/// A group's line with the field of members that it may lack.
fn complete_group(line: &str) -> String {
    match line.split(':').count() {
        3 if account(line).is_some() => format!("{line}:"),
        _ => line.to_owned(),
    }
}

/// A line of group(5) or gshadow(5) with users in its last field.
fn joined<'a>(line: &str, of: impl Fn(&str) -> &'a [String]) -> String {
    let mut fields: Vec<&str> = line.split(':').collect();
    let [name, _, _, members] = fields[..] else {
        return line.to_owned();
    };
    let mut all: Vec<&str> = members.split(',').filter(|member| !member.is_empty()).collect();
    let missing: Vec<&str> = of(name).iter().map(String::as_str).filter(|user| !all.contains(user)).collect();
    if missing.is_empty() {
        return line.to_owned();
    }
    all.extend(missing);
    all.sort_unstable();
    all.dedup();
    let members = all.join(",");
    fields[3] = &members;
    fields.join(":")
}

fn passwd_line(user: &NewUser) -> String {
    let NewUser { name, id, group, comment, home, shell, .. } = user;
    format!("{name}:x:{id}:{group}:{comment}:{home}:{shell}")
}

fn shadow_line(user: &NewUser, today: u64) -> String {
    let password = if user.name == "root" { UNSET } else { LOCKED };
    // Day 1 is long ago: the account has expired.
    let expires = if user.is_locked { "1" } else { "" };
    format!("{}:{password}:{today}:::::{expires}:", user.name)
}

/// A line of shadow(5) whose password changed today.
fn with_date(line: &str, today: u64) -> String {
    let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
    if let Some(changed) = fields.get_mut(2) {
        *changed = today.to_string();
    }
    fields.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> NewUser {
        NewUser {
            name: name.into(),
            id: 7,
            group: 8,
            comment: "c".into(),
            home: "/".into(),
            shell: "/bin/sh".into(),
            is_locked: name == "locked",
        }
    }

    #[test]
    fn what_is_there_stays() {
        let texts = Texts {
            passwd: Some("# mine\nroot:x:0:0::/root:/bin/sh\nbroken\r\n+::::::\r".into()),
            shadow: Some("root:*:::::::\na:!:1::::::\n".into()),
            group: Some("g:x:1:b,a\nh:x:2\n-x:::\n".into()),
            gshadow: None,
        };
        let members = [
            ("g".to_owned(), vec!["c".to_owned(), "a".to_owned()]),
            ("new".to_owned(), vec!["z".to_owned()]),
        ];
        let new =
            texts.with(&[user("a"), user("root2"), user("locked")], &[("new".to_owned(), 5)], &members, 9);
        assert_eq!(
            new.passwd.unwrap(),
            "# mine\nroot:x:0:0::/root:/bin/sh\nbroken\r\na:x:7:8:c:/:/bin/sh\nroot2:x:7:8:c:/:/bin/sh\n\
             locked:x:7:8:c:/:/bin/sh\n+::::::\r\n"
        );
        assert_eq!(new.shadow.unwrap(), "root:*:::::::\na:!:9::::::\nroot2:!*:9::::::\nlocked:!*:9:::::1:\n");
        assert_eq!(new.group.unwrap(), "g:x:1:a,b,c\nh:x:2:\nnew:x:5:z\n-x:::\n");
        assert_eq!(new.gshadow.unwrap(), "new:!*::z\n");
    }

    #[test]
    fn nothing_new_changes_nothing() {
        let texts = Texts { group: Some("g:x:1:a\nh:x:2\n".into()), ..Texts::default() };
        let members = [("g".to_owned(), vec!["a".to_owned()]), ("none".to_owned(), vec!["a".to_owned()])];
        assert!(texts.with(&[], &[], &members, 9).is_empty());
    }
}
