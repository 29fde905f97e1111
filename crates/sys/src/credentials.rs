//! Who is at the other end of a Unix socket (unix(7)).
//!
//! A process of another PID namespace has the id 0 here, which is why the types of libraries that
//! hold ids as never zero do not do.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixDatagram;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, UCred};

/// The user that connected to a stream socket.
///
/// # Errors
/// It is no connected Unix socket.
pub fn peer_uid(socket: impl AsFd) -> io::Result<u32> {
    peer(socket).map(|(_, uid)| uid)
}

/// The process (0 where it has no id in this namespace) and the user that connected to a stream
/// socket.
///
/// # Errors
/// It is no connected Unix socket.
pub fn peer(socket: impl AsFd) -> io::Result<(i32, u32)> {
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
        0 => Ok((peer.pid, peer.uid)),
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
    /// The process that sent it; none where the kernel does not say, or where it has no id in
    /// this namespace.
    pub sender: Option<i32>,
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

/// Room for the sender's credentials, and for descriptors that nobody asked for; aligned as
/// control messages must be.
#[repr(align(8))]
struct Control([u8; 256]);

/// Reads a datagram from a socket that has SO_PASSCRED set, without waiting. Descriptors that
/// come with it are closed.
///
/// # Errors
/// There is none (`WouldBlock`), or the socket has failed.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Datagram> {
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
    let mut sender = None;
    // SAFETY: the header is as the kernel left it; the macros walk the control messages in the
    // buffer that it filled in, and payloads are read unaligned within their lengths.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(found) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            let size = found.cmsg_len - (data as usize - message as usize);
            match (found.cmsg_level, found.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if size >= size_of::<libc::ucred>() => {
                    let who: libc::ucred = data.cast::<libc::ucred>().read_unaligned();
                    sender = Some(who.pid).filter(|pid| *pid > 0);
                }
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..size / size_of::<libc::c_int>() {
                        libc::close(data.cast::<libc::c_int>().add(index).read_unaligned());
                    }
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(&raw const header, message);
        }
    }
    Ok(Datagram { length, is_whole: header.msg_flags & libc::MSG_TRUNC == 0, sender })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    #[test]
    fn a_datagram_in_the_name_of_another_process() {
        let name = format!("berth-send-as-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let receiver = UnixDatagram::bind_addr(&address).unwrap();
        rustix::net::sockopt::set_socket_passcred(&receiver, true).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        send_as(own, &format!("@{name}"), b"READY=1").unwrap();
        let mut buffer = [0; 16];
        let datagram = receive(&receiver, &mut buffer).unwrap();
        assert_eq!(datagram, Datagram { length: 7, is_whole: true, sender: Some(own) });
        assert!(send_as(0, "@nobody-is-there", b"x").is_err());
    }

    #[test]
    fn the_kernel_tells_who_sent_a_datagram() {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        rustix::net::sockopt::set_socket_passcred(&receiver, true).unwrap();
        sender.send(b"READY=1").unwrap();
        let mut buffer = [0; 4];
        let datagram = receive(&receiver, &mut buffer).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(datagram, Datagram { length: 4, is_whole: false, sender: Some(own) });
        assert_eq!(receive(&receiver, &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn the_kernel_tells_who_connected() {
        let (a, _b) = UnixStream::pair().unwrap();
        assert_eq!(peer_uid(&a).unwrap(), rustix::process::geteuid().as_raw());
    }
}
