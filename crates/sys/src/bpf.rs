//! eBPF programs of control groups (bpf(2)): their instructions, and how they come to hold.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An instruction (linux/bpf.h, `struct bpf_insn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Instruction {
    pub code: u8,
    pub registers: u8,
    pub offset: i16,
    pub immediate: i32,
}

pub(crate) const LOAD_WORD: u8 = 0x61;
pub(crate) const MOVE: u8 = 0xbf;
pub(crate) const MOVE_IMMEDIATE: u8 = 0xb7;
/// Of the lower half of a register; the upper one is zero then.
pub(crate) const AND_IMMEDIATE: u8 = 0x54;
pub(crate) const ADD_IMMEDIATE: u8 = 0x07;
pub(crate) const SHIFT_RIGHT: u8 = 0x74;
pub(crate) const JUMP_IF_EQUAL: u8 = 0x15;
pub(crate) const JUMP_UNLESS_EQUAL: u8 = 0x55;
/// The same, of the lower halves.
pub(crate) const JUMP_UNLESS_EQUAL_32: u8 = 0x56;
pub(crate) const CALL: u8 = 0x85;
pub(crate) const EXIT: u8 = 0x95;

const PROG_LOAD: libc::c_long = 5;
const PROG_ATTACH: libc::c_long = 8;
/// Programs of groups above and below hold too.
const ALLOW_MULTI: u32 = 2;

pub(crate) fn instruction(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: to | from << 4, offset, immediate }
}

/// `union bpf_attr` as `BPF_PROG_LOAD` reads it, as far as it is set.
#[repr(C)]
struct LoadAttributes {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    version: u32,
    flags: u32,
}

/// The same, for `BPF_PROG_ATTACH`.
#[repr(C)]
struct AttachAttributes {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// A program that the kernel has checked.
pub(crate) struct Program(OwnedFd);

impl Program {
    /// Loads a program of a type, `BPF_PROG_TYPE_`.
    pub fn load(kind: u32, instructions: &[Instruction]) -> io::Result<Program> {
        let load = LoadAttributes {
            kind,
            count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            licence: c"Apache-2.0".as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log_buffer: 0,
            version: 0,
            flags: 0,
        };
        // SAFETY: the attributes point to a slice and a static string, both alive for the call.
        let result = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of_val(&load)) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just made this descriptor, and it has no other owner.
        Ok(Program(unsafe { OwnedFd::from_raw_fd(result as i32) }))
    }

    /// Has it hold for a control group, whose folder this is, at a place, `BPF_CGROUP_`.
    pub fn attach(&self, group: BorrowedFd, kind: u32) -> io::Result<()> {
        let attach = AttachAttributes {
            target: group.as_raw_fd() as u32,
            program: self.0.as_raw_fd() as u32,
            kind,
            flags: ALLOW_MULTI,
        };
        // SAFETY: the attributes are numbers, alive for the call.
        let result =
            unsafe { libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attach, size_of_val(&attach)) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
