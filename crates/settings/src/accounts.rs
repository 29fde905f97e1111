//! Users and groups: the files of passwd(5) and group(5), and what may stand in them.

use std::collections::BTreeMap;

/// The longest name of an account that login records hold (utmp(5)).
const NAME_MAX: usize = 31;

/// A line that names an account: its name and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account<'a> {
    /// The name.
    pub name: &'a str,
    /// User or group id.
    pub id: u32,
}

/// Users and groups by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts {
    /// Users.
    pub users: BTreeMap<String, u32>,
    /// Groups.
    pub groups: BTreeMap<String, u32>,
}

impl Accounts {
    /// Reads the texts of passwd and group files; of two accounts with one name the first counts. Root is
    /// always there.
    pub fn read<'a>(
        passwd: impl IntoIterator<Item = &'a str>,
        group: impl IntoIterator<Item = &'a str>,
    ) -> Accounts {
        let collect = |texts: &mut dyn Iterator<Item = &'a str>| {
            let mut found = BTreeMap::new();
            for account in texts.flat_map(|text| text.lines()).filter_map(account) {
                found.entry(account.name.to_owned()).or_insert(account.id);
            }
            found.entry("root".to_owned()).or_insert(0);
            found
        };
        Accounts { users: collect(&mut passwd.into_iter()), groups: collect(&mut group.into_iter()) }
    }
}

/// Reads a line of a passwd or group file. None where it is no account's: a comment, or what NIS adds.
pub fn account(line: &str) -> Option<Account<'_>> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|_| !is_foreign(line))?;
    let id = fields.nth(1)?.parse().ok()?;
    Some(Account { name, id })
}

/// Whether a line of a file of accounts is about none: a comment, or what NIS adds.
pub fn is_foreign(line: &str) -> bool {
    line.is_empty() || line.starts_with([':', '+', '-', '#'])
}

/// What stands for a byte that is no UTF-8, in a text that keeps it: this and the byte. They are for private use.
const STAND_INS: u32 = 0x10_ff00;

/// The text of a file of accounts, whatever bytes are in it: [`encode`] gives the same bytes back, so that the lines
/// that are nobody's to change can stay as they are.
pub fn decode(bytes: &[u8]) -> String {
    let stand_in =
        |byte: u8| char::from_u32(STAND_INS + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match stood_for(c) {
                None => text.push(c),
                // One that the file itself has is not to become a byte.
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(stand_in)),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    text
}

/// The bytes of a file of accounts.
pub fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match stood_for(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The byte that a character stands for.
fn stood_for(c: char) -> Option<u8> {
    u8::try_from(u32::from(c).checked_sub(STAND_INS)?).ok().filter(|byte| !byte.is_ascii())
}

/// Reads a user or group id.
///
/// # Errors
/// It is no decimal number, or one that stands for no account.
pub fn id(text: &str) -> Result<u32, &'static str> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    if !is_plain || (text.len() > 1 && text.starts_with('0')) {
        return Err("it is no decimal number");
    }
    match text.parse::<u32>() {
        // What 16 and 32 bits have for no account.
        Ok(0xffff | u32::MAX) | Err(_) => Err("it is a number that no account can have"),
        Ok(id) => Ok(id),
    }
}

/// Whether an account may be called so.
pub fn is_name(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.len() <= NAME_MAX
        && name.starts_with(is_start)
        && name.chars().all(|c| is_start(c) || c.is_ascii_digit() || c == '-')
}

/// Whether a text may be a field of passwd(5).
pub fn is_field(text: &str) -> bool {
    !text.contains(|c: char| c == ':' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_by_name() {
        let passwd =
            "# x:x:1:\nroot:x:0:0:root:/root:/bin/sh\na:x:7:8:::\nbroken\na:x:9:9:::\n+::::::\n+b:x:3:3\n";
        let accounts = Accounts::read([passwd, "c:x:5:5:::"], ["g:x:12:\nh:x:13"]);
        let users: Vec<_> = accounts.users.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        assert_eq!(users, [("a", 7), ("c", 5), ("root", 0)]);
        let groups: Vec<_> = accounts.groups.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        assert_eq!(groups, [("g", 12), ("h", 13), ("root", 0)]);
    }

    #[test]
    fn bytes_come_back_as_they_were() {
        for (bytes, text) in [
            (&b"a:x:1\n"[..], Some("a:x:1\n")),
            ("j\u{f6}rg:x:1".as_bytes(), Some("j\u{f6}rg:x:1")),
            (b"j\xf6rg:x:1:\xff\xfe\n", None),
            (b"\xc3", None),
            (b"\xf0\x9f\x98:\n\0", None),
            ("\u{10fff6}\u{10ff00}\u{10ffff}\u{fffd}".as_bytes(), None),
        ] {
            let decoded = decode(bytes);
            assert_eq!(encode(&decoded), bytes, "{decoded:?}");
            assert_eq!(text.unwrap_or(&decoded), decoded);
        }
        assert_eq!(account(&decode(b"a:\xf6:7:\xff")), Some(Account { name: "a", id: 7 }));
    }

    #[test]
    fn ids() {
        for (text, expected) in [("0", Some(0)), ("1000", Some(1000)), ("4294967294", Some(4_294_967_294))] {
            assert_eq!(id(text).ok(), expected, "{text}");
        }
        for text in ["", "-1", "+1", " 1", "01", "0x1", "65535", "4294967295", "9999999999", "a"] {
            assert!(id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names() {
        for name in ["root", "_x", "systemd-journal", "a1", "A"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "-a", "a.b", "a b", "a:b", "\u{e9}", "a1234567890123456789012345678901"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
