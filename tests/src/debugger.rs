//! A hand that stops a machine dead, as a kernel that hangs does: QEMU's debugger's port (GDB Remote Serial Protocol).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use vm::Setup;

/// Numbers of registers in the protocol, of a 64-bit x86.
const RIP: u8 = 0x10;
const EFLAGS: u8 = 0x11;
/// Flags without IF, which lets interrupts in (Intel SDM, volume 1, 3.4.3; the bit that is set always is).
const NO_INTERRUPTS: &str = "02000000";
/// A jump to itself.
const FOREVER: &str = "ebfe";

/// The debugger's port of one machine.
pub struct Debugger {
    address: SocketAddr,
}

impl Debugger {
    /// A port that is free.
    ///
    /// # Errors
    /// There is none.
    pub fn new() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { address: listener.local_addr()? })
    }

    /// Has the machine listen there. A machine that forwards a port shares the host's network; others do not.
    #[must_use]
    pub fn attach<'a>(&self, setup: Setup<'a>) -> Setup<'a> {
        setup.forward(layout::port::SSH).qemu_argument("-gdb").qemu_argument(format!("tcp:{}", self.address))
    }

    /// Lets each processor run in a circle for ever, deaf to interrupts. What is beside them goes on: timers of devices,
    /// a watchdog.
    ///
    /// # Errors
    /// The port does not answer, or refuses.
    pub fn hang(&self) -> io::Result<()> {
        // The machine stands still from here until it is detached from.
        let mut port = Port(BufReader::new(TcpStream::connect(self.address)?));
        let threads = port.ask("qfThreadInfo")?;
        for thread in threads.trim_start_matches('m').split(',') {
            port.order(&format!("Hg{thread}"))?;
            let place = port.ask(&format!("p{RIP:x}"))?;
            let place = u64::from_str_radix(&place, 16).map_err(io::Error::other)?.swap_bytes();
            port.order(&format!("M{place:x},{:x}:{FOREVER}", FOREVER.len() / 2))?;
            port.order(&format!("P{EFLAGS:x}={NO_INTERRUPTS}"))?;
        }
        port.order("D")
    }
}

/// A connection: packets with a checksum, each of which is acknowledged.
struct Port(BufReader<TcpStream>);

impl Port {
    fn ask(&mut self, what: &str) -> io::Result<String> {
        let sum = what.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.0.get_mut(), "${what}#{sum:02x}")?;
        let mut answer = Vec::new();
        self.0.read_until(b'$', &mut answer)?;
        answer.clear();
        self.0.read_until(b'#', &mut answer)?;
        self.0.read_exact(&mut [0; 2])?;
        self.0.get_mut().write_all(b"+")?;
        answer.pop();
        String::from_utf8(answer).map_err(io::Error::other)
    }

    fn order(&mut self, what: &str) -> io::Result<()> {
        match self.ask(what)?.as_str() {
            "OK" => Ok(()),
            answer => Err(io::Error::other(format!("{what}: {answer:?}"))),
        }
    }
}
