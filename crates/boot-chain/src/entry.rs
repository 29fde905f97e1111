//! Firmware's variables for a trial, as the UEFI specification 2.10 has them (sections 3.1.3, 3.3 and 10.3).

use layout::Guid;
use layout::esp::{EFI_VENDOR, TRIAL_ENTRY};

use crate::Part;

/// Load option: it may be started.
const ACTIVE: u32 = 1;
/// Nodes of a device path: type and subtype.
const HARD_DRIVE: [u8; 2] = [4, 1];
const FILE_PATH: [u8; 2] = [4, 4];
const END: [u8; 2] = [0x7f, 0xff];
/// The format and the kind of signature of a partition that a GUID partition table has.
const GPT: [u8; 2] = [2, 2];

/// The partition that the ESP is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number in the table, from 1.
    pub number: u32,
    /// Its first block.
    pub first: u64,
    /// Its size in blocks.
    pub blocks: u64,
    /// Its PARTUUID.
    pub guid: Guid,
}

/// Name of the variable, as efivarfs has it, that says what firmware starts next, once: a number of two bytes.
pub fn next_variable() -> String {
    format!("BootNext-{EFI_VENDOR}")
}

/// Name of the variable with the entry of a number, as efivarfs has it.
pub fn variable(number: u16) -> String {
    format!("Boot{number:04X}-{EFI_VENDOR}")
}

/// The number of a variable that is an entry.
pub fn number(variable: &str) -> Option<u16> {
    let digits = variable.strip_prefix("Boot")?.strip_suffix(EFI_VENDOR)?.strip_suffix('-')?;
    let is_one = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_one)
}

/// The entry for a trial: the guard on trial, with the path of the loader on trial as its options.
pub fn trial(esp: &Partition) -> Vec<u8> {
    let mut path = Vec::new();
    let mut drive = Vec::new();
    drive.extend(esp.number.to_le_bytes());
    drive.extend(esp.first.to_le_bytes());
    drive.extend(esp.blocks.to_le_bytes());
    drive.extend(esp.guid.to_gpt_bytes());
    drive.extend(GPT);
    for (kind, content) in [(HARD_DRIVE, drive), (FILE_PATH, text(&efi_path(Part::Guard))), (END, vec![])] {
        path.extend(kind);
        path.extend((content.len() as u16 + 4).to_le_bytes());
        path.extend(content);
    }
    let mut entry = Vec::new();
    entry.extend(ACTIVE.to_le_bytes());
    entry.extend((path.len() as u16).to_le_bytes());
    entry.extend(text(TRIAL_ENTRY));
    entry.extend(path);
    entry.extend(text(&efi_path(Part::Loader)));
    entry
}

/// Whether a loader's own path ([`layout::esp::LOADER_IMAGE_VARIABLE`]) is that of the loader on trial.
pub fn is_by_trial(path: &str) -> bool {
    path.eq_ignore_ascii_case(&efi_path(Part::Loader))
}

/// Where a part on trial is, as firmware writes paths.
fn efi_path(part: Part) -> String {
    format!("\\{}", part.trial().replace('/', "\\"))
}

fn text(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use layout::esp::LOADER_VENDOR;

    #[test]
    fn an_entry_is_as_the_specification_has_it() {
        let guid = "7516b3a3-3326-4cbf-b4a4-89ecac535c84".parse().unwrap();
        let entry = trial(&Partition { number: 1, first: 2048, blocks: 0x20_0000, guid });
        let wide = |text: &str| -> Vec<u8> { text.bytes().flat_map(|byte| [byte, 0]).collect() };
        let mut expected = vec![1, 0, 0, 0, 104, 0];
        expected.extend(wide("Berth: new boot loader, tried once\0"));
        expected.extend([4, 1, 42, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0]);
        expected.extend([0xa3, 0xb3, 0x16, 0x75, 0x26, 0x33, 0xbf, 0x4c]);
        expected.extend([0xb4, 0xa4, 0x89, 0xec, 0xac, 0x53, 0x5c, 0x84, 2, 2]);
        expected.extend([4, 4, 58, 0]);
        expected.extend(wide("\\EFI\\berth-trial\\guard.efi\0"));
        expected.extend([0x7f, 0xff, 4, 0]);
        expected.extend(wide("\\EFI\\berth-trial\\systemd-bootx64.efi\0"));
        assert_eq!(entry, expected);
    }

    #[test]
    fn names_of_entries_are_known_from_others() {
        assert_eq!(number(&variable(0x1a)), Some(0x1a));
        for other in [next_variable(), "BootOrder-x".into(), format!("Boot001-{EFI_VENDOR}"), String::new()] {
            assert_eq!(number(&other), None, "{other}");
        }
        let other = variable(1).replace(EFI_VENDOR, LOADER_VENDOR);
        assert_eq!(number(&other), None);
    }

    #[test]
    fn the_loader_says_where_it_was_started_from() {
        for (path, expected) in [
            ("\\EFI\\berth-trial\\systemd-bootx64.efi", true),
            ("\\efi\\BERTH-TRIAL\\systemd-bootx64.efi", true),
            ("\\EFI\\systemd\\systemd-bootx64.efi", false),
            ("", false),
        ] {
            assert_eq!(is_by_trial(path), expected, "{path}");
        }
    }
}
