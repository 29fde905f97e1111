//! Which addresses the processes of a control group may exchange packets with: eBPF programs of the type
//! `BPF_PROG_TYPE_CGROUP_SKB` (bpf(2)), one for each direction.

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use crate::bpf::{
    ADD_IMMEDIATE, AND_IMMEDIATE, CALL, EXIT, Instruction, JUMP_IF_EQUAL, JUMP_UNLESS_EQUAL,
    JUMP_UNLESS_EQUAL_32, LOAD_WORD, MOVE, MOVE_IMMEDIATE, Program, instruction,
};

/// What becomes of packets from and to addresses that share their first bits. Of several that an address
/// is in, the first decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The address.
    pub address: IpAddr,
    /// How many of its bits count.
    pub length: u8,
    /// Whether packets pass.
    pub allowed: bool,
}

const TYPE_CGROUP_SKB: u32 = 8;

/// Where a program is asked, and what the other end's address is called there.
#[derive(Debug, Clone, Copy)]
enum Direction {
    Ingress = 0,
    Egress = 1,
}

/// A version of the protocol.
struct Version {
    /// `__sk_buff.protocol`: the number of the protocol as it is on the wire, read as a number.
    protocol: u16,
    /// Where the addresses are in a header: the sender's, the receiver's.
    offsets: [i32; 2],
    /// Words of four bytes in an address.
    words: i16,
}

const FOUR: Version = Version { protocol: 0x0800_u16.to_be(), offsets: [12, 16], words: 1 };
const SIX: Version = Version { protocol: 0x86dd_u16.to_be(), offsets: [8, 24], words: 4 };

/// Registers: the result, arguments of a call, the context, kept, a word of the address, the stack.
const RESULT: u8 = 0;
const ARGUMENTS: [u8; 4] = [1, 2, 3, 4];
const CONTEXT: u8 = 6;
const WORD: u8 = 7;
const STACK: u8 = 10;

/// Offset in `__sk_buff`.
const PROTOCOL: i16 = 16;
/// `bpf_skb_load_bytes`, and where on the stack it puts an address.
const LOAD_BYTES: i32 = 26;
const ADDRESS: i16 = -16;

fn program(rules: &[Rule], direction: Direction) -> Vec<Instruction> {
    let mut program = vec![
        instruction(MOVE, CONTEXT, ARGUMENTS[0], 0, 0),
        instruction(LOAD_WORD, WORD, CONTEXT, PROTOCOL, 0),
    ];
    for version in [FOUR, SIX] {
        let part = of_version(rules, direction, &version);
        let length = part.len() as i16;
        program.push(instruction(JUMP_UNLESS_EQUAL, WORD, 0, length, version.protocol.into()));
        program.extend(part);
    }
    // What is no packet of either has no address.
    program.extend(end(true));
    program
}

/// What decides of a packet of one version.
fn of_version(rules: &[Rule], direction: Direction, version: &Version) -> Vec<Instruction> {
    let [context, offset, to, length] = ARGUMENTS;
    let mut program = vec![
        instruction(MOVE, context, CONTEXT, 0, 0),
        instruction(MOVE_IMMEDIATE, offset, 0, 0, version.offsets[direction as usize]),
        instruction(MOVE, to, STACK, 0, 0),
        instruction(ADD_IMMEDIATE, to, 0, 0, ADDRESS.into()),
        instruction(MOVE_IMMEDIATE, length, 0, 0, i32::from(version.words) * 4),
        instruction(CALL, 0, 0, 0, LOAD_BYTES),
    ];
    // A packet without a whole header is none to let pass.
    let refuse = end(false);
    program.push(instruction(JUMP_IF_EQUAL, RESULT, 0, refuse.len() as i16, 0));
    program.extend(refuse);
    let is_six = version.words > 1;
    for rule in rules.iter().filter(|rule| rule.address.is_ipv6() == is_six) {
        program.extend(of_rule(rule));
        // The kernel takes no program of which a part is never reached.
        if rule.length == 0 {
            return program;
        }
    }
    program.extend(end(true));
    program
}

fn of_rule(rule: &Rule) -> Vec<Instruction> {
    let bytes = match rule.address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut tests = Vec::new();
    for (index, word) in bytes.chunks_exact(4).enumerate() {
        let bits = u32::from(rule.length).saturating_sub(32 * index as u32).min(32);
        // The address is on the stack as it was on the wire.
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0).to_be();
        let value = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]) & mask;
        if bits > 0 {
            tests.push((index as i16, mask, value));
        }
    }
    let verdict = end(rule.allowed);
    let mut left = tests.len() as i16 * 3 + verdict.len() as i16;
    let mut program = Vec::new();
    for (index, mask, value) in tests {
        left -= 3;
        program.push(instruction(LOAD_WORD, WORD, STACK, ADDRESS + 4 * index, 0));
        program.push(instruction(AND_IMMEDIATE, WORD, 0, 0, mask as i32));
        program.push(instruction(JUMP_UNLESS_EQUAL_32, WORD, 0, left, value as i32));
    }
    program.extend(verdict);
    program
}

