//! What a platform says of a machine, as far as it can be used.

use std::collections::BTreeMap;

/// The most bytes of an attribute and of a key: no real one comes near.
const LONGEST_VALUE: usize = 4 << 10;
const LONGEST_KEY: usize = 16 << 10;
/// The most keys.
const MOST_KEYS: usize = 1000;

/// A machine's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// What the platform calls the machine, as it says it.
    pub hostname: Option<String>,
    /// Lines for `authorized_keys`.
    pub ssh_keys: Vec<String>,
    /// Attributes by Afterburn's names, without `AFTERBURN_`.
    pub attributes: BTreeMap<String, String>,
    /// Time servers that the platform has for its guests.
    pub time_servers: Vec<String>,
    /// What was left out, and why.
    pub remarks: Vec<String>,
}

impl Metadata {
    /// Keeps an attribute, where there is one; not what would be more than one line of a file.
    pub(crate) fn set(&mut self, name: &str, value: Option<impl Into<String>>) {
        let Some(value) = value.map(Into::into).filter(|value: &String| !value.is_empty()) else { return };
        if value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
            self.remarks.push(format!("attribute {name} is left out: its value is not one line of text"));
            return;
        }
        self.attributes.insert(name.to_owned(), value);
    }

    /// Keeps keys, of which each must be one; the same only once.
    pub(crate) fn keys<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        for line in lines {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if self.ssh_keys.len() == MOST_KEYS {
                self.remarks.push(format!("SSH keys beyond the first {MOST_KEYS} are left out"));
                return;
            }
            if !is_key(line) {
                let start: String = line.chars().filter(|char| !char.is_control()).take(20).collect();
                self.remarks.push(format!("an SSH key is left out, for it is none: {start:?}..."));
            } else if !self.ssh_keys.iter().any(|key| key == line) {
                self.ssh_keys.push(line.to_owned());
            }
        }
    }
}

/// Whether a line is a public key: a type, base64, and perhaps a comment. Options, which could run a program, are none
/// of a platform's business.
fn is_key(line: &str) -> bool {
    const TYPES: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"];
    let mut words = line.split(' ');
    let (kind, data) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    line.len() <= LONGEST_KEY
        && !line.chars().any(char::is_control)
        && TYPES.iter().any(|known| kind.starts_with(known))
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-@.".contains(&byte))
        && data.len() >= 16
        && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::Metadata;

    #[test]
    fn only_keys_are_keys() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5dnA1jzwJZ2ndPmoZAvB1MDLU";
        let mut metadata = Metadata::default();
        metadata.keys([key, "", "# none", key, &format!("{key} with a comment\r")]);
        assert_eq!(metadata.ssh_keys, [key, &format!("{key} with a comment")]);
        assert_eq!(metadata.remarks, [""; 0]);
        let no_keys = [
            "ssh-ed25519",
            "ssh-ed25519 short",
            "command=\"reboot\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5dnA1jzwJZ",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5dnA1jzwJZ a\nssh-rsa b",
            "<html>",
        ];
        metadata.keys(no_keys);
        assert_eq!((metadata.ssh_keys.len(), metadata.remarks.len()), (2, no_keys.len()));
    }

    #[test]
    fn an_attribute_is_one_line() {
        let mut metadata = Metadata::default();
        metadata.set("A", Some("b c"));
        metadata.set("B", Some(""));
        metadata.set("C", None::<&str>);
        metadata.set("D", Some("x\nLD_PRELOAD=y"));
        assert_eq!(metadata.attributes.into_iter().collect::<Vec<_>>(), [("A".to_owned(), "b c".to_owned())]);
        assert_eq!(metadata.remarks.len(), 1);
    }
}
