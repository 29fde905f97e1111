//! Swap (Linux, include/linux/swap.h: union swap_header).

use super::{Contents, Source, Usage, le32};

/// The signature ends the first page, whose size is the machine's that made it.
const PAGES: [u64; 3] = [4 << 10, 8 << 10, 64 << 10];

pub fn read(source: &dyn Source) -> Option<Contents> {
    let kind = PAGES.iter().find_map(|page| match source.read(page - 10, 10)?.as_slice() {
        b"SWAPSPACE2" => Some("swap"),
        // A sleeping machine's memory.
        b"S1SUSPEND\0" | b"S2SUSPEND\0" | b"ULSUSPEND\0" | b"LINHIB0001" => Some("swsuspend"),
        _ => None,
    })?;
    let block = source.read(1024, 64)?;
    let contents = Contents::new(kind, Usage::Other);
    match le32(&block, 0)? {
        1 => Some(contents.version(1).uuid(&block[12..28]).label(&block[28..44])),
        _ => Some(contents),
    }
}
