//! What cannot be made a UKI is refused, by the part's name.
#![allow(clippy::unwrap_used)]

use uki::Uki;

const OS_RELEASE: &str = "ID=berth\n";

fn refusal(parts: Uki) -> String {
    uki::build(&parts).unwrap_err().to_string()
}

fn parts<'a>(stub: &'a [u8], kernel: &'a [u8]) -> Uki<'a> {
    Uki { stub, kernel, initramfs: b"x", cmdline: "quiet", os_release: OS_RELEASE, uname: "6.12" }
}

/// The smallest PE32+ program: one section, `room` bytes of headers.
fn pe(room: u32) -> Vec<u8> {
    let mut pe = vec![0; 0x40];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3c] = 0x40;
    pe.extend(b"PE\0\0");
    pe.extend([0x64, 0x86, 1, 0]); // x86-64, one section
    pe.extend([0; 12]);
    pe.extend([240, 0, 0x22, 0]); // size of the optional header, characteristics
    let mut optional = [0; 240];
    for (at, value) in [
        (0, 0x020b_u32), // PE32+
        (16, 0x1000),    // entry
        (20, 0x1000),    // base of code
        (32, 0x1000),    // section alignment
        (36, 0x200),     // file alignment
        (56, 0x2000),    // size of image
        (60, room),      // size of headers
        (68, 10),        // EFI application
        (108, 16),       // data directories
    ] {
        optional[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    pe.extend(optional);
    let mut section = [0; 40];
    section[..5].copy_from_slice(b".text");
    for (at, value) in [(8, 0x10_u32), (12, 0x1000), (16, 0x200), (20, room), (36, 0x6000_0020)] {
        section[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    pe.extend(section);
    pe.resize(room as usize + 0x200, 0);
    pe
}

#[test]
fn a_program_grows_by_the_parts() {
    let stub = pe(0x400);
    let uki = uki::build(&parts(&stub, &stub)).unwrap();
    let read = goblin::pe::PE::parse(&uki).unwrap();
    let sections: Vec<_> =
        read.sections.iter().map(|s| (s.name().unwrap(), s.virtual_address, s.virtual_size)).collect();
    assert_eq!(
        sections,
        [
            (".text", 0x1000, 0x10),
            (".osrel", 0x2000, 9),
            (".cmdline", 0x3000, 5),
            (".uname", 0x4000, 4),
            (".initrd", 0x5000, 1),
            (".linux", 0x6000, stub.len() as u32),
        ]
    );
    let optional = read.header.optional_header.unwrap();
    assert_eq!(optional.windows_fields.size_of_image, 0x7000);
    for section in &read.sections[1..] {
        assert_eq!(section.pointer_to_raw_data % 0x200, 0);
        assert_eq!(section.size_of_raw_data % 0x200, 0);
    }
    let linux = &read.sections[5];
    let at = linux.pointer_to_raw_data as usize;
    assert_eq!(uki[at..at + stub.len()], stub);
    assert_eq!(uki.len(), at + linux.size_of_raw_data as usize);
}

#[test]
fn wrong_parts_are_named() {
    let good = pe(0x400);
    for (refused, says) in [
        (refusal(parts(b"#!/bin/sh", &good)), "the stub is not a PE file"),
        (refusal(parts(&good, b"\x7fELF")), "the kernel is not a PE file"),
        (refusal(parts(&good, b"")), "the kernel is not a PE file"),
        (refusal(parts(&good[..0x120], &good)), "the stub is not a PE file"),
        (refusal(parts(&pe(0x200), &good)), "room for 3 more sections, and 5 are needed"),
        (refusal(Uki { initramfs: b"", ..parts(&good, &good) }), "the .initrd of the UKI is empty"),
        (
            refusal(Uki { cmdline: "a\nb", ..parts(&good, &good) }),
            "the command line of the UKI must be one line",
        ),
        (
            refusal(Uki { uname: "a\0b", ..parts(&good, &good) }),
            "the kernel release of the UKI must be one line",
        ),
        (refusal(parts(&uki::build(&parts(&good, &good)).unwrap(), &good)), "already has a section .osrel"),
    ] {
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn its_first_bytes_tell_whose_it_is_and_whether_it_is_whole() {
    let stub = pe(0x400);
    let uki = uki::build(&parts(&stub, &stub)).unwrap();
    let outline = uki::read::outline(&uki[..uki::read::HEAD.min(uki.len())]).unwrap();
    let start = outline.cmdline as usize;
    assert_eq!(&uki[start..start + outline.cmdline_size], b"quiet");
    assert_eq!(outline.end, uki.len() as u64);
    for other in [&stub[..], &uki[..200], b"", b"MZ", &[0; 4096]] {
        assert_eq!(uki::read::outline(other), None);
    }
}
