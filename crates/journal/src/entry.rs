//! One line of the log.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// One message. Its boot is that of the segment that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Wall-clock time of arrival, in microseconds since 1970 (UTC).
    #[serde(rename = "rt")]
    pub realtime_us: u64,
    /// CLOCK_MONOTONIC time of arrival, in microseconds; for kernel messages, the kernel's own.
    #[serde(rename = "mt")]
    pub monotonic_us: u64,
    /// The unit it came from, such as `etcd.service`, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The way it came.
    #[serde(rename = "src")]
    pub source: Source,
    /// How serious it is.
    #[serde(rename = "prio")]
    pub priority: Priority,
    /// The name of the program, as syslog messages carry it.
    #[serde(rename = "id", default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// The process that sent it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The text, without its line end. Bytes that are not UTF-8 have become U+FFFD.
    #[serde(rename = "msg")]
    pub message: String,
}

impl Entry {
    /// Appends the entry as one line of JSON, its line feed included.
    pub fn encode_into(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        // Writing strings and integers to memory cannot fail; if it ever did, no half line stays.
        if serde_json::to_writer(&mut *buffer, self).is_ok() {
            buffer.push(b'\n');
        } else {
            buffer.truncate(start);
        }
    }

    /// Reads one line; `None` where it is not a whole entry (a torn line, a segment's header).
    pub fn decode(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// The way a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A service's standard output or error.
    Output,
    /// The kernel's ring buffer.
    Kernel,
    /// A datagram on /dev/log.
    Syslog,
    /// The log store itself: what was dropped, and why.
    Journal,
}

/// A syslog severity (RFC 5424, table 2): 0 is an emergency, 7 a debug message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Priority {
    /// An error condition.
    pub const ERR: Self = Self(3);
    /// A warning.
    pub const WARNING: Self = Self(4);
    /// Normal but significant.
    pub const NOTICE: Self = Self(5);
    /// An informational message; what a service's output is where it says nothing else.
    pub const INFO: Self = Self(6);

    /// The severity in a syslog priority value, whose upper bits are the facility.
    pub const fn of_syslog(value: u32) -> Self {
        Self((value & 7) as u8)
    }

    /// The number, 0 to 7.
    pub const fn number(self) -> u8 {
        self.0
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

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// Names one boot of one machine: 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootId(String);

impl BootId {
    /// The boot that is running.
    ///
    /// # Errors
    /// /proc is not there.
    pub fn current() -> Result<Self, Error> {
        let path = Path::new("/proc/sys/kernel/random/boot_id");
        fs::read_to_string(path).map_err(Error::io("read", path))?.parse()
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BootId {
    type Err = Error;

    /// Takes the digits with or without the dashes that the kernel writes.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
        if digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(digits.to_ascii_lowercase()))
        } else {
            Err(Error::BadBootId(text.trim().to_owned()))
        }
    }
}

impl TryFrom<String> for BootId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<BootId> for String {
    fn from(id: BootId) -> Self {
        id.0
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
