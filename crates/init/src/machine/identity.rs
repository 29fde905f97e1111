//! Who this machine is: its id, its name.

use std::fs;
use std::path::Path;

use anyhow::Result;

const MACHINE_ID: &str = "/etc/machine-id";
const HOST_NAME: &str = "/etc/hostname";
const DEFAULT_HOST_NAME: &str = "berth";

/// Makes this machine's id, if it has none. Says whether it was made now.
pub fn machine_id() -> Result<bool> {
    let path = Path::new(MACHINE_ID);
    let text = fs::read_to_string(path).unwrap_or_default();
    if is_id(text.trim()) {
        return Ok(false);
    }
    // A random UUID (RFC 9562, version 4), as machine-id(5) asks.
    let mut bytes = sys::random::name_16()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    sys::file::replace_synced(path, format!("{id}\n").as_bytes(), 0o444)?;
    Ok(true)
}

fn is_id(text: &str) -> bool {
    text.len() == 32
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0')
}

/// Gives the machine its name.
pub fn host_name() -> Result<()> {
    let text = fs::read_to_string(HOST_NAME).unwrap_or_default();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    sys::machine::set_host_name(line.unwrap_or(DEFAULT_HOST_NAME))?;
    Ok(())
}

/// This boot's id, without dashes.
pub fn boot_id() -> String {
    let id = fs::read_to_string(layout::path::BOOT_ID).unwrap_or_default();
    id.trim().replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn an_id_is_32_hex_digits_and_not_nought() {
        assert!(is_id("0123456789abcdef0123456789abcdef"));
        for text in ["", "uninitialized", "0123", "00000000000000000000000000000000"] {
            assert!(!is_id(text), "{text}");
        }
    }
}
