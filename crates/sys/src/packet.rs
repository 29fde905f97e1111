//! Packet sockets (packet(7)): IPv4 packets of one network interface, below the kernel's own
//! handling. A DHCP client needs them to talk before it has an address.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// One instruction of a classic BPF program (the kernel's Documentation/networking/filter.rst).
pub use libc::sock_filter as FilterInstruction;

/// IPv4's number among Ethernet types.
const ETH_P_IP: u16 = 0x0800;
const BROADCAST: [u8; 6] = [0xff; 6];

/// A non-blocking socket that sends and receives IPv4 packets on one interface; the kernel adds
/// and takes off the link header.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    index: i32,
}

impl PacketSocket {
    /// Opens a socket on the interface of this index. Only packets that `filter` accepts wake it;
    /// offsets in the filter count from the IP header.
    ///
    /// # Errors
    /// The process may not (CAP_NET_RAW), or the interface is gone.
    pub fn open(index: u32, filter: &[FilterInstruction]) -> io::Result<Self> {
        let index = i32::try_from(index).map_err(io::Error::other)?;
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // Protocol 0: nothing is received before the filter is there and bind names the protocol.
        // SAFETY: takes integers only.
        let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
        // SAFETY: the kernel has just given this descriptor, and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).map_err(io::Error::other)?,
            filter: filter.as_ptr().cast_mut(),
        };
        // SAFETY: the kernel reads `len` instructions at `filter`, which outlives the call, and
        // writes nothing there.
        check(unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of::<libc::sock_fprog>() as libc::socklen_t,
            )
        })?;
        let socket = Self { fd, index };
        let address = socket.address([0; 6]);
        // SAFETY: the address is a whole sockaddr_ll of the length given.
        check(unsafe {
            libc::bind(
                socket.fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        })?;
        Ok(socket)
    }

    /// Sends one packet, from its IP header on, to every station of the link.
    ///
    /// # Errors
    /// The link is down or its queue full.
    pub fn broadcast(&self, packet: &[u8]) -> io::Result<()> {
        let address = self.address(BROADCAST);
        // SAFETY: the kernel reads `packet` and the address, each of the length given.
        let sent = unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                0,
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Takes one packet, from its IP header on, without waiting; one that is longer than
    /// `buffer` is cut. `None` where none is there.
    ///
    /// # Errors
    /// The link is gone or down.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match rustix::net::recv(&self.fd, buffer, rustix::net::RecvFlags::DONTWAIT) {
            Ok((_, length)) => Ok(Some(length)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn address(&self, station: [u8; 6]) -> libc::sockaddr_ll {
        // SAFETY: sockaddr_ll is plain integers, for which all zeros is a value.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = ETH_P_IP.to_be();
        address.sll_ifindex = self.index;
        address.sll_halen = station.len() as u8;
        address.sll_addr[..station.len()].copy_from_slice(&station);
        address
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
