//! Access control lists (acl(5)): the argument of `a` and `A`, and how the kernel keeps them.

use crate::accounts::{self, Accounts};

/// The extended attribute of a file's own list.
pub const ACCESS: &str = "system.posix_acl_access";
/// The extended attribute of the list that what is made in a folder gets.
pub const DEFAULT: &str = "system.posix_acl_default";
/// The version of their format (linux/posix_acl_xattr.h).
const VERSION: u32 = 2;
/// The id of an entry that names nobody.
const NOBODY: u32 = u32::MAX;

/// Whom an entry is about, in the order that the kernel wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// The owner.
    Owner,
    /// A user.
    User(u32),
    /// The file's group.
    OwnGroup,
    /// A group.
    Group(u32),
    /// The most that users and groups get.
    Mask,
    /// All others.
    Other,
}

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Whom it is about.
    pub tag: Tag,
    /// The three permission bits.
    pub bits: u16,
    /// `X`: the bit to execute holds only where something has it already.
    only_if_executable: bool,
}

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    access: Vec<Entry>,
    default: Vec<Entry>,
}

impl Acl {
    /// Reads entries between commas: `u:root:rwX,d:g::rx`.
    ///
    /// # Errors
    /// An entry makes no sense, or names an account that is not there.
    pub fn parse(text: &str, accounts: &Accounts) -> Result<Acl, String> {
        let mut acl = Acl::default();
        for entry in text.split(',') {
            let fields: Vec<&str> = entry.trim().split(':').collect();
            let (list, [who, name, bits]) = match fields[..] {
                ["d" | "default", who, name, bits] => (&mut acl.default, [who, name, bits]),
                [who, name, bits] => (&mut acl.access, [who, name, bits]),
                _ => return Err(format!("{entry:?} is no entry (u:NAME:rwx)")),
            };
            let (bits, only_if_executable) = permissions(bits)?;
            let known = |known: &std::collections::BTreeMap<String, u32>, what: &str| {
                let id = accounts::id(name).ok().or_else(|| known.get(name).copied());
                id.ok_or_else(|| format!("there is no {what} {name}"))
            };
            let tag = match (who, name) {
                ("u" | "user", "") => Tag::Owner,
                ("u" | "user", _) => Tag::User(known(&accounts.users, "user")?),
                ("g" | "group", "") => Tag::OwnGroup,
                ("g" | "group", _) => Tag::Group(known(&accounts.groups, "group")?),
                ("m" | "mask", "") => Tag::Mask,
                ("o" | "other", "") => Tag::Other,
                _ => return Err(format!("{entry:?} is about nobody")),
            };
            list.push(Entry { tag, bits, only_if_executable });
        }
        Ok(acl)
    }

    /// Whether there is a list for what a path itself allows, and one for what is made in it.
    pub fn lists(&self) -> (bool, bool) {
        (!self.access.is_empty(), !self.default.is_empty())
    }

    /// The list of a path that has `current` and the mode's `bits`: these entries are added to it, or they
    /// take its place.
    pub fn of_path(&self, current: &[Entry], bits: u32, is_folder: bool, adds: bool) -> Vec<Entry> {
        let mut now = current.to_vec();
        add_base(&mut now, bits);
        let counts = |entry: &&Entry| match entry.tag {
            Tag::Mask => false,
            Tag::User(_) | Tag::Group(_) => adds,
            _ => true,
        };
        let plain = self.access.iter().filter(|entry| !entry.only_if_executable);
        let is_executable =
            is_folder || now.iter().filter(counts).chain(plain).any(|entry| entry.bits & 1 != 0);
        let wanted = self.access.iter().map(|entry| match entry.only_if_executable && !is_executable {
            true => Entry { bits: entry.bits & !1, ..*entry },
            false => *entry,
        });
        complete(wanted, if adds { current } else { &[] }, bits)
    }

    /// The list for what is made in a folder.
    pub fn of_content(&self, current: &[Entry], bits: u32, adds: bool) -> Vec<Entry> {
        complete(self.default.iter().copied(), if adds { current } else { &[] }, bits)
    }
}

fn permissions(text: &str) -> Result<(u16, bool), String> {
    let (mut bits, mut only_if_executable) = (0, false);
    for letter in text.chars() {
        match letter {
            'r' => bits |= 4,
            'w' => bits |= 2,
            'x' => bits |= 1,
            'X' => {
                bits |= 1;
                only_if_executable = true;
            }
            '-' => {}
            _ => return Err(format!("{text:?} is no set of r, w and x")),
        }
    }
    Ok((bits, only_if_executable))
}

/// Puts entries over others, and adds what every list must have.
fn complete(wanted: impl Iterator<Item = Entry>, over: &[Entry], bits: u32) -> Vec<Entry> {
    let mut list = over.to_vec();
    for entry in wanted.map(|entry| Entry { only_if_executable: false, ..entry }) {
        list.retain(|other| other.tag != entry.tag);
        list.push(entry);
    }
    let is_named = |entry: &Entry| matches!(entry.tag, Tag::User(_) | Tag::Group(_));
    if list.iter().any(is_named) && !list.iter().any(|entry| entry.tag == Tag::Mask) {
        let under = list.iter().filter(|entry| is_named(entry) || entry.tag == Tag::OwnGroup);
        let bits = under.fold(0, |bits, entry| bits | entry.bits);
        list.push(Entry { tag: Tag::Mask, bits, only_if_executable: false });
    }
    add_base(&mut list, bits);
    list.sort();
    list
}

