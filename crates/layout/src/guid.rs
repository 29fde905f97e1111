//! GUIDs, with the two byte orders that disks use.

use std::fmt;
use std::str::FromStr;

/// A GUID, held in the order in which it is written (RFC 9562, "network" order).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid([u8; 16]);

/// A text that is not a GUID of the form `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidGuid;

impl Guid {
    /// The GUID of no partition (all zeros): an unused entry of a partition table.
    pub const NIL: Self = Self([0; 16]);

    /// From bytes in written order.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Bytes in written order, as dm-verity superblocks and ext4 hold them.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// From the bytes of a GPT (UEFI specification, appendix A: the first three fields are
    /// little-endian).
    pub const fn from_gpt_bytes(b: [u8; 16]) -> Self {
        Self(swap_fields(b))
    }

    /// The bytes as a GPT holds them.
    pub const fn to_gpt_bytes(self) -> [u8; 16] {
        swap_fields(self.0)
    }

    /// A version 4 GUID made of 16 random bytes.
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Reads the 36-character form, at compile time for the tables of this crate.
    pub const fn parse(text: &str) -> Result<Self, InvalidGuid> {
        let text = text.as_bytes();
        if text.len() != 36 {
            return Err(InvalidGuid);
        }
        let mut bytes = [0u8; 16];
        let (mut from, mut to) = (0, 0);
        while to < 16 {
            if matches!(from, 8 | 13 | 18 | 23) {
                if text[from] != b'-' {
                    return Err(InvalidGuid);
                }
                from += 1;
            }
            let (Some(high), Some(low)) = (nibble(text[from]), nibble(text[from + 1])) else {
                return Err(InvalidGuid);
            };
            bytes[to] = high << 4 | low;
            from += 2;
            to += 1;
        }
        Ok(Self(bytes))
    }
}

/// A GUID of this crate's tables. A wrong one does not compile.
pub(crate) const fn guid(text: &str) -> Guid {
    match Guid::parse(text) {
        Ok(guid) => guid,
        Err(InvalidGuid) => panic!("not a GUID"),
    }
}

const fn nibble(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

const fn swap_fields(b: [u8; 16]) -> [u8; 16] {
    [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Guid {
    type Err = InvalidGuid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for InvalidGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a GUID of the form c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
    }
}

impl std::error::Error for InvalidGuid {}

#[cfg(test)]
mod tests {
    use super::*;

    const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

    #[test]
    fn text_round_trips_and_case_does_not_matter() {
        assert_eq!(ESP.parse::<Guid>().unwrap().to_string(), ESP);
        assert_eq!(ESP.to_uppercase().parse::<Guid>(), ESP.parse());
    }

    #[test]
    fn a_gpt_holds_the_first_three_fields_little_endian() {
        let guid: Guid = ESP.parse().unwrap();
        let on_disk =
            [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
        assert_eq!(guid.to_gpt_bytes(), on_disk);
        assert_eq!(Guid::from_gpt_bytes(on_disk), guid);
    }

    #[test]
    fn what_is_not_a_guid_is_refused() {
        for text in [
            "",
            "c12a7328",
            "c12a7328f81f11d2ba4b00a0c93ec93b",
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93bb",
            "c12a7328-f81f-11d2-ba4b_00a0c93ec93b",
            "g12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            "ca12a7328-f81f-11d2-ba4b-0a0c93ec93b",
        ] {
            assert_eq!(text.parse::<Guid>(), Err(InvalidGuid), "{text:?}");
        }
    }

    #[test]
    fn random_guids_say_version_4() {
        let guid = Guid::from_random([0xff; 16]).to_string();
        assert_eq!(guid, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
