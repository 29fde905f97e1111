//! Network interfaces as the kernel tells of them.

use netlink_packet_core::Nla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    LinkProtoInfoInet6, Prop,
};
use network::dhcp::Mac;

/// What routers say of a link, as the kernel keeps it (Linux, include/net/if_inet6.h).
const RA_RECEIVED: u32 = 0x20;
const RA_MANAGED: u32 = 0x40;
const RA_OTHER: u32 = 0x80;
/// The attribute that holds it (IFLA_INET6_FLAGS).
const INET6_FLAGS: u16 = 1;

/// A link as the kernel tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub alternative_names: Vec<String>,
    /// What a program made: `bridge`, `veth` ...; empty for hardware.
    pub kind: String,
    /// Its address, if it is an Ethernet one.
    pub mac: Option<Mac>,
    pub permanent_mac: Option<Mac>,
    pub mtu: Option<u32>,
    pub is_ethernet: bool,
    pub is_loopback: bool,
    /// Whether it is somebody's part: of a bond, a bridge, a failover pair.
    pub is_part: bool,
    /// Index of what it is a part of.
    pub master: Option<u32>,
    /// Whether it was brought up.
    pub is_up: bool,
    /// Whether it can carry packets.
    pub has_carrier: bool,
}

impl Link {
    /// Reads the kernel's message; `None` where it has no name, or is not of the link but of IPv6 on it, or of what
    /// it is in a bridge: a bridge's own of that kind says that the bridge is a part of itself.
    pub fn of(message: &LinkMessage) -> Option<Self> {
        let header = &message.header;
        if header.interface_family != AddressFamily::Unspec {
            return None;
        }
        let flags = header.flags;
        let mut link = Self {
            index: header.index,
            name: String::new(),
            alternative_names: Vec::new(),
            kind: String::new(),
            mac: None,
            permanent_mac: None,
            mtu: None,
            is_ethernet: header.link_layer_type == LinkLayerType::Ether,
            is_loopback: flags.contains(LinkFlags::Loopback),
            // `Port` is the kernel's IFF_SLAVE: Hyper-V marks a card so that another stands for.
            is_part: flags.contains(LinkFlags::Port),
            master: None,
            is_up: flags.contains(LinkFlags::Up),
            has_carrier: flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(value) => link.name.clone_from(value),
                LinkAttribute::Address(value) => link.mac = value.as_slice().try_into().ok(),
                LinkAttribute::PermAddress(value) => link.permanent_mac = value.as_slice().try_into().ok(),
                LinkAttribute::Mtu(value) => link.mtu = Some(*value),
                LinkAttribute::Controller(index) if *index != 0 => link.master = Some(*index),
                LinkAttribute::PropList(list) => {
                    link.alternative_names.extend(list.iter().filter_map(|property| match property {
                        Prop::AltIfName(name) => Some(name.clone()),
                        _ => None,
                    }));
                }
                LinkAttribute::LinkInfo(list) => {
                    let kind = list.iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind.to_string()),
                        _ => None,
                    });
                    link.kind = kind.unwrap_or_default();
                }
                _ => {}
            }
        }
        link.is_part |= link.master.is_some();
        (!link.name.is_empty()).then_some(link)
    }
}

/// What the last advertisement of a router said of DHCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouterFlags {
    /// Whether there was one.
    pub received: bool,
    /// There are addresses to have.
    pub managed: bool,
    /// There are settings to have.
    pub other: bool,
}

impl RouterFlags {
    /// Reads the kernel's message, one of the link or one of IPv6 on it; `None` where it does not say.
    pub fn of(message: &LinkMessage) -> Option<Self> {
        let flags = message.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::AfSpecUnspec(list) => list.iter().find_map(|family| match family {
                AfSpecUnspec::Inet6(list) => list.iter().find_map(|item| match item {
                    AfSpecInet6::Flags(flags) => Some(flags.bits()),
                    _ => None,
                }),
                _ => None,
            }),
            LinkAttribute::ProtoInfoInet6(list) => list.iter().find_map(protocol_flags),
            _ => None,
        })?;
        let has = |bit: u32| flags & bit != 0;
        let (managed, other) = (has(RA_MANAGED), has(RA_OTHER));
        // The kernel says that one was received only where it came after a question of the link's own (net/ipv6/ndisc.c):
        // one that comes by itself before the link has an address to ask from says it by what it offers.
        Some(Self { received: has(RA_RECEIVED) || managed || other, managed, other })
    }
}

fn protocol_flags(item: &LinkProtoInfoInet6) -> Option<u32> {
    if item.kind() != INET6_FLAGS || item.value_len() != 4 {
        return None;
    }
    let mut bytes = [0; 4];
    item.emit_value(&mut bytes);
    Some(u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: LinkLayerType, flags: LinkFlags, more: Option<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 2;
        message.header.link_layer_type = kind;
        message.header.flags = flags;
        message.attributes.push(LinkAttribute::IfName("eth0".to_owned()));
        message.attributes.push(LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]));
        message.attributes.extend(more);
        message
    }

    #[test]
    fn parts_of_other_links_are_told() {
        let (up, lower) = (LinkFlags::Up, LinkFlags::LowerUp);
        let ether = LinkLayerType::Ether;
        let cases = [
            (message(ether, up | lower, None), false, true),
            (message(ether, up, None), false, false),
            (message(ether, lower, None), false, false),
            (message(ether, up, Some(LinkAttribute::Controller(7))), true, false),
            (message(ether, up | LinkFlags::Port, None), true, false),
        ];
        for (message, part, carrier) in cases {
            let link = Link::of(&message).unwrap();
            assert_eq!((link.is_part, link.has_carrier), (part, carrier), "{message:?}");
            assert_eq!((link.mac, link.is_ethernet), (Some([2, 0, 0, 0, 0, 1]), true));
        }
        assert!(!Link::of(&message(LinkLayerType::Infiniband, up, None)).unwrap().is_ethernet);
        assert_eq!(Link::of(&LinkMessage::default()), None);
        for family in [AddressFamily::Bridge, AddressFamily::Inet6] {
            let mut message = message(ether, up | lower, Some(LinkAttribute::Controller(2)));
            message.header.interface_family = family;
            assert_eq!(Link::of(&message), None, "{family:?}");
        }
    }

    #[test]
    fn routers_words_on_dhcp_are_read() {
        for (bits, received, managed, other) in [
            (0u32, false, false, false),
            (0x20, true, false, false),
            (0x60, true, true, false),
            (0xa0, true, false, true),
            // Not asked for by the link itself.
            (0x40, true, true, false),
            (0x80, true, false, true),
        ] {
            let flags =
                AfSpecInet6::Flags(netlink_packet_route::link::Inet6IfaceFlags::from_bits_retain(bits));
            let family = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![flags])]);
            let message = message(LinkLayerType::Ether, LinkFlags::Up, Some(family));
            assert_eq!(RouterFlags::of(&message), Some(RouterFlags { received, managed, other }));
        }
    }
}
