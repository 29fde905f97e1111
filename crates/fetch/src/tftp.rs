//! TFTP (RFC 1350) with options (RFC 2347) of which the block size (RFC 2348) is asked for: reading only, in
//! mode octet.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use crate::intake::Fault;
use crate::url::Url;
use crate::{Error, shown};

/// What fits an Ethernet frame behind the heads of IPv6, UDP and TFTP, with room for a tunnel's.
const WANTED: usize = 1408;
/// RFC 1350's own.
const DEFAULT: usize = 512;
/// How long each sending waits for an answer, in seconds.
const WAITS: [u64; 6] = [1, 1, 2, 2, 4, 4];

/// A file on its way.
pub(crate) struct Transfer {
    socket: UdpSocket,
    /// The server's address, with the port that it chose for this transfer (RFC 1350, section 4).
    peer: SocketAddr,
    block_size: usize,
    /// The last block that came.
    block: u16,
    data: Vec<u8>,
    read: usize,
    is_last: bool,
    deadline: Option<Instant>,
    source: String,
    refused: Option<Error>,
}

/// What a server sends.
#[derive(Debug, PartialEq)]
enum Packet<'a> {
    Data(u16, &'a [u8]),
    /// With the block size, where it is among the options.
    Options(Option<usize>),
    Error(u16, String),
}

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (opcode, rest) = bytes.split_first_chunk()?;
        Some(match u16::from_be_bytes(*opcode) {
            3 => {
                let (block, data) = rest.split_first_chunk()?;
                Self::Data(u16::from_be_bytes(*block), data)
            }
            5 => {
                let (code, text) = rest.split_first_chunk()?;
                let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
                let text: String =
                    String::from_utf8_lossy(text).chars().filter(|char| !char.is_control()).collect();
                Self::Error(u16::from_be_bytes(*code), text)
            }
            6 => {
                let words: Vec<&[u8]> = rest.split(|&byte| byte == 0).collect();
                let size = words.chunks_exact(2).find(|pair| pair[0].eq_ignore_ascii_case(b"blksize"));
                Self::Options(size.and_then(|pair| std::str::from_utf8(pair[1]).ok()?.parse().ok()))
            }
            _ => return None,
        })
    }
}

fn request(path: &[u8], with_options: bool) -> Vec<u8> {
    let mut packet = vec![0, 1];
    packet.extend_from_slice(path);
    packet.extend_from_slice(b"\0octet\0");
    if with_options {
        packet.extend_from_slice(format!("blksize\0{WANTED}\0").as_bytes());
    }
    packet
}

fn acknowledgement(block: u16) -> [u8; 4] {
    let [high, low] = block.to_be_bytes();
    [0, 4, high, low]
}

fn error(code: u8, message: &str) -> Vec<u8> {
    [&[0, 5, 0, code], message.as_bytes(), &[0]].concat()
}

