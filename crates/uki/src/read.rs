//! What a UKI says, from its first bytes: enough to know whose it is and whether it is whole.

use crate::read_u32;

/// How many of a UKI's first bytes tell.
pub const HEAD: usize = 4096;

const SECTION: usize = 40;

/// Where the parts of a UKI are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Where its command line begins, in bytes.
    pub cmdline: u64,
    /// How long that is.
    pub cmdline_size: usize,
    /// Where its last section ends: a shorter file is cut.
    pub end: u64,
}

/// Reads the headers. None where they are not those of a UKI.
pub fn outline(head: &[u8]) -> Option<Outline> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let coff = usize::try_from(read_u32(head, 60)?).ok()?;
    if head.get(coff..)?.get(..4)? != b"PE\0\0" {
        return None;
    }
    let count = read_u32(head, coff + 4)? >> 16;
    let optional = read_u32(head, coff + 20)? & 0xffff;
    let table = coff + crate::COFF_HEADER + optional as usize;
    let (mut cmdline, mut end) = (None, 0);
    for i in 0..count as usize {
        let section = head.get(table + i * SECTION..)?.get(..SECTION)?;
        let (memory, size, at) = (read_u32(section, 8)?, read_u32(section, 16)?, read_u32(section, 20)?);
        end = end.max(u64::from(at) + u64::from(size));
        if section.starts_with(b".cmdline") {
            cmdline = Some((u64::from(at), memory.min(size) as usize));
        }
    }
    let (cmdline, cmdline_size) = cmdline?;
    Some(Outline { cmdline, cmdline_size, end })
}
