//! Who is at the other end of a Unix socket (unix(7)).
//!
//! A process of another PID namespace has the id 0 here, which is why the types of libraries that
//! hold ids as never zero do not do.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, UCred};

/// Who it is, by the kernel's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// The process; 0 where it has no id in this namespace.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Credentials {
    fn of(who: libc::ucred) -> Credentials {
        Credentials { pid: u32::try_from(who.pid).unwrap_or(0), uid: who.uid, gid: who.gid }
    }
}

/// The user that connected to a stream socket.
///
/// # Errors
/// It is no connected Unix socket.
pub fn peer_uid(socket: impl AsFd) -> io::Result<u32> {
    peer(socket).map(|peer| peer.uid)
}

/// The process that connected to a stream socket.
///
/// # Errors
/// It is no connected Unix socket.
pub fn peer(socket: impl AsFd) -> io::Result<Credentials> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `size` bytes into the structure.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut size,
        )
    };
    match result {
        0 => Ok(Credentials::of(peer)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// Its length, as much as was read of it.
    pub length: usize,
    /// Whether that is all.
    pub is_whole: bool,
    /// Who sent it; none where the kernel does not say.
    pub sender: Option<Credentials>,
}

/// Sends a datagram to the socket at `path` (abstract where that begins with `@`) in the name of
/// another process, which root may do.
///
/// # Errors
/// There is no such socket or process, or this one may not speak for it.
pub fn send_as(pid: i32, path: &str, bytes: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    let address = match path.strip_prefix('@') {
        Some(name) => rustix::net::SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        None => rustix::net::SocketAddrUnix::new(path)?,
    };
    let pid = rustix::process::Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmCredentials(UCred { pid, uid, gid })) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let flags = SendFlags::NOSIGNAL;
    rustix::net::sendmsg_addr(&socket, &address, &[io::IoSlice::new(bytes)], &mut control, flags)?;
    Ok(())
}

/// Room for the sender's credentials, and for descriptors; aligned as
/// control messages must be.
#[repr(align(8))]
struct Control([u8; 256]);

/// Reads a datagram from a socket that has SO_PASSCRED set, without waiting. Descriptors that
/// come with it are closed.
///
/// # Errors
/// There is none (`WouldBlock`), or the socket has failed.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Datagram> {
    receive_with_files(socket, buffer).map(|(datagram, _)| datagram)
}

/// The same, with the descriptors that came.
///
/// # Errors
/// There is none (`WouldBlock`), or the socket has failed.
pub fn receive_with_files(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(Datagram, Vec<OwnedFd>)> {
    let mut control = Control([0; 256]);
    let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: `msghdr` is plain numbers and pointers, for which zero is "not used".
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points to the two buffers above, with their lengths, and both outlive
    // the call.
    let length = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let (mut sender, mut files) = (None, Vec::new());
    // SAFETY: the header is as the kernel left it; the macros walk the control messages in the
    // buffer that it filled in, and payloads are read unaligned within their lengths. Descriptors
    // in them are this process's from now on, and nobody else's.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(found) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            let size = found.cmsg_len - (data as usize - message as usize);
            match (found.cmsg_level, found.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if size >= size_of::<libc::ucred>() => {
                    let who: libc::ucred = data.cast::<libc::ucred>().read_unaligned();
                    sender = Some(Credentials::of(who));
                }
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..size / size_of::<libc::c_int>() {
                        let file = data.cast::<libc::c_int>().add(index).read_unaligned();
                        files.push(OwnedFd::from_raw_fd(file));
                    }
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(&raw const header, message);
        }
    }
    Ok((Datagram { length, is_whole: header.msg_flags & libc::MSG_TRUNC == 0, sender }, files))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    fn own() -> Credentials {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Credentials { pid: std::process::id(), uid, gid }
    }

    #[test]
    fn a_process_of_another_namespace_has_no_id() {
        let elsewhere = Credentials::of(libc::ucred { pid: 0, uid: 7, gid: 8 });
        assert_eq!(elsewhere, Credentials { pid: 0, uid: 7, gid: 8 });
    }

    #[test]
    fn a_datagram_in_the_name_of_another_process() {
        let name = format!("berth-send-as-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        rustix::net::sockopt::set_socket_passcred(&receiver, true).unwrap();
        send_as(own().pid.cast_signed(), &format!("@{name}"), b"READY=1").unwrap();
        let mut buffer = [0; 16];
        let datagram = receive(&receiver, &mut buffer).unwrap();
        assert_eq!(datagram, Datagram { length: 7, is_whole: true, sender: Some(own()) });
        assert!(send_as(0, "@nobody-is-there", b"x").is_err());
    }

    #[test]
    fn the_kernel_tells_who_sent_a_datagram() {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        rustix::net::sockopt::set_socket_passcred(&receiver, true).unwrap();
        sender.send(b"READY=1").unwrap();
        let mut buffer = [0; 4];
        let datagram = receive(&receiver, &mut buffer).unwrap();
        assert_eq!(datagram, Datagram { length: 4, is_whole: false, sender: Some(own()) });
        assert_eq!(receive(&receiver, &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn the_kernel_tells_who_connected() {
        let (a, _b) = UnixStream::pair().unwrap();
        assert_eq!(peer(&a).unwrap(), own());
    }
}
