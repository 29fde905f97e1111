//! `[Match]`, `[Link]` and `[Network]`.

use devices::net::matching::Match;

use super::client::{Dhcp4, RouterAdvertisements};
use super::{Activation, Address, Family, Gateway, Link, Network, Required, Route};
use crate::config::sections::Fault;
use crate::config::value;
use crate::name::is_domain;

/// What is only put together at the end, since sections come in any order.
#[derive(Debug, Default)]
pub struct Assigned {
    pub runs_dhcp4: bool,
    pub dhcp4: Dhcp4,
    pub accepts_ra: Option<bool>,
    pub ra: RouterAdvertisements,
}

pub fn matching(matching: &mut Match, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "Name" => matching.assign("OriginalName", value).map_err(Fault::Value),
        "OriginalName" => Err(Fault::Key),
        "SSID" | "BSSID" | "WLANInterfaceType" => {
            matching.never = true;
            Err(Fault::Value("not built: the file is for no interface; the line is".into()))
        }
        _ => matching.assign(key, value).map_err(|text| match text.starts_with("unknown") {
            true => Fault::Key,
            false => Fault::Value(text),
        }),
    }
}

pub fn link(link: &mut Link, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "MACAddress" => link.mac = Some(value::mac(value)?),
        "MTUBytes" => link.mtu = Some(value::bytes(value)?),
        "ARP" => link.arp = Some(value::boolean(value)?),
        "Multicast" => link.multicast = Some(value::boolean(value)?),
        "AllMulticast" => link.all_multicast = Some(value::boolean(value)?),
        "Promiscuous" => link.promiscuous = Some(value::boolean(value)?),
        "Unmanaged" => link.unmanaged = value::boolean(value)?,
        "ActivationPolicy" => {
            let words = [
                ("up", Activation::Up),
                ("always-up", Activation::AlwaysUp),
                ("down", Activation::Down),
                ("manual", Activation::Manual),
            ];
            link.activation = value::word(value, &words)?;
        }
        "RequiredForOnline" => {
            // Also a lowest operational state, or a range of them.
            let states =
                ["off", "no-carrier", "dormant", "degraded-carrier", "carrier", "degraded", "routable"];
            let is_state = value
                .split(':')
                .all(|state| ["missing", "enslaved"].contains(&state) || states.contains(&state));
            link.required = match value::boolean(value) {
                Ok(false) => Required::No,
                Ok(true) => Required::Yes,
                Err(_) if is_state => Required::Yes,
                Err(_) => return Err(Fault::Value("neither yes, no nor a state such as routable".into())),
            };
            if is_state && !matches!(value, "degraded" | "routable") {
                return Err(Fault::Value(
                    "read as yes: lower and upper states are not built; the state is".into(),
                ));
            }
        }
        "RequiredFamilyForOnline" => {
            let words = [
                ("any", None),
                ("ipv4", Some(Family::Ipv4)),
                ("ipv6", Some(Family::Ipv6)),
                ("both", Some(Family::Both)),
            ];
            link.required_family = value::word(value, &words)?;
        }
        _ => return Err(Fault::Key),
    }
    Ok(())
}

