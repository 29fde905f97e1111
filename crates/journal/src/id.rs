//! The identity of a boot.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use crate::Error;

/// Names one boot of one machine: 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