/// Adds the entries that a mode stands for, where they are missing.
fn add_base(list: &mut Vec<Entry>, mode: u32) {
    for (tag, shift) in [(Tag::Owner, 6), (Tag::OwnGroup, 3), (Tag::Other, 0)] {
        if !list.iter().any(|entry| entry.tag == tag) {
            list.push(Entry { tag, bits: (mode >> shift & 7) as u16, only_if_executable: false });
        }
    }
}

/// A list as an extended attribute.
pub fn encode(list: &[Entry]) -> Vec<u8> {
    let mut out = VERSION.to_le_bytes().to_vec();
    for entry in list {
        let (tag, id): (u16, u32) = match entry.tag {
            Tag::Owner => (1, NOBODY),
            Tag::User(id) => (2, id),
            Tag::OwnGroup => (4, NOBODY),
            Tag::Group(id) => (8, id),
            Tag::Mask => (0x10, NOBODY),
            Tag::Other => (0x20, NOBODY),
        };
        out.extend(tag.to_le_bytes());
        out.extend(entry.bits.to_le_bytes());
        out.extend(id.to_le_bytes());
    }
    out
}

/// Reads an extended attribute. None where it is no list.
pub fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (version, rest) = bytes.split_first_chunk()?;
    if u32::from_le_bytes(*version) != VERSION || rest.len() % 8 != 0 {
        return None;
    }
    let entries = rest.chunks_exact(8).map(|chunk| {
        let id = u32::from_le_bytes(*chunk.last_chunk()?);
        let tag = match u16::from_le_bytes([chunk[0], chunk[1]]) {
            1 => Tag::Owner,
            2 => Tag::User(id),
            4 => Tag::OwnGroup,
            8 => Tag::Group(id),
            0x10 => Tag::Mask,
            0x20 => Tag::Other,
            _ => return None,
        };
        Some(Entry { tag, bits: u16::from_le_bytes([chunk[2], chunk[3]]), only_if_executable: false })
    });
    entries.collect()
}

/// A list as setfacl(1) takes it.
pub fn show(list: &[Entry]) -> String {
    let letters = |bits: u16| {
        let letter = |bit, letter| if bits & bit != 0 { letter } else { '-' };
        [letter(4, 'r'), letter(2, 'w'), letter(1, 'x')].iter().collect::<String>()
    };
    let who = |tag| match tag {
        Tag::Owner => "u:".to_owned(),
        Tag::User(id) => format!("u:{id}"),
        Tag::OwnGroup => "g:".to_owned(),
        Tag::Group(id) => format!("g:{id}"),
        Tag::Mask => "m:".to_owned(),
        Tag::Other => "o:".to_owned(),
    };
    let shown: Vec<_> =
        list.iter().map(|entry| format!("{}:{}", who(entry.tag), letters(entry.bits))).collect();
    shown.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn acl(text: &str) -> Acl {
        Acl::parse(text, &Accounts::read(["u:x:7:7:::"], ["g:x:8:"])).unwrap()
    }

    fn entries(text: &str) -> Vec<Entry> {
        acl(text).access
    }

    #[test]
    fn lists() {
        for (text, current, mode, adds, expected) in [
            ("u:root:rwX", "", 0o644, false, "u::rw-,u:0:rw-,g::r--,m::rw-,o::r--"),
            ("u:root:rwX", "", 0o755, false, "u::rwx,u:0:rwx,g::r-x,m::rwx,o::r-x"),
            // A group that may execute is enough where entries are added.
            (
                "u:root:rwX",
                "u::rw-,g::r--,g:0:--x,m::r-x,o::r--",
                0o654,
                true,
                "u::rw-,u:0:rwx,g::r--,g:0:--x,m::r-x,o::r--",
            ),
            (
                "u:root:rwX",
                "u::rw-,g::r--,g:0:--x,m::r-x,o::r--",
                0o654,
                false,
                "u::rw-,u:0:rw-,g::r-x,m::rw-,o::r--",
            ),
            ("u:u:r,g:g:rx", "", 0o600, false, "u::rw-,u:7:r--,g::---,g:8:r-x,m::r-x,o::---"),
            ("u:u:rwx,m::r", "", 0o600, false, "u::rw-,u:7:rwx,g::---,m::r--,o::---"),
            ("o::rwx", "", 0o600, false, "u::rw-,g::---,o::rwx"),
            (
                "u:7:r",
                "u::rwx,u:7:rwx,g::r--,m::rwx,o::---",
                0o740,
                true,
                "u::rwx,u:7:r--,g::r--,m::rwx,o::---",
            ),
        ] {
            let current = if current.is_empty() { Vec::new() } else { entries(current) };
            let got = acl(text).of_path(&current, mode, false, adds);
            assert_eq!(show(&got), expected, "{text}");
            assert_eq!(decode(&encode(&got)), Some(got));
        }
        let default = acl("d:u:u:rwX,u:u:r");
        assert_eq!(default.lists(), (true, true));
        assert_eq!(show(&default.of_content(&[], 0o750, false)), "u::rwx,u:7:rwx,g::r-x,m::rwx,o::---");
    }

    #[test]
    fn nonsense_is_named() {
        for (text, expected) in [
            ("u:root", "no entry"),
            ("x:u:u:r", "no entry"),
            ("u:nobody:r", "there is no user nobody"),
            ("g:u:r", "there is no group u"),
            ("o:u:r", "about nobody"),
            ("u::rwq", "no set"),
        ] {
            let error = Acl::parse(text, &Accounts::read(["u:x:7:7:::"], [])).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert_eq!(decode(&[2, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*", bytes: Vec<u8>) {
            let _ = Acl::parse(&text, &Accounts::default());
            let _ = decode(&bytes);
        }
    }
}
