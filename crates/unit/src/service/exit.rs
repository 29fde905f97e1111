//! How a process ended, and what a service takes for success.

use std::collections::BTreeSet;
use std::fmt;

use crate::text::signal::Signal;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// It exited with a code.
    Code(i32),
    /// A signal ended it.
    Signal(Signal),
    /// A signal ended it, and it dumped core.
    Dump(Signal),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => match reason(*code) {
                Some(reason) => write!(f, "exit-code {code} ({reason})"),
                None => write!(f, "exit-code {code}"),
            },
            Exit::Signal(signal) => write!(f, "signal {}", signal.name()),
            Exit::Dump(signal) => write!(f, "core-dump {}", signal.name()),
        }
    }
}

/// Exit codes of a child that could not get as far as its program (systemd.exec(5)), and what
/// could not be done.
pub const SETUP_CODES: [(i32, &str); 16] = [
    (200, "CHDIR"),
    (201, "NICE"),
    (202, "FDS"),
    (203, "EXEC"),
    (205, "LIMITS"),
    (206, "OOM_ADJUST"),
    (208, "STDIN"),
    (209, "STDOUT"),
    (216, "GROUP"),
    (217, "USER"),
    (219, "CGROUP"),
    (220, "SETSID"),
    (222, "STDERR"),
    (227, "NO_NEW_PRIVILEGES"),
    (233, "RUNTIME_DIRECTORY"),
    (238, "STATE_DIRECTORY"),
];

fn reason(code: i32) -> Option<&'static str> {
    SETUP_CODES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

/// Names of exit codes that files use (sysexits.h, LSB), as far as people use them.
const NAMED_CODES: [(&str, i32); 22] = [
    ("SUCCESS", 0),
    ("FAILURE", 1),
    ("INVALIDARGUMENT", 2),
    ("NOTIMPLEMENTED", 3),
    ("NOPERMISSION", 4),
    ("NOTINSTALLED", 5),
    ("NOTCONFIGURED", 6),
    ("NOTRUNNING", 7),
    ("USAGE", 64),
    ("DATAERR", 65),
    ("NOINPUT", 66),
    ("NOUSER", 67),
    ("NOHOST", 68),
    ("UNAVAILABLE", 69),
    ("SOFTWARE", 70),
    ("OSERR", 71),
    ("OSFILE", 72),
    ("CANTCREAT", 73),
    ("IOERR", 74),
    ("TEMPFAIL", 75),
    ("PROTOCOL", 76),
    ("NOPERM", 77),
];

/// A set of exit codes and signals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExitSet {
    /// The codes.
    pub codes: BTreeSet<i32>,
    /// The signals.
    pub signals: BTreeSet<Signal>,
}

impl ExitSet {
    /// Adds one word: a code from 0 to 255, its name, or a signal's name.
    ///
    /// # Errors
    /// The word, where it is none of these.
    pub fn add<'a>(&mut self, word: &'a str) -> Result<(), &'a str> {
        if let Ok(code) = word.parse::<u8>() {
            self.codes.insert(code.into());
        } else if let Some((_, code)) = NAMED_CODES.iter().find(|(name, _)| *name == word) {
            self.codes.insert(*code);
        } else if let Some(signal) = Signal::parse(word) {
            self.signals.insert(signal);
        } else {
            return Err(word);
        }
        Ok(())
    }

    /// Whether an end is in the set.
    pub fn contains(&self, exit: Exit) -> bool {
        match exit {
            Exit::Code(code) => self.codes.contains(&code),
            Exit::Signal(signal) | Exit::Dump(signal) => self.signals.contains(&signal),
        }
    }
}

/// Whether an end is a good one. A daemon that a polite signal ended has done nothing wrong; a
/// command that was to do its work and end has.
pub fn is_clean(exit: Exit, is_daemon: bool, success: &ExitSet) -> bool {
    let polite = [Signal::HUP, Signal::INT, Signal::TERM, Signal::PIPE];
    match exit {
        Exit::Code(0) => true,
        Exit::Signal(signal) if is_daemon && polite.contains(&signal) => true,
        other => success.contains(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_clean() {
        let mut success = ExitSet::default();
        for word in ["143", "SIGKILL", "TEMPFAIL"] {
            success.add(word).unwrap();
        }
        assert_eq!(success.add("bogus"), Err("bogus"));
        assert_eq!(success.add("256"), Err("256"));
        let none = ExitSet::default();
        let cases = [
            (Exit::Code(0), false, &none, true),
            (Exit::Code(1), true, &none, false),
            (Exit::Code(143), true, &success, true),
            (Exit::Code(75), true, &success, true),
            (Exit::Signal(Signal::TERM), true, &none, true),
            (Exit::Signal(Signal::TERM), false, &none, false),
            (Exit::Signal(Signal::KILL), true, &none, false),
            (Exit::Signal(Signal::KILL), true, &success, true),
            (Exit::Dump(Signal::ABRT), true, &none, false),
        ];
        for (exit, is_daemon, success, clean) in cases {
            assert_eq!(is_clean(exit, is_daemon, success), clean, "{exit}");
        }
    }
}
