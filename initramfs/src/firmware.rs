//! What the boot loader left in EFI variables.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use layout::Guid;
use layout::esp::{LOADER_DEVICE_VARIABLE, LOADER_ENTRY_VARIABLE, loader_variable};
use layout::path::EFI_VARIABLES;
use sys::mount::{Mount, MountFlags};

/// efivarfs puts a variable's attributes before its value.
const ATTRIBUTES: usize = 4;

/// PARTUUID of the ESP that the loader was started from. None where there is no EFI, or nobody
/// said.
pub fn boot_esp() -> Result<Option<Guid>> {
    let folder = Path::new(EFI_VARIABLES);
    if !folder.exists() {
        return Ok(None);
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Mount { source: Path::new("efivarfs"), kind: "efivarfs", flags, options: "" }.on(folder)?;
    let path = loader_variable(LOADER_DEVICE_VARIABLE);
    match fs::read(&path) {
        Ok(content) => Ok(decode(&content)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("read {path}")),
    }
}

/// Whether systemd-boot started this kernel. The variables are mounted.
pub fn is_by_loader() -> bool {
    Path::new(&loader_variable(LOADER_ENTRY_VARIABLE)).exists()
}

/// A variable with a GUID in it, as UTF-16 text.
fn decode(content: &[u8]) -> Option<Guid> {
    let text = content.get(ATTRIBUTES..)?;
    let units = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16(&units).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_holds_attributes_and_utf_16_text() {
        let guid = "7516B3A3-3326-4CBF-B4A4-89ECAC535C84";
        let text: Vec<u8> = guid.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let variable = |end: &[u8]| [&[6, 0, 0, 0], text.as_slice(), end].concat();
        assert_eq!(decode(&variable(&[0, 0])), guid.parse().ok());
        assert_eq!(decode(&variable(&[])), guid.parse().ok());
        assert_eq!(decode(&variable(&[0x41, 0])), None);
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[6, 0, 0, 0]), None);
    }
}
