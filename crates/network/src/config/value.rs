//! Values of keys.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::sections::Fault;

/// An address with the length of its network's prefix, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subnet {
    /// The address.
    pub address: IpAddr,
    /// The prefix's length.
    pub prefix: u8,
}

impl Subnet {
    /// The default route's destination.
    pub fn everything(is_ipv6: bool) -> Self {
        let address = if is_ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        Self { address, prefix: 0 }
    }

    /// Reads `ADDRESS/PREFIX`; without a prefix it is the address alone.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.trim(), Some(prefix.trim())),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(text) if text.contains('.') => prefix_of(text.parse().ok()?)?,
            Some(text) => text.parse().ok().filter(|prefix| *prefix <= longest)?,
        };
        Some(Self { address, prefix })
    }

    /// The network that the address is in.
    pub fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                Ipv4Addr::from(u32::from(address) & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                Ipv6Addr::from(u128::from(address) & mask).into()
            }
        };
        Self { address, ..self }
    }

    /// Whether an address is in the same network.
    pub fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && Self { address, ..self }.network() == self.network()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Length of the prefix that a mask stands for.
pub fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let mask = u32::from(mask);
    let ones = mask.leading_ones();
    (ones + mask.trailing_zeros() >= 32).then_some(ones as u8)
}

/// Reads anything that has a text form; `what` is what was expected, with its article.
pub fn number<T: FromStr>(value: &str, what: &str) -> Result<T, Fault> {
    value.parse().map_err(|_| Fault::Value(format!("not {what}")))
}

pub fn address(value: &str) -> Result<IpAddr, Fault> {
    number(value, "an IP address")
}

pub fn subnet(value: &str) -> Result<Subnet, Fault> {
    Subnet::parse(value)
        .ok_or_else(|| Fault::Value("not an address with a prefix, such as 192.0.2.7/24".into()))
}

pub fn boolean(value: &str) -> Result<bool, Fault> {
    unit::text::value::boolean(value).map_err(|_| Fault::Value("neither yes nor no".into()))
}

/// Reads a size with K, M or G (powers of 1024).
pub fn bytes(value: &str) -> Result<u32, Fault> {
    let bytes = unit::text::value::bytes(value).and_then(|bytes| u32::try_from(bytes).ok());
    bytes.ok_or_else(|| Fault::Value("not a size in bytes".into()))
}

/// Reads a time span, in milliseconds.
pub fn milliseconds(value: &str) -> Result<u32, Fault> {
    let span = unit::text::value::time_span(value).ok().and_then(unit::text::value::Bound::finite);
    let ms = span.and_then(|span| u32::try_from(span.as_millis()).ok());
    ms.ok_or_else(|| Fault::Value("not a time span, such as 100ms".into()))
}

pub fn mac(value: &str) -> Result<[u8; 6], Fault> {
    let bad = || Fault::Value("not a hardware address, such as 52:54:00:12:34:56".into());
    let bytes: Result<Vec<u8>, _> =
        value.split([':', '-']).map(|part| u8::from_str_radix(part, 16)).collect();
    bytes.ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(bad)
}

pub fn interface(value: &str) -> Result<String, Fault> {
    match devices::net::is_valid_name(value, false) {
        true => Ok(value.to_owned()),
        false => Err(Fault::Value("not a name that an interface may have".into())),
    }
}

/// One of some words.
pub fn word<T: Copy>(value: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Fault::Value(format!("not one of {}", words.join(", ")))
    })
}

/// A list that grows with each line, and is emptied by an empty one. Words that make no sense are named; the
/// others count.
pub fn extend<T>(
    list: &mut Vec<T>,
    value: &str,
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<(), Fault> {
    if value.is_empty() {
        list.clear();
    }
    let mut faults = Vec::new();
    for word in value.split_whitespace() {
        match read(word) {
            Ok(item) => list.push(item),
            Err(Fault::Value(text)) => faults.push(format!("{word} is {text}")),
            Err(Fault::Key) => return Err(Fault::Key),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Fault::Value(faults.join("; "))) }
}

/// A number of a routing table, or its name (the kernel's rt_tables).
pub fn table(value: &str) -> Result<u32, Fault> {
    match value {
        "default" => Ok(253),
        "main" => Ok(254),
        "local" => Ok(255),
        _ => number(value, "a routing table: default, main, local or a number"),
    }
}
