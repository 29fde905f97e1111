//! Connections to targets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use journal::{Origin, Record};

use super::target::Protocol;
use super::{Failure, Target, http, render, resolve};

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
