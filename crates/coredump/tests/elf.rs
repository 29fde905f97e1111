//! What a core says of itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use coredump::Module;
use coredump::elf::Reader;
use proptest::prelude::*;

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;

/// An ELF file's headers: `(type, offset, address, size)` a segment.
fn headers(segments: &[(u32, u64, u64, u64)]) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(32, 0);
    out.extend(64u64.to_le_bytes());
    out.resize(54, 0);
    out.extend(56u16.to_le_bytes());
    out.extend((segments.len() as u16).to_le_bytes());
    out.resize(64, 0);
    for (kind, offset, address, size) in segments {
        out.extend(kind.to_le_bytes());
        out.extend(0u32.to_le_bytes());
        for word in [*offset, *address, 0, *size, *size, 0] {
            out.extend(word.to_le_bytes());
        }
    }
    out
}

fn note(name: &[u8], kind: u32, holds: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [name.len() as u32, holds.len() as u32, kind] {
        out.extend(word.to_le_bytes());
    }
    for bytes in [name, holds] {
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// `(start, offset in pages, path)` a mapping.
fn files(mappings: &[(u64, u64, &str)]) -> Vec<u8> {
    let mut out = (mappings.len() as u64).to_le_bytes().to_vec();
    out.extend(4096u64.to_le_bytes());
    for (start, offset, _) in mappings {
        for word in [*start, start + 4096, *offset] {
            out.extend(word.to_le_bytes());
        }
    }
    for (.., path) in mappings {
        out.extend(path.as_bytes());
        out.push(0);
    }
    out
}

/// The first page of a program with that build id.
fn program(id: Option<&[u8]>) -> Vec<u8> {
    let note = id.map_or_else(Vec::new, |id| note(b"GNU\0", 3, id));
    let mut page = headers(&[(PT_NOTE, 120, 0, note.len() as u64)]);
    page.extend(note);
    page.resize(4096, 0);
    page
}

/// A core of a process with two programs, a data file, and a program that the kernel left out.
fn core() -> Vec<u8> {
    let notes = [
        note(b"CORE\0", 1, &[7; 336]),
        note(
            b"CORE\0",
            0x4649_4c45,
            &files(&[
                (0x1000, 0, "/app/web"),
                (0x2000, 1, "/app/web"),
                (0x9000, 0, "/lib/libc.so"),
                (0xb000, 0, "/etc/data"),
                (0xd000, 0, "/lib/gone.so"),
            ]),
        ),
    ]
    .concat();
    let data = 8192;
    let mut out = headers(&[
        (PT_NOTE, 64 + 56 * 6, 0, notes.len() as u64),
        (PT_LOAD, data, 0x1000, 4096),
        (PT_LOAD, data + 4096, 0x2000, 4096),
        (PT_LOAD, data + 8192, 0x9000, 8192),
        (PT_LOAD, data + 16384, 0xb000, 4096),
        (PT_LOAD, data + 20480, 0xd000, 0),
    ]);
    out.extend(notes);
    assert!(out.len() <= 8192);
    out.resize(8192, 0);
    out.extend(program(Some(&[0xab, 0xcd])));
    out.extend([0; 4096]);
    out.extend(program(None));
    out.extend([0; 4096]);
    out.extend([b'x'; 4096]);
    out
}

fn read(core: &[u8], step: usize) -> (Option<u64>, Vec<Module>) {
    let mut reader = Reader::default();
    core.chunks(step.max(1)).for_each(|chunk| reader.feed(chunk));
    (reader.size(), reader.modules())
}

#[test]
fn programs_and_libraries_by_build_id_however_the_core_comes() {
    let module = |path: &str, id: Option<&str>| Module { path: path.into(), build_id: id.map(str::to_owned) };
    let core = core();
    for step in [1, 7, 63, 4096, 65_536] {
        let (size, modules) = read(&core, step);
        assert_eq!(size, Some(core.len() as u64), "{step}");
        assert_eq!(modules, [module("/app/web", Some("abcd")), module("/lib/libc.so", None)], "{step}");
    }
}

#[test]
fn what_is_no_core_says_nothing() {
    for bytes in [&b""[..], b"\x7fELF", &[0; 100], &core()[..200]] {
        assert_eq!(read(bytes, 10), (None, Vec::new()));
    }
    // 32 bits.
    let mut small = core();
    small[4] = 1;
    assert_eq!(read(&small, 100), (None, Vec::new()));
}

proptest! {
    #[test]
    fn no_core_is_too_strange(at in 0usize..2000, bytes in prop::collection::vec(any::<u8>(), 1..32), step in 1usize..9000) {
        let mut core = core();
        let end = (at + bytes.len()).min(core.len());
        core[at..end].copy_from_slice(&bytes[..end - at]);
        prop_assert!(read(&core, step).1.len() <= 128);
    }

    #[test]
    fn nor_are_bytes(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        let mut core = b"\x7fELF\x02\x01".to_vec();
        core.extend(bytes);
        prop_assert!(read(&core, 100).1.len() <= 128);
    }
}
