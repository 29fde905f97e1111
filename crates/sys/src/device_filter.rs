//! Which devices the processes of a control group may use: an eBPF program of the type
//! `BPF_PROG_TYPE_CGROUP_DEVICE` (bpf(2); the kernel's cgroup-v2.rst, "Device controller").

use std::io;
use std::os::fd::BorrowedFd;

use crate::bpf::{
    AND_IMMEDIATE, EXIT, Instruction, JUMP_UNLESS_EQUAL, LOAD_WORD, MOVE, MOVE_IMMEDIATE, Program,
    SHIFT_RIGHT, instruction,
};

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum DeviceType {
    Block = 1,
    Char = 2,
}

/// A device, or all of a kind, and what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Block or character device.
    pub kind: DeviceType,
    /// Its major number; none for any.
    pub major: Option<u32>,
    /// Its minor number; none for any.
    pub minor: Option<u32>,
    /// Bits: 1 to make nodes, 2 to read, 4 to write.
    pub access: u32,
}

/// Registers: the context, then what the program takes from it.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const TYPE: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;

/// The program: allowed is what one of the list allows.
fn program(list: &[Allowed]) -> Vec<Instruction> {
    let mut program = vec![
        instruction(LOAD_WORD, TYPE, CONTEXT, 0, 0),
        instruction(MOVE, ACCESS, TYPE, 0, 0),
        instruction(AND_IMMEDIATE, TYPE, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        instruction(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        instruction(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    for allowed in list {
        let denied = !allowed.access & 7;
        let mut tests = vec![(TYPE, allowed.kind as i32)];
        tests.extend(allowed.major.map(|major| (MAJOR, major as i32)));
        tests.extend(allowed.minor.map(|minor| (MINOR, minor as i32)));
        // To the end of this one, from where the instruction after a jump is.
        let accept = 2;
        let mut left = tests.len() as i16 + 3 + accept;
        for (register, value) in tests {
            left -= 1;
            program.push(instruction(JUMP_UNLESS_EQUAL, register, 0, left, value));
        }
        program.push(instruction(MOVE, SCRATCH, ACCESS, 0, 0));
        program.push(instruction(AND_IMMEDIATE, SCRATCH, 0, 0, denied as i32));
        program.push(instruction(JUMP_UNLESS_EQUAL, SCRATCH, 0, accept, 0));
        program.push(instruction(MOVE_IMMEDIATE, RESULT, 0, 0, 1));
        program.push(instruction(EXIT, 0, 0, 0, 0));
    }
    program.push(instruction(MOVE_IMMEDIATE, RESULT, 0, 0, 0));
    program.push(instruction(EXIT, 0, 0, 0, 0));
    program
}

/// Lets the processes of a control group, whose folder this is, use only these devices.
///
/// # Errors
/// The kernel has no such programs, or this process may not load one.
pub fn attach(group: BorrowedFd, list: &[Allowed]) -> io::Result<()> {
    Program::load(TYPE_CGROUP_DEVICE, &program(list))?.attach(group, ATTACH_CGROUP_DEVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would.
    fn allows(program: &[Instruction], kind: DeviceType, access: u32, major: u32, minor: u32) -> bool {
        let context = [kind as u32 | access << 16, major, minor];
        let mut registers = [0u64; 11];
        let mut at = 0;
        loop {
            let Instruction { code, registers: pair, offset, immediate } = program[at];
            let (to, from) = (usize::from(pair & 15), usize::from(pair >> 4));
            at += 1;
            match code {
                LOAD_WORD => registers[to] = context[offset as usize / 4].into(),
                MOVE => registers[to] = registers[from],
                MOVE_IMMEDIATE => registers[to] = immediate as u64,
                AND_IMMEDIATE => registers[to] &= immediate as u64 & 0xffff_ffff,
                SHIFT_RIGHT => registers[to] >>= immediate,
                JUMP_UNLESS_EQUAL if registers[to] != immediate as u64 => at += offset as usize,
                JUMP_UNLESS_EQUAL => {}
                EXIT => return registers[0] == 1,
                other => panic!("{other:#x}"),
            }
        }
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let null = Allowed { kind: DeviceType::Char, major: Some(1), minor: Some(3), access: 6 };
        let disks = Allowed { kind: DeviceType::Block, major: None, minor: None, access: 2 };
        let program = program(&[null, disks]);
        for (kind, access, major, minor, expected) in [
            (DeviceType::Char, 2, 1, 3, true),
            (DeviceType::Char, 6, 1, 3, true),
            (DeviceType::Char, 1, 1, 3, false),
            (DeviceType::Char, 2, 1, 5, false),
            (DeviceType::Block, 2, 8, 0, true),
            (DeviceType::Block, 4, 8, 0, false),
            (DeviceType::Char, 2, 8, 0, false),
        ] {
            assert_eq!(
                allows(&program, kind, access, major, minor),
                expected,
                "{kind:?} {access} {major}:{minor}"
            );
        }
        assert!(!allows(&super::program(&[]), DeviceType::Char, 2, 1, 3));
    }
}
