//! Layer: pure. Unified kernel images: systemd's stub with a kernel, an initramfs and a command line as sections
//! of its PE file (UAPI.5, Unified Kernel Image; Microsoft, PE Format). Also addons, which bring more arguments.
#![forbid(unsafe_code)]

pub mod addon;
pub mod fixture;
pub mod read;

use std::ops::Range;

use goblin::pe::PE;

/// The parts of a UKI.
#[derive(Clone, Copy, Debug)]
pub struct Uki<'a> {
    /// systemd's `linuxx64.efi.stub`.
    pub stub: &'a [u8],
    /// The kernel, a PE file itself (`bzImage`).
    pub kernel: &'a [u8],
    /// The initramfs.
    pub initramfs: &'a [u8],
    /// The kernel's command line.
    pub cmdline: &'a str,
    /// os-release(5) of the system: the boot loader takes the entry's title and version from it.
    pub os_release: &'a str,
    /// The kernel's release, as `uname -r` says it.
    pub uname: &'a str,
}

/// Why parts do not make a UKI.
#[derive(Debug, thiserror::Error)]
pub enum UkiError {
    /// A part is not a PE file.
    #[error("the {part} is not a PE file: {reason}")]
    NotPe {
        /// Which part.
        part: &'static str,
        /// Why.
        reason: String,
    },
    /// A part is empty.
    #[error("the {0} of the UKI is empty")]
    Empty(&'static str),
    /// A text has a character that would end it early, or a line too many.
    #[error("the {0} of the UKI must be one line without NUL")]
    NotOneLine(&'static str),
    /// The stub has no room for more section headers.
    #[error("the stub's headers have room for {room} more sections, and {wanted} are needed")]
    NoRoom {
        /// How many would fit.
        room: usize,
        /// How many there are.
        wanted: usize,
    },
    /// The stub already has a section of that name.
    #[error("the stub already has a section {0}: it is a UKI, or not systemd's stub")]
    SectionThere(String),
    /// The whole would pass the 4 GiB of a PE file.
    #[error("the parts are too large for a PE file")]
    TooLarge,
}

const CODE: u32 = 0x0000_0020;
const INITIALIZED_DATA: u32 = 0x0000_0040;
const READ: u32 = 0x4000_0000;
const NX_COMPAT: u16 = 0x0100;

const SECTION_HEADER: usize = 40;
const COFF_HEADER: usize = 24; // with the signature before it

// Fields of the COFF header (from the signature on) and of the optional header.
const NUMBER_OF_SECTIONS: usize = 6;
const SIZE_OF_INITIALIZED_DATA: usize = 8;
const SIZE_OF_IMAGE: usize = 56;
const SIZE_OF_HEADERS: usize = 60;
const CHECKSUM: usize = 64;
const DLL_CHARACTERISTICS: usize = 70;

struct Section<'a> {
    name: &'static str,
    data: &'a [u8],
    characteristics: u32,
}

/// The UKI's bytes.
///
/// # Errors
/// [`UkiError`].
pub fn build(parts: &Uki) -> Result<Vec<u8>, UkiError> {
    for (name, text) in [("command line", parts.cmdline), ("kernel release", parts.uname)] {
        if text.contains(['\0', '\n']) {
            return Err(UkiError::NotOneLine(name));
        }
    }
    let kernel = parse("kernel", parts.kernel)?;
    let data = INITIALIZED_DATA | READ;
    // The kernel is last: what follows it in memory is the room that it unpacks into.
    let sections = [
        Section { name: ".osrel", data: parts.os_release.as_bytes(), characteristics: data },
        Section { name: ".cmdline", data: parts.cmdline.as_bytes(), characteristics: data },
        Section { name: ".uname", data: parts.uname.as_bytes(), characteristics: data },
        Section { name: ".initrd", data: parts.initramfs, characteristics: data },
        Section { name: ".linux", data: parts.kernel, characteristics: CODE | READ },
    ];
    // Firmware that enforces non-executable memory holds the whole to what its kernel promises.
    let keep_nx = dll_characteristics(&kernel) & NX_COMPAT != 0;
    append(parts.stub, &sections, keep_nx)
}

fn parse<'a>(part: &'static str, bytes: &'a [u8]) -> Result<PE<'a>, UkiError> {
    let not = |reason: String| UkiError::NotPe { part, reason };
    let pe = PE::parse(bytes).map_err(|error| not(error.to_string()))?;
    if !pe.is_64 || pe.header.optional_header.is_none() {
        return Err(not("it is not of the 64-bit form, PE32+".to_owned()));
    }
    Ok(pe)
}

fn dll_characteristics(pe: &PE) -> u16 {
    pe.header.optional_header.map_or(0, |header| header.windows_fields.dll_characteristics)
}

fn append(stub: &[u8], sections: &[Section], keep_nx: bool) -> Result<Vec<u8>, UkiError> {
    let pe = parse("stub", stub)?;
    let Some(optional) = pe.header.optional_header else { return Err(UkiError::Empty("stub")) };
    let windows = optional.windows_fields;
    let coff = pe.header.dos_header.pe_pointer as usize;
    let table = coff + COFF_HEADER + usize::from(pe.header.coff_header.size_of_optional_header);

    for section in sections {
        if section.data.is_empty() {
            return Err(UkiError::Empty(section.name));
        }
        if pe.sections.iter().any(|there| there.name().is_ok_and(|name| name == section.name)) {
            return Err(UkiError::SectionThere(section.name.to_owned()));
        }
    }
    let headers = header_room(&pe, table, stub.len())?;
    let room = headers.len() / SECTION_HEADER;
    if room < sections.len() {
        return Err(UkiError::NoRoom { room, wanted: sections.len() });
    }

    let mut image = stub.to_vec();
    let mut address = pe.sections.iter().map(|s| s.virtual_address + s.virtual_size).max().unwrap_or(0);
    let mut added: u32 = 0;
    for (i, section) in sections.iter().enumerate() {
        let size = fits(section.data.len())?;
        address = align(address, windows.section_alignment)?;
        image.resize(align(fits(image.len())?, windows.file_alignment)? as usize, 0);
        let pointer = fits(image.len())?;
        image.extend_from_slice(section.data);
        image.resize(align(fits(image.len())?, windows.file_alignment)? as usize, 0);
        let raw_size = fits(image.len())? - pointer;

        let mut header = [0; SECTION_HEADER];
        header[..section.name.len()].copy_from_slice(section.name.as_bytes());
        for (at, value) in [(8, size), (12, address), (16, raw_size), (20, pointer)] {
            put_u32(&mut header, at, value);
        }
        put_u32(&mut header, 36, section.characteristics);
        let at = headers.start + i * SECTION_HEADER;
        image[at..at + SECTION_HEADER].copy_from_slice(&header);

        address = address.checked_add(size).ok_or(UkiError::TooLarge)?;
        added = added.checked_add(raw_size).ok_or(UkiError::TooLarge)?;
    }

    let count = pe.sections.len() + sections.len();
    image[coff + NUMBER_OF_SECTIONS..][..2].copy_from_slice(&(count as u16).to_le_bytes());
    let optional_at = coff + COFF_HEADER;
    let initialized = optional.standard_fields.size_of_initialized_data as u32;
    for (at, value) in [
        (SIZE_OF_INITIALIZED_DATA, initialized.checked_add(added).ok_or(UkiError::TooLarge)?),
        (SIZE_OF_IMAGE, align(address, windows.section_alignment)?),
        (SIZE_OF_HEADERS, align(windows.size_of_headers, windows.file_alignment)?),
        (CHECKSUM, 0),
    ] {
        put_u32(&mut image, optional_at + at, value);
    }
    if !keep_nx {
        let flags = windows.dll_characteristics & !NX_COMPAT;
        image[optional_at + DLL_CHARACTERISTICS..][..2].copy_from_slice(&flags.to_le_bytes());
    }
    Ok(image)
}

/// The bytes between the section table and what the headers' size or the first section ends.
fn header_room(pe: &PE, table: usize, len: usize) -> Result<Range<usize>, UkiError> {
    let start = table + pe.sections.len() * SECTION_HEADER;
    let headers = pe.header.optional_header.map_or(0, |o| {
        o.windows_fields.size_of_headers.next_multiple_of(o.windows_fields.file_alignment.max(1))
    });
    let first = pe.sections.iter().map(|s| s.pointer_to_raw_data).filter(|&at| at != 0).min();
    let end = (headers.min(first.unwrap_or(headers)) as usize).min(len);
    Ok(start..end.max(start))
}

fn fits(size: usize) -> Result<u32, UkiError> {
    u32::try_from(size).map_err(|_| UkiError::TooLarge)
}

fn align(value: u32, alignment: u32) -> Result<u32, UkiError> {
    value.checked_next_multiple_of(alignment.max(1)).ok_or(UkiError::TooLarge)
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}
