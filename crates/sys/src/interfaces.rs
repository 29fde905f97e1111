//! Network interfaces and their addresses (getifaddrs(3)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of an interface, or an interface without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The interface's name.
    pub name: String,
    /// Whether it is switched on and has a carrier.
    pub running: bool,
    /// Whether it is the loopback interface.
    pub loopback: bool,
    /// Its addresses, with the lengths of their prefixes, in the kernel's order.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// The interfaces of this network namespace, in the kernel's order.
///
/// # Errors
/// The kernel does not tell.
pub fn list() -> io::Result<Vec<Interface>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: it fills in the pointer to a list, which is freed below and not used afterwards.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found: Vec<Interface> = Vec::new();
    let mut next = first;
    // SAFETY: the list is as getifaddrs made it: each element, its name and its addresses are valid
    // until it is freed.
    while let Some(element) = unsafe { next.as_ref() } {
        next = element.ifa_next;
        // SAFETY: as above; the name ends in a zero byte.
        let name = unsafe { std::ffi::CStr::from_ptr(element.ifa_name) }.to_string_lossy().into_owned();
        let flags = element.ifa_flags as libc::c_int;
        let index = found.iter().position(|interface| interface.name == name).unwrap_or_else(|| {
            found.push(Interface {
                name,
                running: flags & libc::IFF_UP != 0 && flags & libc::IFF_RUNNING != 0,
                loopback: flags & libc::IFF_LOOPBACK != 0,
                addresses: Vec::new(),
            });
            found.len() - 1
        });
        // SAFETY: as above.
        let (address, mask) = unsafe { (address(element.ifa_addr), address(element.ifa_netmask)) };
        if let Some(address) = address {
            found[index].addresses.push((address, mask.map_or(0, prefix)));
        }
    }
    // SAFETY: it was made by getifaddrs, and nothing of it is held.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// The internet address in a socket address.
///
/// # Safety
/// The pointer is null or leads to a socket address that is whole for its family.
unsafe fn address(from: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: by the caller's word; read unaligned, since the bytes are of a packed list.
    unsafe {
        match i32::from(from.as_ref()?.sa_family) {
            libc::AF_INET => {
                let address = from.cast::<libc::sockaddr_in>().read_unaligned().sin_addr.s_addr;
                Some(IpAddr::V4(Ipv4Addr::from(address.to_ne_bytes())))
            }
            libc::AF_INET6 => {
                let address = from.cast::<libc::sockaddr_in6>().read_unaligned().sin6_addr.s6_addr;
                Some(IpAddr::V6(Ipv6Addr::from(address)))
            }
            _ => None,
        }
    }
}

/// The length of the prefix that a mask stands for.
fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    u8::try_from(ones).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_its_address() {
        let found = list().unwrap();
        let loopback = found.iter().find(|interface| interface.loopback).unwrap();
        assert_eq!(loopback.name, "lo");
        // A namespace of its own may have it down and without address.
        if loopback.running {
            assert!(loopback.addresses.contains(&(IpAddr::V4(Ipv4Addr::LOCALHOST), 8)), "{found:?}");
        }
    }
}
