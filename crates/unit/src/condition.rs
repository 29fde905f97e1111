//! `Condition...=` and `Assert...=`: what they test. The tests themselves are IO, and done by
//! whoever runs the unit.

/// A test before a unit starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is tested.
    pub test: Test,
    /// The test's argument.
    pub argument: String,
    /// `!`: it must not hold.
    pub negate: bool,
    /// `|`: of all tests so marked, one that holds is enough.
    pub trigger: bool,
}

/// What a condition tests (systemd.unit(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// The path exists.
    PathExists,
    /// A path that matches the pattern exists.
    PathExistsGlob,
    /// It is a folder.
    PathIsDirectory,
    /// It is a symbolic link.
    PathIsSymbolicLink,
    /// It is a mount point.
    PathIsMountPoint,
    /// It is on a writable file system.
    PathIsReadWrite,
    /// It is a folder with something in it.
    DirectoryNotEmpty,
    /// It is a file with something in it.
    FileNotEmpty,
    /// It is a file that may be executed.
    FileIsExecutable,
    /// The kernel command line has the word, or an assignment to it.
    KernelCommandLine,
    /// It is the machine's first boot (a boolean).
    FirstBoot,
    /// It runs in a virtual machine (a boolean, `vm`, or the hypervisor's name).
    Virtualization,
    /// The machine's architecture.
    Architecture,
    /// The host name, a pattern, or the machine id.
    Host,
    /// A capability is in PID 1's bounding set.
    Capability,
    /// The user PID 1 runs as.
    User,
    /// The group PID 1 runs as, or one of its groups.
    Group,
    /// The kernel's release: words that each compare it (`>=6.1`), or a pattern.
    KernelVersion,
    /// The machine's memory in bytes, compared.
    Memory,
    /// The processors that PID 1 may use, compared.
    CPUs,
    /// A flag of the processor.
    CPUFeature,
    /// Fields of os-release: words that each compare one (`ID=berth`).
    OSRelease,
    /// `uefi`, or `smbios-field(NAME = VALUE)`.
    Firmware,
    /// Controllers that the hierarchy has, or `v2`.
    ControlGroupController,
    /// A variable of PID 1's environment, or an assignment to one.
    Environment,
    /// The folder is older than `/usr`, which never happens: `/usr` comes whole.
    NeedsUpdate,
    /// It runs on mains power (a boolean).
    ACPower,
    /// A security technology is in use.
    Security,
    /// It is on an encrypted block device.
    PathIsEncrypted,
    /// A credential was passed to PID 1: there are none.
    Credential,
}

/// Every test by the name that follows `Condition` or `Assert`.
pub const TESTS: [(&str, Test); 30] = [
    ("PathExists", Test::PathExists),
    ("PathExistsGlob", Test::PathExistsGlob),
    ("PathIsDirectory", Test::PathIsDirectory),
    ("PathIsSymbolicLink", Test::PathIsSymbolicLink),
    ("PathIsMountPoint", Test::PathIsMountPoint),
    ("PathIsReadWrite", Test::PathIsReadWrite),
    ("DirectoryNotEmpty", Test::DirectoryNotEmpty),
    ("FileNotEmpty", Test::FileNotEmpty),
    ("FileIsExecutable", Test::FileIsExecutable),
    ("KernelCommandLine", Test::KernelCommandLine),
    ("FirstBoot", Test::FirstBoot),
    ("Virtualization", Test::Virtualization),
    ("Architecture", Test::Architecture),
    ("Host", Test::Host),
    ("Capability", Test::Capability),
    ("User", Test::User),
    ("Group", Test::Group),
    ("KernelVersion", Test::KernelVersion),
    ("Memory", Test::Memory),
    ("CPUs", Test::CPUs),
    ("CPUFeature", Test::CPUFeature),
    ("OSRelease", Test::OSRelease),
    ("Firmware", Test::Firmware),
    ("ControlGroupController", Test::ControlGroupController),
    ("Environment", Test::Environment),
    ("NeedsUpdate", Test::NeedsUpdate),
    ("ACPower", Test::ACPower),
    ("Security", Test::Security),
    ("PathIsEncrypted", Test::PathIsEncrypted),
    ("Credential", Test::Credential),
];

impl Condition {
    /// Reads a condition's value: `|`, then `!`, then the argument.
    pub fn parse(test: Test, value: &str) -> Condition {
        let (trigger, value) = strip(value, '|');
        let (negate, argument) = strip(value, '!');
        Condition { test, argument: argument.to_owned(), negate, trigger }
    }

    /// The condition as a person reads it: `PathExists=!/etc/x`.
    pub fn describe(&self) -> String {
        let name = TESTS.iter().find(|(_, test)| *test == self.test).map_or("", |(name, _)| name);
        let negate = if self.negate { "!" } else { "" };
        format!("{name}={negate}{}", self.argument)
    }
}

