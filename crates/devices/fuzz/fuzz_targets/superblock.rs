//! What a disk holds, as whoever made it wishes: it is something or nothing, never a fault.
#![no_main]

use devices::superblock::{Source, probe};
use devices::table;
use libfuzzer_sys::fuzz_target;

/// The input at the places where superblocks are: its 4 KiB pieces at the start, at 32 and 64 KiB, at the end.
struct Disk<'a>(&'a [u8]);

const PLACES: [u64; 6] = [0, 4 << 10, 32 << 10, 36 << 10, 64 << 10, SIZE - (64 << 10)];
const SIZE: u64 = 8 << 20;
const PIECE: usize = 4 << 10;

impl Source for Disk<'_> {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        assert!(length <= 64 << 10, "reads are bounded");
        offset.checked_add(length as u64).filter(|end| *end <= SIZE)?;
        let byte = |at: u64| {
            let piece = PLACES.iter().position(|place| (*place..place + PIECE as u64).contains(&at))?;
            self.0.get(piece * PIECE + (at - PLACES[piece]) as usize).copied()
        };
        Some((offset..offset + length as u64).map(|at| byte(at).unwrap_or(0)).collect())
    }

    fn size(&self) -> u64 {
        SIZE
    }
}

fuzz_target!(|data: &[u8]| {
    _ = probe(&Disk(data));
    _ = table::read(&Disk(data), 512);
    _ = table::read(&Disk(data), 4096);
});
