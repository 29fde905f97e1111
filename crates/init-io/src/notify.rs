//! The socket of sd_notify(3).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with, sockopt};
use unit::service::notify::Notification;

/// The longest message that is read; what is longer is not one.
const LONGEST: usize = 4096;

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who sent it, by the kernel's word; 0 where it is of another PID namespace.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// What it says.
    pub notification: Notification,
}

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

    /// The next message; none where no more came. One that is too long says nothing, and is told of like any other:
    /// who counts what is taken at once counts it too.
    pub fn next(&self) -> Option<Message> {
        let mut buffer = [0; LONGEST];
        let datagram = sys::credentials::receive(&self.socket, &mut buffer).ok()?;
        let notification = match datagram.is_whole {
            true => Notification::parse(&buffer[..datagram.length]),
            false => Notification::default(),
        };
        let sender = datagram.sender?;
        Some(Message { pid: sender.pid.cast_signed(), uid: sender.uid, notification })
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
