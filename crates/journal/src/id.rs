//! The identity of a boot.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use crate::Error;

/// Names one boot of one machine: 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootId([u8; 32]);

impl BootId {
    /// The boot that is running.
    ///
    /// # Errors
    /// /proc is not there.
    pub fn current() -> Result<Self, Error> {
        let path = Path::new(layout::path::BOOT_ID);
        fs::read_to_string(path).map_err(Error::io("read", path))?.parse()
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        // Nothing else is ever in it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for BootId {
    type Err = Error;

    /// Takes the digits with or without the dashes that the kernel writes.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut id = [0; 32];
        let mut digits = text.trim().bytes().filter(|b| *b != b'-').map(|b| b.to_ascii_lowercase());
        for place in &mut id {
            let digit = digits.next().filter(u8::is_ascii_hexdigit);
            *place = digit.ok_or_else(|| Error::BadBootId(text.trim().to_owned()))?;
        }
        match digits.next() {
            None => Ok(Self(id)),
            Some(_) => Err(Error::BadBootId(text.trim().to_owned())),
        }
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits_with_or_without_dashes() {
        let id = "0123456789abcdef0123456789abcdef";
        for text in [id, "01234567-89AB-cdef-0123-456789abcdef\n"] {
            assert_eq!(text.parse::<BootId>().unwrap().as_str(), id);
        }
        for text in ["", &id[1..], &format!("{id}0"), &id.replace('f', "g"), &id.replace('f', "\u{e4}")] {
            assert!(text.parse::<BootId>().is_err(), "{text}");
        }
    }
}
