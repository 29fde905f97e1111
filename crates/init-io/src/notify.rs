//! The socket of sd_notify(3).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with, sockopt};
use unit::service::notify::Notification;

/// The longest message that is read; what is longer is not one.
const LONGEST: usize = 4096;

/// The socket.
pub struct NotifySocket {
    socket: OwnedFd,
    path: PathBuf,
}

impl NotifySocket {
    /// Makes the socket in a folder.
    pub fn open(folder: &Path) -> Result<NotifySocket> {
        let path = folder.join("notify");
        let make = || -> rustix::io::Result<OwnedFd> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
            // The kernel then says who sent each message.
            sockopt::set_socket_passcred(&socket, true)?;
            _ = std::fs::remove_file(&path);
            bind(&socket, &SocketAddrUnix::new(&path)?)?;
            // Services of every user send to it; who may say what is checked with each message.
            rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o777))?;
            Ok(socket)
        };
        let socket = make().with_context(|| format!("cannot make the socket {}", path.display()))?;
        Ok(NotifySocket { socket, path })
    }

    /// Where services find it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next message, and the process that sent it.
    pub fn next(&self) -> Option<(i32, Notification)> {
        loop {
            let mut buffer = [0; LONGEST];
            let datagram = sys::credentials::receive(&self.socket, &mut buffer).ok()?;
            let known = datagram.sender.filter(|sender| sender.pid > 0 && datagram.is_whole);
            if let Some(sender) = known {
                return Some((sender.pid.cast_signed(), Notification::parse(&buffer[..datagram.length])));
            }
        }
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
