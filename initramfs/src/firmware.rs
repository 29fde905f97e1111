//! What the boot loader left in EFI variables.

use std::path::Path;

use anyhow::Result;
use layout::Guid;
use layout::esp::{LOADER_DEVICE_VARIABLE, LOADER_ENTRY_VARIABLE, loader_variable};
use layout::path::EFI_VARIABLES;
use sys::efi::Variables;
use sys::mount::{Mount, MountFlags};

/// PARTUUID of the ESP that the loader was started from. None where there is no EFI, or nobody
/// said.
pub fn boot_esp() -> Result<Option<Guid>> {
    let folder = Path::new(EFI_VARIABLES);
    if !folder.exists() {
        return Ok(None);
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Mount { source: Path::new("efivarfs"), kind: "efivarfs", flags, options: "" }.on(folder)?;
    Variables::at(folder).map_or(Ok(None), |variables| esp_of(&variables))
}

/// The GUID in the variable with the loader's device.
fn esp_of(variables: &Variables) -> Result<Option<Guid>> {
    Ok(variables.text(&loader_variable(LOADER_DEVICE_VARIABLE))?.and_then(|text| text.parse().ok()))
}

/// Whether systemd-boot started this kernel. The variables are mounted.
pub fn is_by_loader() -> bool {
    Variables::at(EFI_VARIABLES)
        .is_some_and(|variables| variables.has(&loader_variable(LOADER_ENTRY_VARIABLE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_holds_attributes_and_utf_16_text() {
        let guid = "7516B3A3-3326-4CBF-B4A4-89ECAC535C84";
        let text: Vec<u8> = guid.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let variable = |end: &[u8]| [&[6, 0, 0, 0], text.as_slice(), end].concat();
        let folder = tempfile::tempdir().unwrap();
        let decode = |content: &[u8]| {
            std::fs::write(folder.path().join(loader_variable(LOADER_DEVICE_VARIABLE)), content).unwrap();
            esp_of(&Variables::at(folder.path()).unwrap()).unwrap()
        };
        assert_eq!(decode(&variable(&[0, 0])), guid.parse().ok());
        assert_eq!(decode(&variable(&[])), guid.parse().ok());
        assert_eq!(decode(&variable(&[0x41, 0])), None);
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[6, 0, 0, 0]), None);
    }
}
