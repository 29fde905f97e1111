//! How serious a message is.

use std::str::FromStr;

/// A syslog severity (RFC 5424, table 2): 0 is an emergency, 7 a debug message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

/// Names by number (syslog.conf(5)).
const NAMES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

impl Priority {
    /// A critical condition.
    pub const CRIT: Self = Self(2);
    /// An error condition.
    pub const ERR: Self = Self(3);
    /// A warning.
    pub const WARNING: Self = Self(4);
    /// Normal but significant.
    pub const NOTICE: Self = Self(5);
    /// An informational message; what a service's output is where it says nothing else.
    pub const INFO: Self = Self(6);
    /// For those who look for a fault.
    pub const DEBUG: Self = Self(7);

    /// The severity in a syslog priority value, whose upper bits are the facility.
    pub const fn of_syslog(value: u32) -> Self {
        Self((value & 7) as u8)
    }

    /// The number, 0 to 7.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The number as a digit, which is how the field `PRIORITY` has it.
    pub const fn digit(self) -> u8 {
        b'0' + self.0
    }

    /// The severity in the field `PRIORITY`.
    pub fn of_field(value: &[u8]) -> Option<Self> {
        match value {
            [digit @ b'0'..=b'7'] => Some(Self(digit - b'0')),
            _ => None,
        }
    }

    /// Its name: `err`.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0 & 7)]
    }
}

impl TryFrom<u8> for Priority {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, Self::Error> {
        match value {
            0..=7 => Ok(Self(value)),
            _ => Err(format!("{value} is not a priority: 0 to 7 was expected")),
        }
    }
}

impl FromStr for Priority {
    type Err = String;

    /// Takes a number or a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = NAMES.iter().position(|name| *name == text).map(|number| number as u8);
        let number = named.or_else(|| text.parse().ok());
        number
            .and_then(|number| Self::try_from(number).ok())
            .ok_or_else(|| format!("{text:?} is not a priority: 0 to 7, or emerg to debug, was expected"))
    }
}
