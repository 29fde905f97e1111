//! What a core says of itself, read while it goes by: how large it is, and which files the process
//! had mapped as programs and libraries, by build id (core(5), elf(5)).
//!
//! A core is made by the kernel, but of what a process held, so nothing in it is believed: each number
//! is checked, and what is kept is bounded.

use crate::Module;

/// How much of a core's beginning is kept: its headers and notes.
const HEAD_MAX: usize = 1 << 20;
/// How many mapped files are told of.
const MODULES_MAX: usize = 128;
/// How much of a mapped file is looked at: its first page has the headers and most often the notes.
const PAGE: usize = 4096;

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
/// `NT_FILE` and `NT_GNU_BUILD_ID` (elf.h).
const NT_FILE: u32 = 0x4649_4c45;
const NT_BUILD_ID: u32 = 3;

/// Reads a core as it goes by.
#[derive(Debug, Default)]
pub struct Reader {
    head: Vec<u8>,
    /// Known once the head is whole; empty where it is no core that this reads.
    plan: Option<Plan>,
    at: u64,
}

#[derive(Debug, Default)]
struct Plan {
    size: Option<u64>,
    /// By place in the core.
    windows: Vec<Window>,
}

/// The first page of a mapped file in the core.
#[derive(Debug)]
struct Window {
    offset: u64,
    length: usize,
    bytes: Vec<u8>,
    path: String,
}

impl Reader {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.plan.is_some() {
            self.look(bytes);
            return;
        }
        let room = HEAD_MAX - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let plan = match plan(&self.head) {
            Ok(plan) => plan,
            Err(Some(needed)) if needed <= HEAD_MAX => return,
            Err(_) => Plan::default(),
        };
        self.plan = Some(plan);
        let head = std::mem::take(&mut self.head);
        self.look(&head);
        self.look(&bytes[bytes.len().min(room)..]);
    }

    fn look(&mut self, bytes: &[u8]) {
        let (begin, end) = (self.at, self.at + bytes.len() as u64);
        self.at = end;
        for window in self.plan.iter_mut().flat_map(|plan| &mut plan.windows) {
            let next = window.offset + window.bytes.len() as u64;
            if window.bytes.len() == window.length || next >= end || next < begin {
                continue;
            }
            let from = (next - begin) as usize;
            let missing = window.length - window.bytes.len();
            let to = bytes.len().min(from + missing);
            window.bytes.extend_from_slice(&bytes[from..to]);
        }
    }

    /// The whole core's size in bytes, by its headers; none before they have gone by.
    pub fn size(&self) -> Option<u64> {
        self.plan.as_ref().and_then(|plan| plan.size)
    }

    /// The mapped files, in the order of their addresses.
    pub fn modules(self) -> Vec<Module> {
        let windows = self.plan.map(|plan| plan.windows).unwrap_or_default();
        let module = |window: Window| Module { build_id: build_id(&window.bytes), path: window.path };
        // What is mapped without being a program or a library (a font, a catalogue) is not told of.
        windows.into_iter().filter(|window| window.bytes.starts_with(b"\x7fELF")).map(module).collect()
    }
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// What is to be looked at in a core. The error is how many bytes of it are needed to say; none where
/// it is no core that this reads.
fn plan(head: &[u8]) -> Result<Plan, Option<usize>> {
    const HEADER: usize = 64;
    if head.len() < HEADER {
        return Err(Some(HEADER));
    }
    // 64 bits, little-endian.
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return Err(None);
    }
    let (table, end) = segments(head).ok_or(None)?;
    let Some(table) = table else {
        return Err(Some(end));
    };
    let notes = table.iter().find(|segment| segment.kind == PT_NOTE);
    let mut plan = Plan {
        size: table.iter().map(|segment| segment.offset.saturating_add(segment.size)).max(),
        windows: Vec::new(),
    };
    let Some(notes) = notes else {
        return Ok(plan);
    };
    let (Ok(from), Ok(size)) = (usize::try_from(notes.offset), usize::try_from(notes.size)) else {
        return Err(None);
    };
    let to = from.checked_add(size).ok_or(None)?;
    let Some(bytes) = head.get(from..to) else {
        // Notes that are longer than what is kept tell nothing; the size is known all the same.
        return if to > HEAD_MAX { Ok(plan) } else { Err(Some(to)) };
    };
    let files = find_note(bytes, b"CORE\0", NT_FILE).map(mapped_files).unwrap_or_default();
    for (address, path) in files.into_iter().take(MODULES_MAX) {
        let load = table.iter().find(|segment| segment.kind == PT_LOAD && segment.address == address);
        if let Some(load) = load.filter(|load| load.size > 0) {
            let length = usize::try_from(load.size).unwrap_or(PAGE).min(PAGE);
            plan.windows.push(Window { offset: load.offset, length, bytes: Vec::new(), path });
        }
    }
    Ok(plan)
}

