//! `[Address]`.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::sections::{Fault, Section, Warning};
use crate::config::value::{self, Subnet};

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address and its network.
    pub subnet: Subnet,
    /// The other end, where it is not the network.
    pub peer: Option<Subnet>,
    /// IPv4's address for all; `None`: the last of the network.
    pub broadcast: Option<Ipv4Addr>,
    /// IPv4's label.
    pub label: Option<String>,
    /// Whether new connections may come from it.
    pub preferred: bool,
    /// The kernel's scope: 0 is global, 253 the link, 254 the host. `None`: as the address is.
    pub scope: Option<u8>,
    /// Metric of the network's route.
    pub metric: Option<u32>,
    /// Whether there is a route to the network.
    pub prefix_route: bool,
    /// Whether it is looked for in use elsewhere first (IPv6).
    pub detects_duplicates: bool,
    /// Whether the kernel makes temporary addresses of it (IPv6).
    pub temporary: bool,
}

impl Address {
    /// An address with nothing special.
    pub fn of(subnet: Subnet) -> Self {
        Self {
            subnet,
            peer: None,
            broadcast: None,
            label: None,
            preferred: true,
            scope: None,
            metric: None,
            prefix_route: true,
            detects_duplicates: true,
            temporary: false,
        }
    }
}

pub fn read(section: &Section, warnings: &mut Vec<Warning>, list: &mut Vec<Address>) {
    let mut address = Address::of(Subnet::everything(false));
    let mut subnet = None;
    section.each(warnings, |key, value| {
        match key {
            "Address" => subnet = Some(value::subnet(value)?),
            "Peer" => address.peer = Some(value::subnet(value)?),
            "Broadcast" => match value::boolean(value) {
                Ok(true) => address.broadcast = None,
                Ok(false) => return Err(Fault::Value("not built".into())),
                Err(_) => address.broadcast = Some(value::number(value, "an IPv4 address")?),
            },
            "Label" => match value.len() {
                1..=15 => address.label = Some(value.to_owned()),
                _ => return Err(Fault::Value("no label of 1 to 15 characters".into())),
            },
            "PreferredLifetime" => {
                let words = [("forever", true), ("infinity", true), ("0", false)];
                address.preferred = value::word(value, &words)?;
            }
            "Scope" => address.scope = Some(scope(value)?),
            "RouteMetric" => address.metric = Some(value::number(value, "a number")?),
            "AddPrefixRoute" => address.prefix_route = value::boolean(value)?,
            "DuplicateAddressDetection" => {
                let words = [("ipv6", true), ("none", false), ("both", true), ("ipv4", false)];
                address.detects_duplicates = value::word(value, &words)?;
                if matches!(value, "both" | "ipv4") {
                    return Err(Fault::Value("detection for IPv4 is not built; that part is".into()));
                }
            }
            "ManageTemporaryAddress" => address.temporary = value::boolean(value)?,
            _ => return Err(Fault::Key),
        }
        Ok(())
    });
    match subnet {
        Some(subnet) if address.peer.is_none_or(|peer| is_same_family(peer.address, subnet.address)) => {
            list.push(Address { subnet, ..address });
        }
        Some(_) => section.warn(warnings, "Address= and Peer= are of two families; the section is ignored"),
        None => section.warn(warnings, "[Address] has no Address= that counts; the section is ignored"),
    }
}

/// A scope, by its name or number (the kernel's rt_scopes).
pub fn scope(value: &str) -> Result<u8, Fault> {
    match value {
        "global" => Ok(0),
        "site" => Ok(200),
        "link" => Ok(253),
        "host" => Ok(254),
        "nowhere" => Ok(255),
        _ => value::number(value, "one of global, link, host, or a number to 255"),
    }
}

pub fn is_same_family(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
}
