//! The sockets on which programs log. PID 1 opens and keeps them (`berth-logd.socket`), so that
//! nothing is lost while the daemon restarts.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::net::{getsockname, sockopt};

/// One a protocol; those that there are not are not listened on.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Datagrams of syslog(3).
    pub syslog: Option<OwnedFd>,
    /// Datagrams of sd_journal_sendv(3).
    pub native: Option<OwnedFd>,
    /// Connections of sd_journal_stream_fd(3).
    pub streams: Option<OwnedFd>,
}

/// Their names in their folder, as systemd has them.
const SYSLOG: &str = "dev-log";
const NATIVE: &str = "socket";
const STREAMS: &str = "stdout";

impl Sockets {
    /// Sorts what PID 1 gave by the names that the sockets are bound to.
    ///
    /// # Errors
    /// One is bound to no name that is known.
    pub fn given(fds: Vec<OwnedFd>) -> Result<Self> {
        let mut sockets = Self::default();
        for fd in fds {
            let address = getsockname(&fd).context("cannot tell what a socket from PID 1 is for")?;
            let address = rustix::net::SocketAddrUnix::try_from(address).ok();
            let path = address.as_ref().and_then(|a| a.path_bytes()).unwrap_or_default();
            let path = String::from_utf8_lossy(path).into_owned();
            let name = path.rsplit('/').next().unwrap_or_default();
            match name {
                SYSLOG => sockets.syslog = Some(ready(fd)?),
                NATIVE => sockets.native = Some(ready(fd)?),
                STREAMS => sockets.streams = Some(ready(fd)?),
                _ => bail!("a socket from PID 1 is bound to {path:?}, which is not for logs"),
            }
        }
        Ok(sockets)
    }

    /// Makes the sockets in a folder, in the place of those that an earlier run left there.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn make(folder: &Path) -> Result<Self> {
        let datagrams = |name: &str| place(&folder.join(name), |path| Ok(UnixDatagram::bind(path)?.into()));
        Ok(Self {
            syslog: Some(datagrams(SYSLOG)?),
            native: Some(datagrams(NATIVE)?),
            streams: Some(place(&folder.join(STREAMS), |path| Ok(UnixListener::bind(path)?.into()))?),
        })
    }
}

fn place(path: &Path, bind: impl FnOnce(&Path) -> io::Result<OwnedFd>) -> Result<OwnedFd> {
    let doing = || format!("cannot make the socket {}", path.display());
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e).with_context(doing),
        _ => {}
    }
    let socket = bind(path).with_context(doing)?;
    // Whoever runs on the machine may log.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).with_context(doing)?;
    ready(socket)
}

fn ready(socket: OwnedFd) -> Result<OwnedFd> {
    sockopt::set_socket_passcred(socket.as_fd(), true).context("cannot ask for the senders of messages")?;
    rustix::io::ioctl_fionbio(&socket, true).context("cannot make a socket non-blocking")?;
    Ok(socket)
}
