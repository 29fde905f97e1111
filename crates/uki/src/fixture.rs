//! The smallest file that passes for a UKI, for tests: no firmware starts it.

use crate::COFF_HEADER;

/// Where the command line begins, in bytes.
const CMDLINE: usize = 0x200;
/// Where the kernel begins.
const KERNEL: usize = 0x400;
/// Where the headers are, behind DOS's.
const HEADERS: usize = 0x40;
const SECTION: usize = 40;

/// One with this command line, of at most 512 bytes, and this for a kernel.
pub fn smallest(cmdline: &str, kernel: &[u8]) -> Vec<u8> {
    let mut file = vec![0; CMDLINE];
    file[..2].copy_from_slice(b"MZ");
    file[60] = HEADERS as u8;
    file[HEADERS..HEADERS + 4].copy_from_slice(b"PE\0\0");
    file[HEADERS + 6] = 2;
    let sections = [(b".cmdline", cmdline.len(), CMDLINE), (b".linux\0\0", kernel.len(), KERNEL)];
    for (number, (name, size, pointer)) in sections.into_iter().enumerate() {
        let at = HEADERS + COFF_HEADER + number * SECTION;
        file[at..at + 8].copy_from_slice(name);
        for (field, value) in [(8, size), (16, size), (20, pointer)] {
            file[at + field..at + field + 4].copy_from_slice(&(value as u32).to_le_bytes());
        }
    }
    file.extend(cmdline.as_bytes());
    file.resize(KERNEL, 0);
    file.extend(kernel);
    file
}

#[cfg(test)]
mod tests {
    use crate::read::{Outline, outline};

    #[test]
    fn it_is_read_as_a_uki_is() {
        let file = super::smallest("quiet", &[7; 100]);
        let expected = Outline { cmdline: 0x200, cmdline_size: 5, end: 0x400 + 100 };
        assert_eq!((outline(&file), file.len()), (Some(expected), 0x400 + 100));
    }
}
