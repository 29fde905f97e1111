//! The options field of a DHCP message (RFC 2132, RFC 3396), as numbers and bytes.
//!
//! Only the options that a client uses are interpreted (by [`super::lease`]), so that a value
//! that is odd in one which does not matter here, such as a host name that is not UTF-8, costs
//! nothing.

use std::collections::BTreeMap;

/// Numbers of options (IANA's registry of BOOTP and DHCP parameters).
pub mod code {
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const DOMAIN_NAME: u8 = 15;
    pub const MTU: u8 = 26;
    pub const NTP: u8 = 42;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const TEXT: u8 = 56;
    pub const MAX_SIZE: u8 = 57;
    pub const RENEWAL: u8 = 58;
    pub const REBINDING: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const DOMAIN_SEARCH: u8 = 119;
    pub const CLASSLESS_ROUTES: u8 = 121;
    pub const END: u8 = 255;
}

/// Options by number. Parts of one option are joined (RFC 3396, section 7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<u8, Vec<u8>>);

impl Options {
    /// Reads a field up to its end mark, adding to what is here already. Stops at an option that
    /// is longer than the field.
    pub fn read(&mut self, mut field: &[u8]) {
        while let Some((code, rest)) = field.split_first() {
            match *code {
                code::PAD => field = rest,
                code::END => return,
                code => {
                    let value = rest
                        .split_first()
                        .and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)));
                    let Some((value, rest)) = value else { return };
                    self.0.entry(code).or_default().extend_from_slice(value);
                    field = rest;
                }
            }
        }
    }

    /// The bytes of an option.
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.0.get(&code).map(Vec::as_slice)
    }

    /// An option of exactly `N` bytes.
    pub fn array<const N: usize>(&self, code: u8) -> Option<[u8; N]> {
        self.get(code)?.try_into().ok()
    }

    /// An option that is a number of 32 bits.
    pub fn u32(&self, code: u8) -> Option<u32> {
        self.array(code).map(u32::from_be_bytes)
    }
}

/// Appends an option to a message.
pub fn write(message: &mut Vec<u8>, code: u8, value: &[u8]) {
    // All values that a client sends are far shorter than 255 bytes.
    let value = &value[..value.len().min(255)];
    message.push(code);
    message.push(value.len() as u8);
    message.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field, and the options in it.
    type Case = (&'static [u8], &'static [(u8, &'static [u8])]);

    #[test]
    fn fields_are_read_as_far_as_they_are_whole() {
        let cases: [Case; 7] = [
            (&[], &[]),
            (&[0, 0, 53, 1, 5, 255, 1, 1, 9], &[(53, &[5])]),
            (&[6, 2, 1, 2, 6, 2, 3, 4, 255], &[(6, &[1, 2, 3, 4])]),
            (&[12, 0, 53, 1, 2], &[(12, &[]), (53, &[2])]),
            (&[53, 1, 2, 51, 4, 0, 0], &[(53, &[2])]),
            (&[53], &[]),
            (&[53, 255], &[]),
        ];
        for (field, expected) in cases {
            let mut options = Options::default();
            options.read(field);
            let expected = expected.iter().map(|(c, v)| (*c, v.to_vec())).collect();
            assert_eq!(options, Options(expected), "{field:?}");
        }
    }
}
