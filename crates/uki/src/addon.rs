//! Addons: PE files whose section `.cmdline` systemd's stub adds to the command line of a UKI (systemd-stub(7)).
//! Firmware loads them, so that it can hold them to signatures; nothing runs them.

use crate::{INITIALIZED_DATA, READ, Section, UkiError, append, parse};

const COMMAND_LINE: &str = ".cmdline";

/// Where the headers of the program end, and its one section begins in the file.
const HEADERS: usize = 0x400;
const FILE_ALIGNMENT: u32 = 0x200;
const SECTION_ALIGNMENT: u32 = 0x1000;
/// Where the PE signature stands, behind the header of MS-DOS.
const SIGNATURE: usize = 0x40;
/// Size of the optional header of PE32+ with all of its 16 folders of data.
const OPTIONAL: usize = 240;
/// `xor eax, eax; ret`: success, should it ever be run.
const CODE: [u8; 3] = [0x31, 0xc0, 0xc3];

/// An addon's bytes.
///
/// # Errors
/// The command line is empty or more than one line.
pub fn build(command_line: &str) -> Result<Vec<u8>, UkiError> {
    if command_line.contains(['\0', '\n']) {
        return Err(UkiError::NotOneLine("command line"));
    }
    let data = command_line.as_bytes();
    append(
        &program(),
        &[Section { name: COMMAND_LINE, data, characteristics: INITIALIZED_DATA | READ }],
        true,
    )
}

/// What an addon adds to the command line.
///
/// # Errors
/// It is no addon.
pub fn command_line(addon: &[u8]) -> Result<String, UkiError> {
    let pe = parse("addon", addon)?;
    let section = pe.sections.iter().find(|section| section.name().is_ok_and(|name| name == COMMAND_LINE));
    let data = section.and_then(|section| {
        let start = section.pointer_to_raw_data as usize;
        let size = section.virtual_size.min(section.size_of_raw_data) as usize;
        addon.get(start..start.checked_add(size)?)
    });
    let data = data.ok_or(UkiError::Empty(COMMAND_LINE))?;
    let text = String::from_utf8_lossy(data);
    Ok(text.trim_end_matches('\0').to_owned())
}

/// The smallest program that firmware loads.
fn program() -> Vec<u8> {
    let mut pe = vec![0; HEADERS + FILE_ALIGNMENT as usize];
    let mut put = |at: usize, bytes: &[u8]| pe[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &(SIGNATURE as u32).to_le_bytes());
    put(SIGNATURE, b"PE\0\0");
    // x86-64, one section; executable, with addresses above 2 GiB.
    for (at, value) in [(4, 0x8664_u16), (6, 1), (20, OPTIONAL as u16), (22, 0x22)] {
        put(SIGNATURE + at, &value.to_le_bytes());
    }
    let optional = SIGNATURE + crate::COFF_HEADER;
    for (at, value) in [
        (0, 0x020b_u32),         // PE32+
        (4, FILE_ALIGNMENT),     // size of the code
        (16, SECTION_ALIGNMENT), // entry
        (20, SECTION_ALIGNMENT), // start of the code
        (32, SECTION_ALIGNMENT),
        (36, FILE_ALIGNMENT),
        (crate::SIZE_OF_IMAGE, 2 * SECTION_ALIGNMENT),
        (crate::SIZE_OF_HEADERS, HEADERS as u32),
        (68, 10), // an application of EFI
        (crate::DLL_CHARACTERISTICS, u32::from(crate::NX_COMPAT)),
        (108, 16), // folders of data
    ] {
        // The subsystem and what follows it are of two bytes each; the first is written before the second.
        put(optional + at, &value.to_le_bytes());
    }
    let section = optional + OPTIONAL;
    put(section, b".text");
    for (at, value) in [
        (8, CODE.len() as u32),
        (12, SECTION_ALIGNMENT),
        (16, FILE_ALIGNMENT),
        (20, HEADERS as u32),
        (36, crate::CODE | 0x2000_0000 | READ), // may be run
    ] {
        put(section + at, &value.to_le_bytes());
    }
    put(HEADERS, &CODE);
    pe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for text in ["quiet", "a=\"b c\" d", &"x".repeat(2000)] {
            let addon = build(text).unwrap();
            assert_eq!(command_line(&addon).unwrap(), text);
            assert_eq!(addon.len() % 0x200, 0);
        }
        assert!(matches!(build(""), Err(UkiError::Empty(_))));
        assert!(matches!(build("a\nb"), Err(UkiError::NotOneLine(_))));
    }

    #[test]
    fn what_is_no_addon_is_told() {
        for bytes in [&b""[..], b"MZ", &program()[..0x100], &program()] {
            assert!(command_line(bytes).is_err());
        }
    }
}
