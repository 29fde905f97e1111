//! The datagram socket of syslog(3).

use std::fs;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};

/// The socket.
pub struct Syslog {
    socket: UnixDatagram,
}

impl Syslog {
    /// Makes the socket at `path`, in the place of a socket that an earlier run left there.
    ///
    /// # Errors
    /// The path cannot be used.
    pub fn open(path: &Path) -> Result<Self> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(e).with_context(|| format!("cannot replace {}", path.display()));
            }
            _ => {}
        }
        let socket =
            UnixDatagram::bind(path).with_context(|| format!("cannot make the socket {}", path.display()))?;
        // Whoever runs on the machine may log.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))
            .with_context(|| format!("cannot set the mode of {}", path.display()))?;
        sockopt::set_socket_passcred(&socket, true)
            .context("cannot ask for the sender of syslog messages")?;
        Ok(Self { socket })
    }

    /// Takes one datagram into `buffer`, without waiting. Returns its length and its sender's
    /// process id; `None` where none is waiting.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Option<u32>)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, flags);
        let length = match received {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(None),
            other => other?.bytes,
        };
        let mut pid = None;
        for part in ancillary.drain() {
            if let RecvAncillaryMessage::ScmCredentials(sender) = part {
                pid = u32::try_from(sender.pid.as_raw_nonzero().get()).ok();
            }
        }
        Ok(Some((length, pid)))
    }
}

impl AsFd for Syslog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The unit that a process belongs to, by its cgroup; `None` where it is in none, or gone.
pub fn unit_of(pid: u32) -> Option<String> {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    unit_in(&cgroups).map(str::to_owned)
}

/// The unit in the text of /proc/PID/cgroup. A service may have cgroups of its own below the one
/// that PID 1 made (Delegate=), so the outermost counts.
fn unit_in(cgroups: &str) -> Option<&str> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    path.split('/').find(|part| part.ends_with(".service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_of_the_outermost_service() {
        let cases = [
            ("0::/system.slice/sshd.service\n", Some("sshd.service")),
            ("0::/a.service/x/b.service\n", Some("a.service")),
            ("1:cpu:/x.service\n0::/init\n", None),
            ("", None),
        ];
        for (text, unit) in cases {
            assert_eq!(unit_in(text), unit, "{text:?}");
        }
    }
}
