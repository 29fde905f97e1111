//! Addresses to listen on: a path, `@abstract`, a port, `1.2.3.4:80`, `[::1]:80`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The longest path or name of a Unix socket (unix(7)).
const UNIX_MAX: usize = 107;

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket in the file system.
    Path(String),
    /// A Unix socket with a name of its own, written with an `@` in front.
    Abstract(String),
    /// A port on every address, of IPv6 and IPv4.
    Port(u16),
    /// A port on one address.
    Ip(SocketAddr),
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// None of the forms.
    #[error("{0:?} is not an address: expected /PATH, @NAME, PORT, 1.2.3.4:PORT or [::1]:PORT")]
    Form(String),
    /// A port is a number from 1.
    #[error("{0:?} is not a port (1 to 65535)")]
    Port(String),
    /// Longer than the kernel takes.
    #[error("the path or name is longer than {UNIX_MAX} bytes")]
    Long,
    /// A kind that is not built.
    #[error("vsock addresses are not supported yet")]
    Vsock,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// It has none of the forms, or a port or length out of bounds.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let form = || AddressError::Form(text.to_owned());
        if text.starts_with("vsock:") {
            return Err(AddressError::Vsock);
        }
        if text.len() > UNIX_MAX && text.starts_with(['/', '@']) {
            return Err(AddressError::Long);
        }
        if text.contains('\0') {
            return Err(form());
        }
        if text.starts_with('/') {
            return Ok(Address::Path(text.to_owned()));
        }
        if let Some(name) = text.strip_prefix('@') {
            return if name.is_empty() { Err(form()) } else { Ok(Address::Abstract(name.to_owned())) };
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return port(text).map(Address::Port);
        }
        let (host, port_text) = text.rsplit_once(':').ok_or_else(form)?;
        let ip: IpAddr = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => IpAddr::V6(host.parse().map_err(|_| form())?),
            None => IpAddr::V4(host.parse().map_err(|_| form())?),
        };
        Ok(Address::Ip(SocketAddr::new(ip, port(port_text)?)))
    }

    /// The path, where it has one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Address::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Whether it is a Unix socket's.
    pub fn is_unix(&self) -> bool {
        matches!(self, Address::Path(_) | Address::Abstract(_))
    }
}

fn port(text: &str) -> Result<u16, AddressError> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| AddressError::Port(text.to_owned()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Path(path) => f.write_str(path),
            Address::Abstract(name) => write!(f, "@{name}"),
            Address::Port(port) => write!(f, "{port}"),
            Address::Ip(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_form() {
        let cases = [
            ("/run/a.sock", Address::Path("/run/a.sock".into())),
            ("@name", Address::Abstract("name".into())),
            ("8080", Address::Port(8080)),
            ("127.0.0.1:80", Address::Ip("127.0.0.1:80".parse().unwrap())),
            ("[::1]:80", Address::Ip("[::1]:80".parse().unwrap())),
        ];
        for (text, address) in cases {
            assert_eq!(Address::parse(text), Ok(address), "{text}");
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!("/{}", "x".repeat(107));
        let cases = [
            ("", "is not an address"),
            ("@", "is not an address"),
            ("run/a", "is not an address"),
            ("localhost:80", "is not an address"),
            ("::1:80", "is not an address"),
            ("[1.2.3.4]:80", "is not an address"),
            ("0", "is not a port"),
            ("65536", "is not a port"),
            ("1.2.3.4:x", "is not a port"),
            ("vsock:2:80", "not supported yet"),
            (&long, "longer than 107"),
        ];
        for (text, expected) in cases {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_what_is_read_reads_back(text in "(\\PC*|[0-9:.@/\\[\\]a-f]{0,24})") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
    }
}
