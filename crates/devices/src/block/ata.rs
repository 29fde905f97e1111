//! ATA's IDENTIFY DEVICE data (ACS-4, 7.13.6), with its strings as Linux gives them: their bytes in
//! the order in which they are read.

use crate::encode::{encode_bytes, part};
use crate::uevent::Properties;

/// The size of the data in bytes.
pub const LENGTH: usize = 512;

/// What the data says; nothing where it is too short or has no model.
pub fn properties(data: &[u8]) -> Properties {
    let mut found = Properties::new();
    if data.len() < LENGTH {
        return found;
    }
    let word = |at: usize| u16::from_le_bytes([data[2 * at], data[2 * at + 1]]);
    let text =
        |words: std::ops::Range<usize>| part(&String::from_utf8_lossy(&data[2 * words.start..2 * words.end]));
    let (serial, revision, model) = (text(10..20), text(23..27), text(27..47));
    let mut put = |key: &str, value: String| drop(found.insert(key.to_owned(), value));
    if model.trim_matches('_').is_empty() {
        return found;
    }
    put("ID_ATA", "1".to_owned());
    put("ID_BUS", "ata".to_owned());
    put("ID_TYPE", kind(word(0)).to_owned());
    put("ID_MODEL_ENC", encode_bytes(&data[54..94]));
    put("ID_REVISION", revision);
    put("ID_SERIAL", if serial.is_empty() { model.clone() } else { format!("{model}_{serial}") });
    put("ID_MODEL", model);
    if !serial.is_empty() {
        put("ID_SERIAL_SHORT", serial);
    }
    // Word 87 says that it is valid, and that there is a world-wide name.
    if word(87) & 0xc100 == 0x4100 {
        let name = (108..112).fold(0u64, |name, at| name << 16 | u64::from(word(at)));
        put("ID_WWN", format!("0x{name:x}"));
        put("ID_WWN_WITH_EXTENSION", format!("0x{name:x}"));
    }
    found
}

/// What the device is, by word 0: of a packet device its command set.
fn kind(general: u16) -> &'static str {
    match (general >> 15, (general >> 8) & 0x1f) {
        (0, _) | (_, 0) => "disk",
        (_, 1) => "tape",
        (_, 5) => "cd",
        (_, 4 | 7 | 0xf) => "optical",
        _ => "generic",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_and_a_drive() {
        let mut data = vec![0; LENGTH];
        data[20..40].copy_from_slice(b"ata ser             ");
        data[46..54].copy_from_slice(b"2.5+    ");
        data[54..94].copy_from_slice(b"QEMU HARDDISK                           ");
        data[174..176].copy_from_slice(&0x4100u16.to_le_bytes());
        for (at, word) in [(216, 0x5000u16), (218, 0xc500), (220, 0x15ea), (222, 0x71ab)] {
            data[at..at + 2].copy_from_slice(&word.to_le_bytes());
        }
        let found = properties(&data);
        assert_eq!(found["ID_SERIAL"], "QEMU_HARDDISK_ata_ser");
        assert_eq!(found["ID_WWN"], "0x5000c50015ea71ab");
        assert_eq!(found["ID_TYPE"], "disk");
        data[0..2].copy_from_slice(&0x8580u16.to_le_bytes());
        data[20..40].fill(b' ');
        let found = properties(&data);
        assert_eq!((found["ID_TYPE"].as_str(), found["ID_SERIAL"].as_str()), ("cd", "QEMU_HARDDISK"));
        assert!(properties(&data[..100]).is_empty() && properties(&[0; LENGTH]).is_empty());
    }
}
