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
}

/// Every test by the name that follows `Condition` or `Assert`.
pub const TESTS: [(&str, Test); 16] = [
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
