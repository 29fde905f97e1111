//! What root may ask of the daemon: one word a datagram, answered by one (`journalctl --sync`,
//! `--rotate`).

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketAddrAny, recvfrom, sendto};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Have everything that was said so far on the disk.
    Sync,
    /// Begin a new segment.
    Rotate,
}

/// The socket. Its file is root's alone.
#[derive(Debug)]
pub struct Control {
    /// To wait for orders.
    pub socket: Arc<OwnedFd>,
}

/// Whom to answer.
#[derive(Debug)]
pub struct Answer {
    socket: Arc<OwnedFd>,
    to: SocketAddrAny,
}

impl Control {
    /// Makes the socket, in the place of one that an earlier run left there.
    ///
    /// # Errors
    /// The path cannot be used.
    pub fn open(path: &Path) -> Result<Self> {
        let doing = || format!("cannot make the socket {}", path.display());
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e).with_context(doing),
            _ => {}
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(doing)?;
        }
        let socket = UnixDatagram::bind(path).with_context(doing)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(doing)?;
        socket.set_nonblocking(true).with_context(doing)?;
        Ok(Self { socket: Arc::new(socket.into()) })
    }

    /// Takes one order, without waiting; what is none is answered at once.
    pub fn receive(&self) -> Option<(Order, Answer)> {
        let mut word = [0; 64];
        loop {
            let received = match recvfrom(&*self.socket, &mut word, RecvFlags::DONTWAIT) {
                Err(Errno::INTR) => continue,
                other => other.ok()?,
            };
            let (length, _, Some(to)) = received else {
                continue;
            };
            let answer = Answer { socket: self.socket.clone(), to };
            match &word[..length] {
                b"sync" => return Some((Order::Sync, answer)),
                b"rotate" => return Some((Order::Rotate, answer)),
                other => answer.give(&format!("{} is no order", String::from_utf8_lossy(other))),
            }
        }
    }
}

impl Answer {
    /// Answers. Who does not wait for it any more gets none.
    pub fn give(self, text: &str) {
        let _ = sendto(&*self.socket, text.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL, &self.to);
    }
}