fn end(allowed: bool) -> [Instruction; 2] {
    [instruction(MOVE_IMMEDIATE, RESULT, 0, 0, allowed.into()), instruction(EXIT, 0, 0, 0, 0)]
}

/// Lets packets pass for the processes of a control group, whose folder this is, by these rules. What no
/// rule speaks of passes.
///
/// # Errors
/// The kernel has no such programs, or this process may not load one.
pub fn attach(group: BorrowedFd, rules: &[Rule]) -> io::Result<()> {
    for direction in [Direction::Ingress, Direction::Egress] {
        Program::load(TYPE_CGROUP_SKB, &program(rules, direction))?.attach(group, direction as u32)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would, for a packet between two addresses.
    fn passes(program: &[Instruction], protocol: u16, packet: &[u8]) -> bool {
        let mut registers = [0u64; 11];
        let mut stack = [0u8; 16];
        let mut at = 0;
        loop {
            let Instruction { code, registers: pair, offset, immediate } = program[at];
            let (to, from) = (usize::from(pair & 15), usize::from(pair >> 4));
            at += 1;
            match code {
                LOAD_WORD if offset == PROTOCOL => registers[to] = protocol.into(),
                LOAD_WORD => {
                    let start = (offset - ADDRESS) as usize;
                    registers[to] = u32::from_ne_bytes(stack[start..start + 4].try_into().unwrap()).into();
                }
                MOVE => registers[to] = registers[from],
                MOVE_IMMEDIATE => registers[to] = immediate as u64,
                ADD_IMMEDIATE => {}
                AND_IMMEDIATE => registers[to] &= u64::from(immediate as u32),
                CALL => {
                    let (start, length) = (registers[2] as usize, registers[4] as usize);
                    let bytes = packet.get(start..start + length);
                    registers[0] = if bytes.is_some() { 0 } else { u64::MAX };
                    bytes.iter().for_each(|bytes| stack[..length].copy_from_slice(bytes));
                }
                JUMP_UNLESS_EQUAL if registers[to] != immediate as i64 as u64 => at += offset as usize,
                JUMP_UNLESS_EQUAL_32 if registers[to] as u32 != immediate as u32 => at += offset as usize,
                JUMP_IF_EQUAL if registers[to] == immediate as i64 as u64 => at += offset as usize,
                JUMP_UNLESS_EQUAL | JUMP_UNLESS_EQUAL_32 | JUMP_IF_EQUAL => {}
                EXIT => return registers[0] == 1,
                other => panic!("{other:#x}"),
            }
        }
    }

    fn packet(address: &str, direction: Direction) -> (u16, Vec<u8>) {
        let address: IpAddr = address.parse().unwrap();
        let (version, bytes) = match address {
            IpAddr::V4(address) => (FOUR, address.octets().to_vec()),
            IpAddr::V6(address) => (SIX, address.octets().to_vec()),
        };
        let mut packet = vec![0xee; 40];
        let start = version.offsets[direction as usize] as usize;
        packet[start..start + bytes.len()].copy_from_slice(&bytes);
        (version.protocol, packet)
    }

    #[test]
    fn the_first_rule_that_an_address_is_in_decides() {
        let rule =
            |address: &str, length, allowed| Rule { address: address.parse().unwrap(), length, allowed };
        let rules = [
            rule("127.0.0.0", 8, true),
            rule("::1", 128, true),
            rule("192.168.7.128", 25, true),
            rule("fe80::", 10, true),
            rule("0.0.0.0", 0, false),
            rule("::", 0, false),
        ];
        for direction in [Direction::Ingress, Direction::Egress] {
            let some = program(&rules, direction);
            for (address, expected) in [
                ("127.0.0.1", true),
                ("127.255.255.254", true),
                ("126.0.0.1", false),
                ("192.168.7.129", true),
                ("192.168.7.127", false),
                ("::1", true),
                ("::2", false),
                ("fe80::1", true),
                ("febf::1", true),
                ("fec0::1", false),
                ("2001:db8::1", false),
            ] {
                let (protocol, packet) = packet(address, direction);
                assert_eq!(passes(&some, protocol, &packet), expected, "{address} {direction:?}");
                assert!(passes(&program(&[], direction), protocol, &packet), "{address}: no rule");
            }
            assert!(passes(&some, 0x0608, &[]), "ARP has no such addresses");
            assert!(!passes(&some, FOUR.protocol, &[0; 8]), "a packet cut short");
        }
    }
}
