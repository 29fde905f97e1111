//! Superblocks: what is read back is what was written; what is not one is refused.
#![allow(clippy::unwrap_used)]

use layout::Guid;
use proptest::prelude::*;
use verity::{Superblock, SuperblockError};

fn good() -> Superblock {
    Superblock { uuid: Guid::from_bytes([7; 16]), data_blocks: 1234, salt: vec![9; 32] }
}

#[test]
fn a_wrong_field_is_named() {
    /// Offset, bytes put there, what the error says.
    const CASES: [(usize, &[u8], &str); 9] = [
        (0, b"V", "there is no verity superblock"),
        (8, &[2], "verity version is 2, and only 1 is known here"),
        (12, &[0], "verity hash type is 0, and only 1 is known here"),
        (32, b"sha512\0", "verity algorithm is sha512, and only sha256 is known here"),
        (64, &[0, 2], "verity data block size is 512, and only 4096 is known here"),
        (68, &[0, 2], "verity hash block size is 512, and only 4096 is known here"),
        (72, &[1, 0, 0, 0], "verity superblock with number of data blocks 1"),
        (79, &[0xff], "verity superblock with number of data blocks 18374686479671624914"),
        (80, &[1, 1], "verity superblock with salt length 257"),
    ];
    for (at, bytes, message) in CASES {
        let mut block = good().to_bytes();
        block[at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(Superblock::parse(&block).unwrap_err().to_string(), message);
    }
    assert_eq!(Superblock::parse(&[0; 511]), Err(SuperblockError::Short(511)));
    assert_eq!(Superblock::parse(&[0; 512]), Err(SuperblockError::NoSignature));
}

proptest! {
    #[test]
    fn round_trip(uuid: [u8; 16], data_blocks in 2u64..1 << 51, salt in prop::collection::vec(any::<u8>(), 0..=256)) {
        let superblock = Superblock { uuid: Guid::from_bytes(uuid), data_blocks, salt };
        prop_assert_eq!(Superblock::parse(&superblock.to_bytes()), Ok(superblock));
    }

    #[test]
    fn no_bytes_make_the_parser_fail_otherwise_than_by_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..600), signed: bool) {
        if signed && bytes.len() > 8 {
            bytes[..8].copy_from_slice(b"verity\0\0");
        }
        let _ = Superblock::parse(&bytes);
    }
}