/// Splits a comparison (`>= 6.1`) into its operator and what follows; `=` where none is written.
pub fn comparison(text: &str) -> (&str, &str) {
    let text = text.trim();
    let operators = ["<=", ">=", "!=", "==", "$=", "<", ">", "="];
    match operators.into_iter().find_map(|operator| Some((operator, text.strip_prefix(operator)?))) {
        Some((operator, rest)) => (operator, rest.trim()),
        None => ("=", text),
    }
}

/// The field and the comparison of `smbios-field(NAME OPERATOR VALUE)`; a value may be in quotes.
pub fn smbios_field(argument: &str) -> Option<(&str, &str)> {
    let inner = argument.strip_prefix("smbios-field(")?.strip_suffix(')')?;
    let at = inner.find(['=', '<', '>', '!', '$'])?;
    let (field, rest) = inner.split_at(at);
    let field = field.trim();
    let is_field = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!field.is_empty() && field.bytes().all(is_field)).then_some((field, rest.trim()))
}

/// Whether an order is what an operator asks for.
pub fn satisfies(operator: &str, order: std::cmp::Ordering) -> bool {
    match operator {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "!=" => order.is_ne(),
        _ => order.is_eq(),
    }
}

/// Compares versions the way people read them: numbers as numbers, a longer one as later.
pub fn compare_versions(one: &str, other: &str) -> std::cmp::Ordering {
    let parts = |version: &str| -> Vec<(bool, u64, String)> {
        let mut parts = Vec::new();
        let mut rest = version;
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let same = |c: char| c.is_ascii_digit() == is_digit && c.is_ascii_alphanumeric();
            let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
            match end {
                0 => rest = &rest[first.len_utf8()..],
                end => {
                    let (part, tail) = rest.split_at(end);
                    let letters = if is_digit { "" } else { part };
                    parts.push((is_digit, part.parse().unwrap_or(0), letters.to_owned()));
                    rest = tail;
                }
            }
        }
        parts
    };
    parts(one).cmp(&parts(other))
}

fn strip(value: &str, mark: char) -> (bool, &str) {
    match value.strip_prefix(mark) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, value),
    }
}

/// Judges a list of conditions: every plain one must hold, and one of the triggering ones, if
/// there are any. `holds` answers for a test without its negation. Returns the first condition
/// that stood in the way.
pub fn unmet(conditions: &[Condition], mut holds: impl FnMut(&Condition) -> bool) -> Option<&Condition> {
    let mut failed_trigger = None;
    let mut triggered = false;
    for condition in conditions {
        let met = holds(condition) != condition.negate;
        match (condition.trigger, met) {
            (false, false) => return Some(condition),
            (true, true) => triggered = true,
            (true, false) => failed_trigger = failed_trigger.or(Some(condition)),
            (false, true) => {}
        }
    }
    failed_trigger.filter(|_| !triggered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_firmware_is_a_name_and_a_comparison() {
        for (argument, expected) in [
            ("smbios-field(sys_vendor = \"Amazon EC2\")", Some(("sys_vendor", "= \"Amazon EC2\""))),
            ("smbios-field(bios_version$=*amazon)", Some(("bios_version", "$=*amazon"))),
            ("smbios-field(../../x = y)", None),
            ("smbios-field(sys_vendor)", None),
            ("smbios-field(= y)", None),
            ("uefi", None),
        ] {
            assert_eq!(smbios_field(argument), expected, "{argument}");
        }
    }

    #[test]
    fn versions_compare_as_people_read_them() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (one, other, order) in [
            ("6.12", "6.2", Greater),
            ("6.12.1-berth", "6.12", Greater),
            ("6.1", "6.1", Equal),
            ("6.01", "6.1", Equal),
            ("5.19", "6", Less),
        ] {
            assert_eq!(compare_versions(one, other), order, "{one} {other}");
        }
        assert_eq!(comparison(">= 6.1"), (">=", "6.1"));
        assert_eq!(comparison("6.*"), ("=", "6.*"));
        assert!(satisfies("<=", Equal) && satisfies("!=", Less) && !satisfies(">", Equal));
    }

    #[test]
    fn all_plain_ones_and_one_triggering_one_must_hold() {
        // In these lists a test holds where its argument is "yes".
        let cases: [(&[&str], Option<&str>); 7] = [
            (&[], None),
            (&["yes", "yes"], None),
            (&["yes", "no"], Some("no")),
            (&["!no", "yes"], None),
            (&["!yes"], Some("yes")),
            (&["|no", "|yes", "yes"], None),
            (&["|no", "|!yes", "yes"], Some("no")),
        ];
        for (values, stood_in_the_way) in cases {
            let conditions: Vec<Condition> =
                values.iter().map(|value| Condition::parse(Test::PathExists, value)).collect();
            let unmet = unmet(&conditions, |condition| condition.argument == "yes");
            assert_eq!(unmet.map(|condition| condition.argument.as_str()), stood_in_the_way, "{values:?}");
        }
    }
}
