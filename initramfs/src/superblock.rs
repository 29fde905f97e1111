//! What stage 1 must know of ROOT's ext4 before it is mounted (Linux,
//! Documentation/filesystems/ext4/super.rst).

use layout::Guid;

/// Where the superblock begins, in bytes.
pub const OFFSET: u64 = 1024;
/// How much of it is read, in bytes.
pub const SIZE: usize = 1024;

const MAGIC: u16 = 0xef53;
/// s_state: unmounted, and without errors.
const VALID: u16 = 1;
/// s_state: the kernel found an error in it.
const ERRORS: u16 = 2;
/// INCOMPAT_RECOVER: the journal must be replayed.
const RECOVER: u32 = 0x4;
/// INCOMPAT_64BIT: block counts have upper halves.
const WIDE: u32 = 0x80;

/// Facts of an ext4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ext4 {
    /// Its UUID.
    pub uuid: Guid,
    /// Bytes in a block.
    pub block_size: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Whether it was unmounted, and no error is noted in it. An unclean one must not simply be
    /// mounted: the kernel takes its size before it replays the journal, and with a growth in the
    /// journal that size is wrong; the next growth then ends in a panic.
    pub clean: bool,
    /// Whether an error is noted in it: to write to it before it was mended may make it worse.
    pub errors: bool,
}

impl Ext4 {
    /// Reads a superblock. None where it is not one of ext4.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SIZE] = bytes.first_chunk()?;
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        if u16::from_le_bytes([bytes[0x38], bytes[0x39]]) != MAGIC {
            return None;
        }
        // Blocks are 1 KiB to 64 KiB.
        let shift = u32_at(0x18);
        if shift > 6 {
            return None;
        }
        let features = u32_at(0x60);
        let state = u16::from_le_bytes([bytes[0x3a], bytes[0x3b]]);
        let upper = if features & WIDE != 0 { u32_at(0x150) } else { 0 };
        Some(Self {
            uuid: Guid::from_bytes(std::array::from_fn(|i| bytes[0x68 + i])),
            block_size: 1024 << shift,
            blocks: u64::from(upper) << 32 | u64::from(u32_at(4)),
            clean: state == VALID && features & RECOVER == 0,
            errors: state & ERRORS != 0,
        })
    }

    /// How it grows into a partition of `size` bytes: `at_once` bytes of it while the boot waits,
    /// beyond that while it goes on.
    pub fn growth(&self, size: u64, at_once: u64) -> Growth {
        let more_than = |blocks: u64, than: u64| (blocks > than).then_some(blocks);
        let (room, first) = (size / self.block_size, size.min(at_once) / self.block_size);
        Growth { now: more_than(first, self.blocks), later: more_than(room, self.blocks.max(first)) }
    }
}

/// To how many blocks a file system grows, in two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// What the boot waits for.
    pub now: Option<u64>,
    /// What it does not.
    pub later: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(edit: impl FnOnce(&mut [u8; SIZE])) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes[4..8].copy_from_slice(&65536u32.to_le_bytes());
        bytes[0x18] = 2;
        bytes[0x38..0x3a].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[0x3a] = 1;
        bytes[0x68..0x78].fill(7);
        edit(&mut bytes);
        bytes
    }

    #[test]
    fn a_superblock_says_size_and_name() {
        let plain = Ext4 {
            uuid: Guid::from_bytes([7; 16]),
            block_size: 4096,
            blocks: 65536,
            clean: true,
            errors: false,
        };
        assert_eq!(Ext4::parse(&superblock(|_| ())), Some(plain));
        let small = superblock(|b| b[0x18] = 0);
        assert_eq!(Ext4::parse(&small), Some(Ext4 { block_size: 1024, ..plain }));
        let stale_upper_half = superblock(|b| b[0x150] = 1);
        assert_eq!(Ext4::parse(&stale_upper_half), Some(plain));
        let huge = superblock(|b| (b[0x60], b[0x150]) = (0x80, 1));
        assert_eq!(Ext4::parse(&huge), Some(Ext4 { blocks: (1 << 32) + 65536, ..plain }));
    }

    #[test]
    fn one_that_was_not_left_clean_says_so() {
        for (at, value, errors) in [(0x3a, 0, false), (0x3a, 2, true), (0x3a, 3, true), (0x60, 0x84, false)] {
            let unclean = Ext4::parse(&superblock(|b| b[at] = value)).unwrap();
            assert!(!unclean.clean, "{at:#x} {value}");
            assert_eq!(unclean.errors, errors, "{at:#x} {value}");
        }
    }

    #[test]
    fn what_is_not_ext4_is_none() {
        assert_eq!(Ext4::parse(&[]), None);
        assert_eq!(Ext4::parse(&[0; SIZE]), None);
        assert_eq!(Ext4::parse(&superblock(|b| b[0x18] = 9)), None);
        assert_eq!(Ext4::parse(&superblock(|_| ())[..SIZE - 1]), None);
    }

    #[test]
    fn it_grows_into_whole_blocks_in_two_steps() {
        let ext4 = Ext4 { uuid: Guid::NIL, block_size: 4096, blocks: 10, clean: true, errors: false };
        for (size, now, later) in [
            (0, None, None),
            (40_960, None, None),
            (45_055, None, None),
            (45_056, Some(11), None),
            (81_920, Some(20), None),
            (86_016, Some(20), Some(21)),
            (1 << 40, Some(20), Some(1 << 28)),
        ] {
            assert_eq!(ext4.growth(size, 81_920), Growth { now, later }, "{size}");
        }
        let big = Ext4 { blocks: 30, ..ext4 };
        assert_eq!(big.growth(1 << 20, 81_920), Growth { now: None, later: Some(256) });
        assert_eq!(big.growth(122_880, 81_920), Growth { now: None, later: None });
    }
}