impl Transfer {
    /// Asks for the file, and waits for its begin.
    pub(crate) fn open(source: &str, deadline: Option<Instant>) -> Result<Self, Fault> {
        let bad = |why| Error::Source { source_text: shown(source), why };
        let url = Url::parse(source).map_err(bad)?;
        let path = url.path.split('?').next().unwrap_or_default();
        let path: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
        if path.contains(&0) || path.len() > 400 {
            return Err(bad("TFTP has no names with NUL or of more than 400 bytes".to_owned()).into());
        }
        let passing = |fault: io::Error| Fault::Passing(fault.to_string());
        let peer = (url.host.as_str(), url.port()).to_socket_addrs().map_err(passing)?.next();
        let peer = peer.ok_or_else(|| Fault::Passing("the name has no address".to_owned()))?;
        let own: SocketAddr = match peer {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(own).map_err(passing)?;
        let mut transfer = Self {
            socket,
            peer,
            block_size: DEFAULT,
            block: 0,
            data: Vec::new(),
            read: 0,
            is_last: false,
            deadline,
            source: shown(source),
            refused: None,
        };
        let begun = transfer.begin(&path, true).or_else(|fault| match transfer.refused.take() {
            // RFC 2347's refusal of options, and what old servers say to what they do not know.
            Some(Error::Tftp { code: 0 | 4 | 8, .. }) => transfer.begin(&path, false),
            refused => {
                transfer.refused = refused;
                Err(fault)
            }
        });
        match begun {
            Ok(()) => Ok(transfer),
            Err(fault) => Err(transfer.refused.map_or_else(|| passing(fault), Fault::Final)),
        }
    }

    /// The server's error, where that was why reading failed.
    pub(crate) fn refusal(&mut self) -> Option<Error> {
        self.refused.take()
    }

    fn begin(&mut self, path: &[u8], with_options: bool) -> io::Result<()> {
        let server = self.peer;
        let mut buffer = vec![0; 4 + WANTED];
        let mut packet = request(path, with_options);
        for wait in WAITS {
            self.socket.send_to(&packet, server)?;
            let until = self.until(wait)?;
            while let Some((length, from)) = self.receive(&mut buffer, until)? {
                // The answer comes from a port of the server's choice.
                if from.ip() != server.ip() {
                    continue;
                }
                match Packet::parse(&buffer[..length]) {
                    Some(Packet::Data(1, data)) => {
                        self.peer = from;
                        let data = data.to_vec();
                        return self.accept(1, &data);
                    }
                    Some(Packet::Options(size)) if with_options => {
                        let size = size.unwrap_or(DEFAULT);
                        if !(8..=WANTED).contains(&size) {
                            _ = self.socket.send_to(&error(8, "block size out of range"), from);
                            return Err(io::Error::other(
                                "the server chose a block size that was not offered",
                            ));
                        }
                        self.peer = from;
                        self.block_size = size;
                        packet = acknowledgement(0).to_vec();
                        return self.next(&packet);
                    }
                    Some(Packet::Error(code, message)) => return Err(self.refuse(code, message)),
                    _ => {}
                }
            }
        }
        Err(no_answer())
    }

    /// Sends what asks for the next block, and waits for that.
    fn next(&mut self, asking: &[u8]) -> io::Result<()> {
        let expected = self.block.wrapping_add(1);
        let mut buffer = vec![0; 4 + WANTED + 1];
        for wait in WAITS {
            self.socket.send_to(asking, self.peer)?;
            let until = self.until(wait)?;
            while let Some((length, from)) = self.receive(&mut buffer, until)? {
                if from != self.peer {
                    // RFC 1350, section 4: a wrong port is told so, and disturbs nothing.
                    _ = self.socket.send_to(&error(5, "unknown transfer ID"), from);
                    continue;
                }
                match Packet::parse(&buffer[..length]) {
                    Some(Packet::Data(block, data)) if block == expected => {
                        let data = data.to_vec();
                        return self.accept(block, &data);
                    }
                    Some(Packet::Error(code, message)) => return Err(self.refuse(code, message)),
                    // A block twice: the answer to it is on its way already.
                    _ => {}
                }
            }
        }
        Err(no_answer())
    }

    fn accept(&mut self, block: u16, data: &[u8]) -> io::Result<()> {
        if data.len() > self.block_size {
            _ = self.socket.send_to(&error(4, "block too long"), self.peer);
            return Err(io::Error::other("the server sent a block longer than agreed"));
        }
        self.block = block;
        self.data = data.to_vec();
        self.read = 0;
        if data.len() < self.block_size {
            self.is_last = true;
            _ = self.socket.send_to(&acknowledgement(block), self.peer);
        }
        Ok(())
    }

    fn refuse(&mut self, code: u16, message: String) -> io::Error {
        self.refused = Some(Error::Tftp { source_text: self.source.clone(), code, message });
        io::Error::other("the server answered with an error")
    }

    fn until(&self, seconds: u64) -> io::Result<Instant> {
        let now = Instant::now();
        let until = now + Duration::from_secs(seconds);
        match self.deadline {
            Some(deadline) if deadline <= now => Err(io::Error::other("the time for all attempts is over")),
            Some(deadline) => Ok(until.min(deadline)),
            None => Ok(until),
        }
    }

    /// The next datagram, unless `until` comes first.
    fn receive(&self, buffer: &mut [u8], until: Instant) -> io::Result<Option<(usize, SocketAddr)>> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv_from(buffer) {
                Ok(received) => return Ok(Some(received)),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) if matches!(fault.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(fault) => return Err(fault),
            }
        }
    }
}

impl Read for Transfer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.data.len() {
            if self.is_last || buffer.is_empty() {
                return Ok(0);
            }
            self.next(&acknowledgement(self.block))?;
        }
        let length = buffer.len().min(self.data.len() - self.read);
        buffer[..length].copy_from_slice(&self.data[self.read..self.read + length]);
        self.read += length;
        Ok(length)
    }
}

fn no_answer() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the TFTP server does not answer")
}

/// Reads a packet as if a server had sent it, for the fuzzer.
#[doc(hidden)]
pub fn parse_packet(bytes: &[u8]) -> bool {
    Packet::parse(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use super::Packet;

    #[test]
    fn packets() {
        for (bytes, expected) in [
            (&b""[..], None),
            (b"\0", None),
            (b"\0\x03\0", None),
            (b"\0\x01a\0octet\0", None),
            (b"\0\x03\0\x07ab", Some(Packet::Data(7, b"ab"))),
            (b"\0\x03\xff\xff", Some(Packet::Data(65535, b""))),
            (b"\0\x05\0\x01no\0", Some(Packet::Error(1, "no".to_owned()))),
            (b"\0\x05\0\x01no\x1b[2J", Some(Packet::Error(1, "no[2J".to_owned()))),
            (b"\0\x06", Some(Packet::Options(None))),
            (b"\0\x06tsize\x0099\0BlkSize\x001024\0", Some(Packet::Options(Some(1024)))),
            (b"\0\x06blksize\0x\0", Some(Packet::Options(None))),
        ] {
            assert_eq!(Packet::parse(bytes), expected, "{bytes:?}");
        }
    }
}
