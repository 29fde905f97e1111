//! The hypervisor's side of VMware's guest channel (RPCI), for a thread of another process: this one traces it
//! (ptrace(2)) and does what the hypervisor would at each instruction to its ports.
//!
//! An ordinary process may not touch a port: the processor faults, and the kernel tells the tracer. `iopl`, which would
//! let it through to this machine's own ports, is kept from the kernel and answered here.
//!
//! Sources for the protocol: open-vm-tools, `backdoor_def.h`, `guest_msg_def.h`, `message.c`; the kernel's
//! `drivers/gpu/drm/vmwgfx/vmwgfx_msg.c`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use nix::libc::{self, user_regs_struct};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

const MAGIC: u64 = 0x564D_5868;
const PORT: u64 = 0x5658;
const PORT_OF_DATA: u64 = 0x5659;
const COMMAND_MESSAGE: u64 = 30;
const RPCI: u64 = 0x4943_5052;
/// Asks for cookies.
const COOKIE_FLAG: u64 = 0x8000_0000;
const STATUS_SUCCESS: u64 = 1 << 16;
const STATUS_DATA_PORT: u64 = 0x80 << 16;

const CHANNEL: u64 = 3;
const COOKIES: (u64, u64) = (0x1234_5678, 0x0BAD_CAFE);

/// What the hypervisor knows, and how far the conversation is.
pub struct Backdoor<'a> {
    properties: &'a [(&'a str, &'a str)],
    command_length: u64,
    reply: Vec<u8>,
    /// What was asked.
    pub commands: Vec<String>,
    /// Channels that are open.
    pub open: usize,
}

impl<'a> Backdoor<'a> {
    pub fn new(properties: &'a [(&'a str, &'a str)]) -> Self {
        Self { properties, command_length: 0, reply: vec![], commands: vec![], open: 0 }
    }

    /// Traces a thread until it ends; `ready` is done when it stands still for the first time.
    pub fn serve(&mut self, thread: Pid, ready: impl FnOnce()) {
        let wait = || waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        ptrace::attach(thread).unwrap();
        wait();
        ptrace::setoptions(thread, Options::PTRACE_O_TRACESYSGOOD).unwrap();
        let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{thread}/mem")).unwrap();
        ready();
        let mut passed_on = None;
        let mut asks_for_ports = false;
        loop {
            ptrace::syscall(thread, passed_on.take()).unwrap();
            match wait() {
                WaitStatus::PtraceSyscall(_) => {
                    let mut registers = ptrace::getregs(thread).unwrap();
                    if asks_for_ports {
                        registers.rax = 0;
                        ptrace::setregs(thread, registers).unwrap();
                        asks_for_ports = false;
                    } else if registers.orig_rax == libc::SYS_iopl as u64 {
                        registers.orig_rax = u64::MAX;
                        ptrace::setregs(thread, registers).unwrap();
                        asks_for_ports = true;
                    }
                }
                WaitStatus::Stopped(_, Signal::SIGSEGV) => {
                    let registers = ptrace::getregs(thread).unwrap();
                    match self.instruction(registers, &memory) {
                        Some(after) => ptrace::setregs(thread, after).unwrap(),
                        None => passed_on = Some(Signal::SIGSEGV),
                    }
                }
                // That it is traced from now on.
                WaitStatus::Stopped(_, Signal::SIGSTOP) => {}
                WaitStatus::Stopped(_, signal) => passed_on = Some(signal),
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return,
                _ => {}
            }
        }
    }

    /// Does an instruction to a port; none where it is another.
    fn instruction(&mut self, mut registers: user_regs_struct, memory: &File) -> Option<user_regs_struct> {
        const OUT: &[u8] = &[0xEF];
        const REPEATED_OUT: &[u8] = &[0xF3, 0x6E];
        const REPEATED_IN: &[u8] = &[0xF3, 0x6C];
        let mut code = [0; 2];
        memory.read_exact_at(&mut code, registers.rip).ok()?;
        assert_eq!(registers.rax & 0xFFFF_FFFF, MAGIC, "the magic number");
        let port = registers.rdx & 0xFFFF;
        if code.starts_with(OUT) {
            assert_eq!(port, PORT);
            self.command(&mut registers);
            registers.rip += OUT.len() as u64;
        } else if code == REPEATED_OUT {
            assert_eq!((port, registers.rbp, registers.rdi), (PORT_OF_DATA, COOKIES.0, COOKIES.1));
            assert_eq!(registers.rcx, self.command_length);
            let mut command = vec![0; registers.rcx as usize];
            memory.read_exact_at(&mut command, registers.rsi).unwrap();
            registers.rsi += registers.rcx;
            self.asked(command);
            data_is_moved(&mut registers);
            registers.rip += REPEATED_OUT.len() as u64;
        } else if code == REPEATED_IN {
            assert_eq!((port, registers.rsi, registers.rbp), (PORT_OF_DATA, COOKIES.0, COOKIES.1));
            assert_eq!(registers.rcx, self.reply.len() as u64);
            memory.write_all_at(&self.reply, registers.rdi).unwrap();
            registers.rdi += registers.rcx;
            data_is_moved(&mut registers);
            registers.rip += REPEATED_IN.len() as u64;
        } else {
            return None;
        }
        Some(registers)
    }

    fn command(&mut self, registers: &mut user_regs_struct) {
        assert_eq!(registers.rcx & 0xFFFF, COMMAND_MESSAGE);
        let step = registers.rcx >> 16;
        if step != 0 {
            let of = (registers.rdx >> 16, registers.rsi, registers.rdi);
            assert_eq!(of, (CHANNEL, COOKIES.0, COOKIES.1), "an open channel");
        }
        registers.rcx = STATUS_SUCCESS;
        match step {
            0 => {
                assert_eq!(registers.rbx, RPCI | COOKIE_FLAG);
                self.open += 1;
                registers.rdx = CHANNEL << 16;
                (registers.rsi, registers.rdi) = COOKIES;
            }
            1 => {
                self.command_length = registers.rbx;
                registers.rcx |= STATUS_DATA_PORT;
            }
            3 => {
                registers.rbx = self.reply.len() as u64;
                registers.rcx |= STATUS_DATA_PORT;
            }
            6 => self.open -= 1,
            other => panic!("step {other} of a message"),
        }
    }

    fn asked(&mut self, command: Vec<u8>) {
        let command = String::from_utf8(command).unwrap();
        let command = command.trim_end_matches('\0');
        let name = command.strip_prefix("info-get guestinfo.").unwrap();
        let value = self.properties.iter().find(|(key, _)| *key == name);
        self.reply = value
            .map_or_else(|| b"0 No value found".to_vec(), |(_, value)| format!("1 {value}").into_bytes());
        self.commands.push(command.to_owned());
    }
}

fn data_is_moved(registers: &mut user_regs_struct) {
    assert_eq!(registers.rbx, STATUS_SUCCESS);
    registers.rcx = 0;
}
