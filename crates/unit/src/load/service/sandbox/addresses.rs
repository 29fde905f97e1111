//! `IPAddressAllow=` and `IPAddressDeny=` (systemd.resource-control(5)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::load::setter::{Outcome, Setter};
use crate::service::sandbox::Prefix;

/// Words for addresses, in both families.
const WORDS: [(&str, Ipv4Addr, u8, Ipv6Addr, u8); 4] = [
    ("any", Ipv4Addr::UNSPECIFIED, 0, Ipv6Addr::UNSPECIFIED, 0),
    ("localhost", Ipv4Addr::new(127, 0, 0, 0), 8, Ipv6Addr::LOCALHOST, 128),
    ("link-local", Ipv4Addr::new(169, 254, 0, 0), 16, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64),
    ("multicast", Ipv4Addr::new(224, 0, 0, 0), 4, Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Adds to a list; an empty value empties it.
pub(super) fn add(list: &mut Vec<Prefix>, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        list.clear();
        return Ok(());
    }
    for word in setter.words()? {
        match WORDS.iter().find(|(name, ..)| *name == word) {
            Some((_, four, four_length, six, six_length)) => {
                list.push(Prefix { address: (*four).into(), length: *four_length });
                list.push(Prefix { address: (*six).into(), length: *six_length });
            }
            None => list.push(prefix(&word)?),
        }
    }
    Ok(())
}

fn prefix(word: &str) -> Outcome<Prefix> {
    let wrong = || format!("{word:?} is no address, and none of any, localhost, link-local, multicast");
    let (address, length) =
        word.split_once('/').map_or((word, None), |(address, rest)| (address, Some(rest)));
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => most,
        Some(text) => text.parse().ok().filter(|length| *length <= most).ok_or_else(wrong)?,
    };
    Ok(Prefix { address, length })
}
