//! Connections to targets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use journal::{Origin, Record};

use super::target::Protocol;
use super::{Failure, Target, http, render, resolve};
use crate::store::host_name;

/// How long the other end may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What messages go through.
pub struct Wire {
    target: Target,
    origin: Origin,
    stream: Option<TcpStream>,
}

impl Wire {
    /// Not connected yet.
    pub fn new(target: &Target, origin: &Origin) -> Self {
        Self { target: target.clone(), origin: origin.clone(), stream: None }
    }

    /// Sends the messages of a batch from `sent` on, which counts those that went.
    pub fn send(&mut self, batch: &[Record], sent: &mut usize) -> Result<(), Failure> {
        // The machine may have another name than at the start: DHCP or the administrator gives it one.
        self.origin.hostname = host_name();
        match self.target.protocol {
            Protocol::Udp => self.datagrams(batch, sent),
            Protocol::Tcp => self.frames(batch, sent),
            Protocol::Http => self.post(batch),
        }
    }

    fn datagrams(&self, batch: &[Record], sent: &mut usize) -> Result<(), Failure> {
        let (socket, address) = self.each_address(|address| {
            let any: SocketAddr =
                if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
            let socket = UdpSocket::bind(any)?;
            socket.connect(address)?;
            Ok((socket, address))
        })?;
        for record in &batch[*sent..] {
            let message = render::syslog(record, &self.origin.hostname);
            match socket.send(&message) {
                // Nobody listened to the one before: datagrams are not answered otherwise.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    return Err(Failure::Later(format!("{address}: {error}")));
                }
                Err(error) => return Err(Failure::Later(format!("{address}: {error}"))),
                Ok(_) => *sent += 1,
            }
        }
        Ok(())
    }

    fn frames(&mut self, batch: &[Record], sent: &mut usize) -> Result<(), Failure> {
        let mut stream = match self.stream.take().filter(is_open) {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let later = |error: std::io::Error| Failure::Later(error.to_string());
        for record in &batch[*sent..] {
            let message = render::syslog(record, &self.origin.hostname);
            let mut frame = format!("{} ", message.len()).into_bytes();
            frame.extend(message);
            stream.write_all(&frame).map_err(later)?;
            *sent += 1;
        }
        self.stream = Some(stream);
        Ok(())
    }

    fn post(&self, batch: &[Record]) -> Result<(), Failure> {
        let (mut body, origin) = (Vec::new(), self.origin.fields());
        batch.iter().for_each(|record| render::json(record, &origin, &mut body));
        let mut stream = self.connect()?;
        let later = |error: std::io::Error| Failure::Later(error.to_string());
        stream.write_all(http::head(&self.target, body.len()).as_bytes()).map_err(later)?;
        stream.write_all(&body).map_err(later)?;
        let mut answer = Vec::new();
        // The status line says it all; what follows is read no further than needed.
        let mut part = [0; 512];
        while !answer.contains(&b'\n') && answer.len() < 4096 {
            match stream.read(&mut part).map_err(later)? {
                0 => break,
                length => answer.extend_from_slice(&part[..length]),
            }
        }
        http::verdict(&answer)
    }

    fn connect(&self) -> Result<TcpStream, Failure> {
        self.each_address(|address| {
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
            Ok(stream)
        })
    }

    /// Tries the host's addresses in order.
    fn each_address<T>(
        &self,
        mut attempt: impl FnMut(SocketAddr) -> std::io::Result<T>,
    ) -> Result<T, Failure> {
        let addresses = resolve::addresses(&self.target.host).map_err(Failure::Later)?;
        let mut reason = String::new();
        for ip in addresses {
            match attempt(SocketAddr::new(ip, self.target.port)) {
                Ok(value) => return Ok(value),
                Err(error) => reason = format!("{ip}: {error}"),
            }
        }
        Err(Failure::Later(reason))
    }
}

/// Whether the other end has not hung up: what is written then would be lost without a word.
fn is_open(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return false;
    }
    let mut byte = [0];
    let open = match stream.peek(&mut byte) {
        Ok(0) => false,
        // A syslog server says nothing; if it does, it is not listened to.
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    };
    open && stream.set_nonblocking(false).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_name_that_the_machine_has_now() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = Target::syslog(&format!("udp://{}", socket.local_addr().unwrap())).unwrap();
        let origin = Origin {
            boot: "0".repeat(32).parse().unwrap(),
            machine: String::new(),
            hostname: "name-at-start".to_owned(),
        };
        let record = Record {
            realtime_us: 0,
            monotonic_us: 0,
            context: std::sync::Arc::default(),
            fields: journal::Fields::default().with("MESSAGE", "hello"),
        };
        Wire::new(&target, &origin).send(&[record], &mut 0).unwrap();
        let mut buffer = [0; 2000];
        let length = socket.recv(&mut buffer).unwrap();
        let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(message.contains(&format!("Z {} ", host_name())), "{message}");
    }
}