/// The program headers (none where not all are there yet) and where they end.
fn segments(file: &[u8]) -> Option<(Option<Vec<Segment>>, usize)> {
    let (start, size, count) = (word(file, 32)?, half(file, 54)?, half(file, 56)?);
    let start = usize::try_from(start).ok()?;
    // More than 65534 segments are counted elsewhere (PN_XNUM): that is not looked into.
    if size != 56 || count == 0xffff {
        return None;
    }
    let end = start.checked_add(usize::from(size) * usize::from(count))?;
    let Some(table) = file.get(start..end) else {
        return Some((None, end));
    };
    let segment = |entry: &[u8]| {
        Some(Segment {
            kind: quarter(entry, 0)?,
            offset: word(entry, 8)?,
            address: word(entry, 16)?,
            size: word(entry, 32)?,
        })
    };
    Some((Some(table.chunks_exact(usize::from(size)).filter_map(segment).collect()), end))
}

/// What the first note of that name and type holds.
fn find_note<'a>(mut notes: &'a [u8], name: &[u8], kind: u32) -> Option<&'a [u8]> {
    loop {
        let name_size = quarter(notes, 0)? as usize;
        let size = quarter(notes, 4)? as usize;
        let found = quarter(notes, 8)?;
        let named = notes.get(12..)?.get(..name_size)?;
        let rest = notes.get(12 + name_size.checked_next_multiple_of(4)?..)?;
        let holds = rest.get(..size)?;
        if found == kind && named == name {
            return Some(holds);
        }
        notes = rest.get(size.checked_next_multiple_of(4)?..)?;
    }
}

/// Addresses at which files are mapped from their beginning, with their names.
fn mapped_files(note: &[u8]) -> Vec<(u64, String)> {
    let read = || {
        let count = usize::try_from(word(note, 0)?).ok()?;
        let ranges = note.get(16..)?.get(..count.checked_mul(24)?)?;
        let mut names = note.get(16 + ranges.len()..)?.split(|byte| *byte == 0);
        let mut files: Vec<(u64, String)> = Vec::new();
        for range in ranges.chunks_exact(24) {
            let name = String::from_utf8_lossy(names.next()?).into_owned();
            let (address, offset) = (word(range, 0)?, word(range, 16)?);
            if offset == 0 && files.last().is_none_or(|(_, last)| *last != name) {
                files.push((address, name));
            }
        }
        Some(files)
    };
    read().unwrap_or_default()
}

/// The build id in the first page of a program or library.
fn build_id(page: &[u8]) -> Option<String> {
    if !page.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = segments(page)?.0?;
    table.iter().filter(|segment| segment.kind == PT_NOTE).find_map(|segment| {
        let from = usize::try_from(segment.offset).ok()?;
        let to = from.checked_add(usize::try_from(segment.size).ok()?)?;
        let id = find_note(page.get(from..to)?, b"GNU\0", NT_BUILD_ID)?;
        Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn quarter(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
