//! What is asked of the kernel for network interfaces, by rtnetlink(7): a request, and its answer. The kernel gives it
//! within the call.

use std::io;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

/// Message types and flags (Linux, include/uapi/linux/rtnetlink.h and netlink.h).
const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
const NEW_LINK: u16 = 16;
const NEW_PROPERTY: u16 = 108;
const REMOVE_PROPERTY: u16 = 109;
const ERROR: u16 = 2;
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const CREATE_ONE_MORE: u16 = 0x200 | 0x400 | 0x800;
const HEADER: usize = 16;
const LINK: usize = 16;

/// Attributes of links (include/uapi/linux/if_link.h).
const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const ALIAS: u16 = 20;
const PROPERTIES: u16 = 52 | NESTED;
const OTHER_NAME: u16 = 53;
const PERMANENT_ADDRESS: u16 = 54;
const NESTED: u16 = 0x8000;

/// What only the kernel's message says of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The address that it was made with.
    pub permanent_mac: String,
    /// `bridge`, `veth` ...
    pub kind: String,
}

/// The socket.
#[derive(Debug)]
pub struct Kernel(OwnedFd);

impl Kernel {
    /// Opens it.
    ///
    /// # Errors
    /// The kernel gives none.
    pub fn open() -> Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        // NETLINK_ROUTE is protocol 0.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)
            .context("cannot open rtnetlink")?;
        bind(&socket, &SocketAddrNetlink::new(0, 0)).context("cannot open rtnetlink")?;
        Ok(Self(socket))
    }

    /// Asks what an interface is.
    ///
    /// # Errors
    /// It is gone.
    pub fn details(&self, index: u32) -> io::Result<Details> {
        let answer = self.ask(GET_LINK, 0, index, &[])?;
        let mut details = Details::default();
        for (kind, value) in attributes(answer.get(HEADER + LINK..).unwrap_or_default()) {
            match kind {
                PERMANENT_ADDRESS => {
                    let bytes: Vec<String> = value.iter().map(|byte| format!("{byte:02x}")).collect();
                    details.permanent_mac = bytes.join(":");
                }
                INFO => {
                    let kind = attributes(value).find(|(kind, _)| *kind == INFO_KIND);
                    details.kind = kind.map(|(_, text)| string(text)).unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok(details)
    }

    /// Gives it another name. A further name that it has may become its name.
    ///
    /// # Errors
    /// Another has this name, or it is gone.
    pub fn rename(&self, index: u32, name: &str) -> io::Result<()> {
        let rename = || self.ask(SET_LINK, 0, index, &attribute(NAME, &text(name))).map(drop);
        match rename() {
            // The kernel takes a further name of the interface itself for another's.
            Err(error)
                if error.raw_os_error() == Some(Errno::EXIST.raw_os_error())
                    && self.remove_name(index, name).is_ok() =>
            {
                rename()
            }
            done => done,
        }
    }

    /// Gives it a further name.
    ///
    /// # Errors
    /// Another has this name, or it is gone.
    pub fn add_name(&self, index: u32, name: &str) -> io::Result<()> {
        self.ask(NEW_PROPERTY, CREATE_ONE_MORE, index, &further(name)).map(drop)
    }

    /// Takes a further name from it.
    ///
    /// # Errors
    /// It has no such name, or is gone.
    fn remove_name(&self, index: u32, name: &str) -> io::Result<()> {
        self.ask(REMOVE_PROPERTY, 0, index, &further(name)).map(drop)
    }

    /// Sets its hardware address.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn set_mac(&self, index: u32, mac: [u8; 6]) -> io::Result<()> {
        self.ask(SET_LINK, 0, index, &attribute(ADDRESS, &mac)).map(drop)
    }

    /// Sets the largest packet that it sends.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn set_mtu(&self, index: u32, mtu: u32) -> io::Result<()> {
        self.ask(SET_LINK, 0, index, &attribute(MTU, &mtu.to_ne_bytes())).map(drop)
    }

    /// Sets the text that people know it by.
    ///
    /// # Errors
    /// It is gone.
    pub fn set_alias(&self, index: u32, alias: &str) -> io::Result<()> {
        self.ask(SET_LINK, 0, index, &attribute(ALIAS, alias.as_bytes())).map(drop)
    }

    fn ask(&self, kind: u16, flags: u16, index: u32, attributes: &[u8]) -> io::Result<Vec<u8>> {
        send(&self.0, &request(kind, flags, index, attributes), SendFlags::empty())?;
        let mut buffer = vec![0; 32 << 10];
        loop {
            let length = match recv(&self.0, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, length)) => length,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let message = &buffer[..length];
            match message.get(4..6).map(|kind| u16::from_ne_bytes([kind[0], kind[1]])) {
                Some(ERROR) => {
                    let code = message.get(HEADER..HEADER + 4).and_then(|code| code.try_into().ok());
                    return match i32::from_ne_bytes(code.unwrap_or_default()) {
                        0 => Ok(vec![]),
                        code => Err(io::Error::from_raw_os_error(-code)),
                    };
                }
                // With what was asked for, the acknowledgement comes after it.
                Some(NEW_LINK) => {
                    let found = message.to_vec();
                    let _ = recv(&self.0, &mut buffer[..], RecvFlags::DONTWAIT);
                    return Ok(found);
                }
                _ => {}
            }
        }
    }
}

fn request(kind: u16, flags: u16, index: u32, attributes: &[u8]) -> Vec<u8> {
    let length = HEADER + LINK + attributes.len();
    let mut message = Vec::with_capacity(length);
    message.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&(REQUEST | ACKNOWLEDGE | flags).to_ne_bytes());
    // Sequence number and port: one request is under way at a time.
    message.extend_from_slice(&[0; 8]);
    // struct ifinfomsg: family, padding and type, index, flags, which of them change.
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&index.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(attributes);
    message
}

/// One attribute, padded to four bytes.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + value.len());
    out.extend_from_slice(&u16::try_from(4 + value.len()).unwrap_or(4).to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// A name beside an interface's own.
fn further(name: &str) -> Vec<u8> {
    attribute(PROPERTIES, &attribute(OTHER_NAME, &text(name)))
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [a, b, c, d, ..] = *rest else { return None };
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([c, d]) & !NESTED, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_as_they_are_read() {
        let bytes =
            [attribute(NAME, &text("eth0")), attribute(PROPERTIES, &attribute(OTHER_NAME, b"abc"))].concat();
        let read: Vec<_> = attributes(&bytes).collect();
        assert_eq!((read[0].0, string(read[0].1).as_str()), (NAME, "eth0"));
        assert_eq!(attributes(read[1].1).collect::<Vec<_>>(), [(OTHER_NAME, &b"abc"[..])]);
        assert_eq!(bytes.len() % 4, 0);
        for broken in [&b"\x03\0\0\0"[..], b"\xff\xff\0\0", b"\x04\0"] {
            assert_eq!(attributes(broken).count(), 0, "{broken:?}");
        }
    }

    #[test]
    fn the_kernel_tells_of_loopback() {
        let kernel = Kernel::open().unwrap();
        assert_eq!(kernel.details(1).unwrap(), Details::default());
        assert_eq!(
            kernel.details(0x7fff_0000).unwrap_err().raw_os_error(),
            Some(Errno::NODEV.raw_os_error())
        );
    }
}
