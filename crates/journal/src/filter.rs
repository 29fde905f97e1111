//! Which entries are wanted.

use std::fmt;
use std::rc::Rc;

use crate::{Entry, Priority};

/// A test of a value.
type Test = Rc<dyn Fn(&[u8]) -> bool>;

/// A condition on an entry. The default takes all.
#[derive(Clone)]
pub enum Filter {
    /// A field has this value.
    Is(String, Vec<u8>),
    /// A value of a field passes a test.
    Test(String, Test),
    /// All of these hold.
    All(Vec<Filter>),
    /// One of these holds.
    AnyOf(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
}

impl Filter {
    /// A field has this value.
    pub fn is(name: &str, value: impl AsRef<[u8]>) -> Self {
        Self::Is(name.to_owned(), value.as_ref().to_vec())
    }

    /// A value of a field passes a test.
    pub fn test(name: &str, test: impl Fn(&[u8]) -> bool + 'static) -> Self {
        Self::Test(name.to_owned(), Rc::new(test))
    }

    /// The entry is of a unit, or about it: from PID 1, the log daemon, or about a crash by root.
    pub fn unit(name: &str) -> Self {
        let name = name.to_owned();
        Self::units(move |unit| unit == name.as_bytes())
    }

    /// The same for units whose names pass a test.
    pub fn units(test: impl Fn(&[u8]) -> bool + 'static) -> Self {
        let test: Test = Rc::new(test);
        let passes = |field: &str| Self::Test(field.to_owned(), test.clone());
        // Anybody may say UNIT=, but not who they are.
        let trusted =
            Self::AnyOf(vec![Self::is("_TRANSPORT", "driver"), Self::is("_SYSTEMD_UNIT", "init.scope")]);
        Self::AnyOf(vec![
            passes("_SYSTEMD_UNIT"),
            Self::All(vec![passes("UNIT"), trusted]),
            Self::All(vec![passes("COREDUMP_UNIT"), Self::is("_UID", "0")]),
        ])
    }

    /// It is at least this serious.
    pub fn at_least(priority: Priority) -> Self {
        Self::between(Priority::of_syslog(0), priority)
    }

    /// It is as serious as the second, as the first, or between.
    pub fn between(most: Priority, least: Priority) -> Self {
        Self::test("PRIORITY", move |value| {
            Priority::of_field(value).is_some_and(|priority| (most..=least).contains(&priority))
        })
    }

    /// It is of the kernel.
    pub fn kernel() -> Self {
        Self::is("_TRANSPORT", "kernel")
    }

    /// Whether it holds for an entry.
    pub fn takes(&self, entry: &Entry) -> bool {
        let any = |name: &str, test: &dyn Fn(&[u8]) -> bool| {
            entry.fields().any(|(known, value)| known == name && test(value))
        };
        match self {
            Self::Is(name, value) => any(name, &|found| found == value),
            Self::Test(name, test) => any(name, &**test),
            Self::All(all) => all.iter().all(|filter| filter.takes(entry)),
            Self::AnyOf(some) => some.iter().any(|filter| filter.takes(entry)),
            Self::Not(filter) => !filter.takes(entry),
        }
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(name, value) => write!(f, "{name}={}", String::from_utf8_lossy(value)),
            Self::Test(name, _) => write!(f, "{name}=(test)"),
            Self::All(all) => f.debug_tuple("All").field(all).finish(),
            Self::AnyOf(some) => f.debug_tuple("AnyOf").field(some).finish(),
            Self::Not(filter) => f.debug_tuple("Not").field(filter).finish(),
        }
    }
}
