//! Layer: pure. Who a machine is: its id, and what it is called.
//!
//! A machine's name is the first that there is of: the one in `/etc/hostname`, the kernel argument's, the
//! platform's, the DHCP server's, and one that is made of its id. All but the first last until the next boot.
#![forbid(unsafe_code)]

pub mod hosts;

/// The file of the name that lasts (hostname(5)).
pub const HOST_NAME: &str = "/etc/hostname";
/// The file of the id (machine-id(5)).
pub const MACHINE_ID: &str = "/etc/machine-id";
/// The kernel argument that names the machine for one boot (kernel-command-line(7)).
pub const HOST_NAME_ARGUMENT: &str = "systemd.hostname";
/// The kernel argument with the machine's id (kernel-command-line(7)).
pub const MACHINE_ID_ARGUMENT: &str = "systemd.machine_id";

/// The most bytes that the kernel takes (gethostname(2)).
const LONGEST: usize = 64;
/// The most of a label, between two dots (RFC 1035).
const LONGEST_LABEL: usize = 63;
/// What a name that is made of an id begins with, and how many of its digits follow.
const PREFIX: &str = "berth-";
const DIGITS: usize = 8;
/// What is no name of its own: machines of many kinds give it where they know none.
const NOBODY: [&str; 3] = ["localhost", "localhost.localdomain", "(none)"];

/// Where a machine's name is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// [`HOST_NAME`].
    File,
    /// [`HOST_NAME_ARGUMENT`].
    Argument,
    /// The platform that it runs on.
    Platform,
    /// A DHCP server.
    Dhcp,
    /// Its id.
    Id,
}

/// Whether a text may name a machine: labels of letters, digits, `-` and `_`, none beginning or ending with `-`,
/// with dots between them; 64 bytes at most.
pub fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(is_part)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= LONGEST && text.split('.').all(is_label)
}

/// The name in the text of [`HOST_NAME`]: its first line that is none of comment.
pub fn in_file(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What somebody else calls the machine, as it can be used: of a name that is too long the first label, and of
/// that as much as may be. None where it says nothing.
pub fn given(name: &str) -> Option<String> {
    let name = name.trim().trim_end_matches('.');
    let name = match name.len() > LONGEST {
        true => name.split('.').next().unwrap_or_default(),
        false => name,
    };
    let short = name.char_indices().map(|(at, _)| at).find(|at| *at >= LONGEST_LABEL);
    let name = match (name.contains('.'), short) {
        (false, Some(end)) => name.get(..end).unwrap_or_default().trim_end_matches('-'),
        _ => name,
    };
    (is_host_name(name) && !NOBODY.contains(&name)).then(|| name.to_owned())
}

/// The name of a machine that nobody has named.
pub fn made_of(machine_id: &str) -> String {
    match machine_id.get(..DIGITS) {
        Some(digits) if is_machine_id(machine_id) => format!("{PREFIX}{digits}"),
        _ => PREFIX.trim_end_matches('-').to_owned(),
    }
}

/// What is known of a machine's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The text of [`HOST_NAME`].
    pub file: String,
    /// What [`HOST_NAME_ARGUMENT`] says.
    pub argument: Option<String>,
    /// What the platform says.
    pub platform: Option<String>,
    /// What DHCP servers say, the preferred link's first.
    pub dhcp: Vec<String>,
    /// The machine's id.
    pub machine_id: String,
}

impl Names {
    /// The name that the machine has, and whose it is.
    pub fn best(&self) -> (String, Origin) {
        let file = in_file(&self.file).filter(|name| is_host_name(name)).map(str::to_owned);
        let argument = self.argument.clone().filter(|name| is_host_name(name));
        let first = |names: &[String]| names.iter().find_map(|name| given(name));
        let platform = self.platform.as_deref().and_then(given);
        let found = [
            (file, Origin::File),
            (argument, Origin::Argument),
            (platform, Origin::Platform),
            (first(&self.dhcp), Origin::Dhcp),
        ];
        let found = found.into_iter().find_map(|(name, origin)| Some((name?, origin)));
        found.unwrap_or_else(|| (made_of(&self.machine_id), Origin::Id))
    }
}

/// Whether a text is an id: 32 hexadecimal digits, not all of them nought.
pub fn is_machine_id(text: &str) -> bool {
    text.len() == 32
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0')
}

/// The id that these random bytes make: a UUID (RFC 9562, version 4) without dashes, as machine-id(5) asks.
pub fn machine_id(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn an_id_is_32_hex_digits_and_not_nought() {
        assert!(is_machine_id(ID));
        for text in ["", "uninitialized", "0123", "00000000000000000000000000000000"] {
            assert!(!is_machine_id(text), "{text}");
        }
        for bytes in [[0; 16], [0xff; 16]] {
            let id = machine_id(bytes);
            assert!(is_machine_id(&id), "{id}");
            let (version, variant) = (id.as_bytes()[12], id.as_bytes()[16]);
            assert!(version == b'4' && b"89ab".contains(&variant), "{id}");
        }
    }

    #[test]
    fn names_that_machines_may_have() {
        let long = format!("{}.{}", "a".repeat(32), "b".repeat(31));
        for name in ["a", "node-1", "node_1", "node-1.example.com", "1", long.as_str()] {
            assert!(is_host_name(name), "{name}");
        }
        let (label, too_long) = ("a".repeat(64), format!("{long}c"));
        for name in ["", ".", "a.", ".a", "a..b", "-a", "a-", "a b", "a/b", "ä", "a\n", &label, &too_long] {
            assert!(!is_host_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_others_say_is_made_to_fit() {
        let label = "a".repeat(70);
        let cut = "a".repeat(63);
        for (said, name) in [
            ("node-1", Some("node-1")),
            ("node-1.example.com.", Some("node-1.example.com")),
            (&format!("node-1.{label}"), Some("node-1")),
            (&label, Some(cut.as_str())),
            (&format!("{}-b", "a".repeat(62)), Some(&cut[..62])),
            ("localhost", None),
            ("", None),
            ("a b", None),
            ("$(reboot)", None),
        ] {
            assert_eq!(given(said).as_deref(), name, "{said}");
        }
    }

    #[test]
    fn the_first_that_knows_names_the_machine() {
        let all = Names {
            file: "# by hand\n\nfile\n".into(),
            argument: Some("argument".into()),
            platform: Some("platform".into()),
            dhcp: vec!["localhost".into(), "dhcp".into()],
            machine_id: ID.into(),
        };
        let no_file = Names { file: "not a name\n".into(), ..all.clone() };
        let no_argument = Names { argument: None, ..no_file.clone() };
        let no_platform = Names { platform: Some("localhost".into()), ..no_argument.clone() };
        let nobody = Names { dhcp: vec![], ..no_platform.clone() };
        let no_id = Names::default();
        for (names, name, origin) in [
            (all, "file", Origin::File),
            (no_file, "argument", Origin::Argument),
            (no_argument, "platform", Origin::Platform),
            (no_platform, "dhcp", Origin::Dhcp),
            (nobody, "berth-01234567", Origin::Id),
            (no_id, "berth", Origin::Id),
        ] {
            assert_eq!(names.best(), (name.to_owned(), origin));
        }
    }
}