pub fn network(network: &mut Network, assigned: &mut Assigned, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "Description" => {}
        "DHCP" => {
            let words = [("ipv4", true), ("ipv6", false), ("v4", true), ("both", true), ("none", false)];
            assigned.runs_dhcp4 = match value::boolean(value) {
                Ok(is_on) => is_on,
                Err(_) => value::word(value, &words)
                    .map_err(|_| Fault::Value("not one of yes, no, ipv4, ipv6".into()))?,
            };
        }
        "Address" if value.is_empty() => network.addresses.clear(),
        "Address" => network.addresses.push(Address::of(value::subnet(value)?)),
        "Gateway" if value.is_empty() => network.routes.retain(|route| route.gateway.is_none()),
        "Gateway" => network.routes.push(Route::default_by(gateway(value)?)),
        "DNS" => return value::extend(&mut network.dns, value, name_server),
        "NTP" => return value::extend(&mut network.ntp, value, |word| Ok(word.to_owned())),
        "Domains" => return value::extend(&mut network.domains, value, domain),
        "IPv6AcceptRA" | "IPv6AcceptRouterAdvertisements" => {
            assigned.accepts_ra = Some(value::boolean(value)?)
        }
        "LinkLocalAddressing" => {
            let words = [
                ("ipv6", true),
                ("ipv4", false),
                ("yes", true),
                ("no", false),
                ("fallback", true),
                ("ipv4-fallback", false),
            ];
            network.ipv6_link_local = Some(match value::boolean(value) {
                Ok(is_on) => is_on,
                Err(_) => value::word(value, &words)?,
            });
            if value.contains("ipv4") || value == "fallback" || value::boolean(value) == Ok(true) {
                return Err(Fault::Value("IPv4 link-local addresses are not built; that part is".into()));
            }
        }
        "VLAN" | "VXLAN" | "MACVLAN" => return value::extend(&mut network.stacked, value, value::interface),
        "Bridge" | "Bond" => network.master = Some(value::interface(value)?),
        "ConfigureWithoutCarrier" => network.without_carrier = value::boolean(value)?,
        // What was set stays without a carrier, and when the daemon ends.
        "IgnoreCarrierLoss" if value::boolean(value) == Ok(true) => {}
        "IgnoreCarrierLoss" => {
            return Err(Fault::Value("only yes is built: what was set stays; the line is".into()));
        }
        "KeepConfiguration" => {
            let words = [
                ("yes", ()),
                ("static", ()),
                ("dhcp-on-stop", ()),
                ("dhcp", ()),
                ("dynamic", ()),
                ("dynamic-on-stop", ()),
                ("no", ()),
            ];
            value::word(value, &words)?;
        }
        "DefaultRouteOnDevice" => {
            if value::boolean(value)? {
                network.routes.push(Route::default());
            }
        }
        "IPForward" => {
            let words =
                [("ipv4", &["ipv4"][..]), ("ipv6", &["ipv6"]), ("yes", &["ipv4", "ipv6"]), ("no", &[])];
            let value = match value::boolean(value) {
                Ok(true) => "yes",
                Ok(false) => "no",
                Err(_) => value,
            };
            network.forwarding = value::word(value, &words)?.to_vec();
        }
        "IPv4Forwarding" | "IPv6Forwarding" => {
            let family = if key == "IPv4Forwarding" { "ipv4" } else { "ipv6" };
            network.forwarding.retain(|known| *known != family);
            if value::boolean(value)? {
                network.forwarding.push(family);
            }
        }
        "IPv6PrivacyExtensions" => {
            let words = [("prefer-public", "1"), ("kernel", "")];
            let mode = match value::boolean(value) {
                Ok(true) => "2",
                Ok(false) => "0",
                Err(_) => value::word(value, &words)?,
            };
            if !mode.is_empty() {
                network.sysctls.push(("ipv6", "use_tempaddr", mode.to_owned()));
            }
        }
        "IPv6DuplicateAddressDetection" => {
            let probes: u32 = value::number(value, "a number of probes")?;
            network.sysctls.push(("ipv6", "dad_transmits", probes.to_string()));
        }
        "IPv6HopLimit" => {
            let hops: u8 = value::number(value, "a number from 1 to 255")?;
            network.sysctls.push(("ipv6", "hop_limit", hops.to_string()));
        }
        "IPv6MTUBytes" => network.sysctls.push(("ipv6", "mtu", value::bytes(value)?.max(1280).to_string())),
        "IPv4ReversePathFilter" => {
            let mode = value::word(value, &[("no", "0"), ("strict", "1"), ("loose", "2")])?;
            network.sysctls.push(("ipv4", "rp_filter", mode.to_owned()));
        }
        _ => match SWITCHES.iter().find(|(name, ..)| *name == key) {
            Some((_, family, name)) => {
                let is_on = value::boolean(value)?;
                network.sysctls.push((family, name, u8::from(is_on).to_string()));
            }
            None => return Err(Fault::Key),
        },
    }
    Ok(())
}

/// Keys that switch a setting of the kernel.
const SWITCHES: [(&str, &str, &str); 6] = [
    ("IPv6ProxyNDP", "ipv6", "proxy_ndp"),
    ("IPv4ProxyARP", "ipv4", "proxy_arp"),
    ("ProxyARP", "ipv4", "proxy_arp"),
    ("IPv4ProxyARPPrivateVLAN", "ipv4", "proxy_arp_pvlan"),
    ("IPv4AcceptLocal", "ipv4", "accept_local"),
    ("IPv4RouteLocalnet", "ipv4", "route_localnet"),
];

/// `Gateway=`.
pub fn gateway(value: &str) -> Result<Gateway, Fault> {
    Ok(match value {
        "_dhcp4" => Gateway::Dhcp4,
        "_ipv6ra" => {
            return Err(Fault::Value("not built: the kernel sets routers' routes; the line is".into()));
        }
        _ => Gateway::Address(value::address(value)?),
    })
}

/// A name server: of `ADDRESS:PORT%INTERFACE#NAME` the C library can only be told the address.
fn name_server(word: &str) -> Result<std::net::IpAddr, Fault> {
    if let Ok(address) = word.parse() {
        return Ok(address);
    }
    Err(Fault::Value("no plain address (a port, an interface or a name with it is not built)".into()))
}

fn domain(word: &str) -> Result<String, Fault> {
    let name = word.trim_end_matches('.');
    match is_domain(name) {
        true => Ok(name.to_owned()),
        false if word.starts_with('~') => {
            Err(Fault::Value("a domain only for routing queries, which is not built".into()))
        }
        false => Err(Fault::Value("no domain name".into())),
    }
}
